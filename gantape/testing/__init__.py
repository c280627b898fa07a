"""Assertions for tests of custom tasks."""

from gantape.testing.modes import assert_modes_agree
from gantape.testing.resuming import assert_resumes_exactly

__all__ = ["assert_modes_agree", "assert_resumes_exactly"]
