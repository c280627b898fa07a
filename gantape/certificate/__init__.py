"""Whether the modes compute one training: a certificate, in which rounding is measured and what differs is named."""

from gantape.certificate.result import Certificate, Comparison, Difference

__all__ = ["Certificate", "Comparison", "Difference"]
