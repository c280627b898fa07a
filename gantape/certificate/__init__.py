"""Whether the modes compute one training: a certificate, in which rounding is measured and what differs is named."""

from gantape.certificate.result import Certificate, Comparison, Difference
from gantape.certificate.saved import random_numbers_restored, variables_restored
from gantape.certificate.trials import MODES, certify

__all__ = ["MODES", "Certificate", "Comparison", "Difference", "certify", "random_numbers_restored", "variables_restored"]
