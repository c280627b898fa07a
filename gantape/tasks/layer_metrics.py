"""The metrics that layers keep: a layer may have a metric as an attribute, and update it when it is called."""

from gantape._tensorflow import metrics_of, sublayers
from gantape.errors import MetricError
from gantape.metrics import MetricSet
from gantape.tasks.task import Task
from gantape.types import Metric


def metrics_of_layers(task: Task) -> MetricSet:
    """The metrics that the layers of the trained models keep, by their names. As in `fit`, they are logged beside the others.

    Raises:
        MetricError: If two of them share a name, or have that of another metric or column.
    """
    models = {id(model): model for update in task.updates() for model in update.models}
    layers = {id(layer): layer for model in models.values() for layer in sublayers(model)}
    found: dict[str, Metric] = {}
    for layer in layers.values():
        for metric in metrics_of(layer):
            others = (*found, *task.metrics.names, *task.evaluation_metrics.names)
            if metric.name in others and found.get(metric.name) is not metric:
                raise MetricError(
                    "a layer keeps a metric with the name of another.",
                    where=f"{type(task).__name__}, layer {layer.name}",
                    got=f'"{metric.name}", a {type(metric).__name__}',
                    do='give it a name of its own: keras.metrics.Mean(name="activation"), say.',
                )
            found[metric.name] = metric
    return MetricSet(**found)
