"""Assertions for tests of custom tasks."""

from gantape.testing.resuming import assert_resumes_exactly

__all__ = ["assert_resumes_exactly"]
