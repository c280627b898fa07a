"""An error in compiled code names the user's line, in one sentence, with advice."""

import pytest
import tensorflow as tf

from gantape.compiler.failures import explain_failure
from gantape.errors import CompileError


def failure_of(function) -> Exception:
    with pytest.raises(Exception) as caught:
        function()
    return caught.value


def users_function(x):
    return x @ x


def users_caller(x):
    return users_function(x) + 1.0


def test_the_innermost_line_of_the_user_is_named_when_traced():
    error = failure_of(lambda: tf.function(users_caller).get_concrete_function(tf.TensorSpec([2, 3])))
    explained = explain_failure(error, "graph", ("model",))
    line = users_function.__code__.co_firstlineno + 1
    assert isinstance(explained, CompileError)
    assert f"{__file__}:{line}, in users_function" in explained.where
    assert "mode graph, updates model" in explained.where
    assert "Dimensions must be equal, but are 3 and 2" in explained.got
    assert "\n" not in explained.got
    assert "shapes that meet in this line" in explained.do


def test_the_innermost_line_of_the_user_is_named_when_run():
    error = failure_of(lambda: users_caller(tf.zeros([2, 3])))
    line = users_function.__code__.co_firstlineno + 1
    assert f"{__file__}:{line}, in users_function" in explain_failure(error, "graph", ("model",)).where


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (AttributeError("'SymbolicTensor' object has no attribute 'numpy'"), "stay with TensorFlow operations"),
        (TypeError("float() argument must be a string or a real number, not 'SymbolicTensor'"), "tf.cast"),
        (ValueError("tf.function only supports singleton tf.Variables created on the first call."), "build_ methods"),
        (RuntimeError("Detected unsupported operations when trying to compile graph on XLA_CPU_JIT"), 'mode="graph"'),
        (RuntimeError("something else"), "fix the line"),
        (RuntimeError(), "fix the line"),
    ],
)
def test_advice_fits_the_failure(error, advice):
    explained = explain_failure(error, "xla", ("a", "b"))
    assert advice in explained.do
    assert 'mode="eager"' in explained.do
    assert "updates a, b" in explained.where
    assert explained.got.startswith(type(error).__name__)
