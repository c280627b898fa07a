"""What users' own tests may ask of their tasks. A leaf: nothing in the core imports it."""

from gantape.testing.resuming import assert_resumes_exactly

__all__ = ["assert_resumes_exactly"]
