"""Whether the modes compute one training: a certificate, in which rounding is measured and what differs is named."""

from gantape.certificate.result import Certificate, Comparison, Difference
from gantape.certificate.trials import certify

__all__ = ["Certificate", "Comparison", "Difference", "certify"]
