"""What every test starts from: quiet TensorFlow, the same seed, and no trace of the test before.

Properties are tried on 25 examples, the same in every run. `pytest --hypothesis-profile thorough` tries 500 new ones.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("GANTAPE_IMAGE_CACHE_GB", "0")  # tests leave no decoded images in the user's cache

from collections.abc import Iterator

import keras
import pytest
from hypothesis import settings
from loguru import logger

settings.register_profile("quick", max_examples=25, deadline=None, derandomize=True)
settings.register_profile("thorough", max_examples=500, deadline=None)
settings.load_profile("quick")


@pytest.fixture(autouse=True)
def _same_start() -> Iterator[None]:
    float_type, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_floatx(float_type)
    keras.config.set_dtype_policy(policy)
    logger.disable("gantape")
