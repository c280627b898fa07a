"""A case trained by gantape, and by `fit` of Keras on the same batches."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

import gantape as gt
from reliability.against_keras.cases import Case, precision_of
from reliability.against_keras.models_of_cases import draw_examples, make_model
from reliability.against_keras.optimizers_of_cases import make_optimizer
from reliability.against_keras.outcomes import TrainingOutcome, variables_of
from reliability.against_keras.targets_of_cases import CLASS_WEIGHTS, make_loss_weights, make_losses, make_metrics


def train_by_gantape(case: Case) -> TrainingOutcome:
    """Train and evaluate by `Loop.run` and `Loop.evaluate`."""

    class Compared(gt.SupervisedTask):
        def build_model(self) -> Any:
            return make_model(case)

        def build_optimizer(self) -> Any:
            return make_optimizer(case)

        def build_loss(self) -> Any:
            return make_losses(case)

        def build_loss_weights(self) -> Any:
            return make_loss_weights(case)

        def build_class_weights(self) -> Any:
            return CLASS_WEIGHTS if case.class_weights else {}

        def build_metrics(self) -> gt.MetricSet:
            return gt.MetricSet(
                **{
                    name: gt.OutputMetric(metric, output, weighted=case.weighted_metrics)
                    for name, output, metric in _named_metrics(case)
                }
            )

        def updates(self) -> tuple[gt.Update, ...]:
            options = gt.GradientOptions(accumulate=case.accumulate, clip_norm=case.clip or None)
            return (gt.Update("model", self._training, (self.model,), self.optimizer, gradient_options=options),)

    with precision_of(case):
        task = Compared(precision=case.policy)
        training, validation = _data(case)
        loop = gt.Loop(task, seed=case.seed, compiler=gt.StepCompiler(case.mode), progress=False)
        held_out = gt.data.from_arrays(validation, batch_size=case.batch_size)
        history = loop.run(gt.data.from_arrays(training, batch_size=case.batch_size), validation=held_out, epochs=case.epochs)
        own = {"step", "epoch", "seconds", "split"}
        trained = [row for row in history if row["split"] == "train"]
        held = [row for row in history if row["split"] == "validation"]
        rows = [
            {name: value for name, value in one.items() if name not in own}
            | {f"val_{name}": value for name, value in other.items() if name not in own}
            for one, other in zip(trained, held, strict=True)
        ]
        return TrainingOutcome(_variables(case, task.model, task.optimizer), rows, loop.evaluate(held_out))


def train_by_keras(case: Case) -> TrainingOutcome:
    """Train and evaluate by `fit` and `evaluate`, on the batches that gantape reads."""
    with precision_of(case):
        model = make_model(case)
        further: dict[str, Any] = {"global_clipnorm": case.clip} if case.clip else {}
        if case.accumulate > 1:
            further["gradient_accumulation_steps"] = case.accumulate
        metrics = make_metrics(case)
        by_output: Any = metrics if case.outputs == "dict" else list(metrics.values())
        metrics_of_all = by_output[0] if case.outputs == "one" else by_output
        model.compile(
            make_optimizer(case, dense=case.inputs in ("tokens", "masked"), **further),
            make_losses(case),
            loss_weights=make_loss_weights(case) or None,
            **{"weighted_metrics" if case.weighted_metrics else "metrics": metrics_of_all},
            run_eagerly=case.mode == "eager",
            jit_compile=case.mode.startswith("xla"),
        )
        model.optimizer.build(model.trainable_variables)  # as gantape does: before a layer has changed weights in a pass
        training, validation = _data(case)
        steps = case.examples // case.batch_size // case.accumulate * case.accumulate
        used = steps * case.batch_size
        order = np.concatenate([gt.data.shuffled(case.examples, case.seed, epoch)[:used] for epoch in range(case.epochs)])
        ordered = tf.nest.map_structure(lambda array: array[order], training)
        held_out = tf.data.Dataset.from_tensor_slices(validation).batch(case.batch_size)
        history = model.fit(
            tf.data.Dataset.from_tensor_slices(ordered).batch(case.batch_size),
            validation_data=held_out,
            class_weight=CLASS_WEIGHTS if case.class_weights else None,
            epochs=case.epochs,
            steps_per_epoch=steps,
            shuffle=False,
            verbose=0,
        )
        rows = [{name: values[epoch] for name, values in history.history.items()} for epoch in range(case.epochs)]
        return TrainingOutcome(
            _variables(case, model, model.optimizer), rows, model.evaluate(held_out, return_dict=True, verbose=0)
        )


def _named_metrics(case: Case) -> Any:
    """The metrics of a case, with the names that Keras gives them, each with its output."""
    for place, (output, own) in enumerate(make_metrics(case).items()):
        for metric in own:
            if case.outputs == "one":
                yield metric.name, None, metric
            else:
                yield f"{output}_{metric.name}", output if case.outputs == "dict" else place, metric


def _data(case: Case) -> tuple[Any, Any]:
    rng = np.random.default_rng(case.seed)
    return draw_examples(case, case.examples, rng), draw_examples(case, case.validation, rng)


def _variables(case: Case, model: keras.Model, optimizer: Any) -> Any:
    """Those of the optimizer only where both have the same: one that accumulates by itself has more, and counts otherwise."""
    return variables_of(model) if case.accumulate > 1 else variables_of(model, optimizer)
