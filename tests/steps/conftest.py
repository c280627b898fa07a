"""The batch of the tests of updates."""

import numpy as np
import pytest


@pytest.fixture
def batch():
    return np.random.default_rng(0).normal(size=(5, 2)).astype("float32")
