"""The function of the program that trains."""

from collections.abc import Sequence

from gantape.ejection.parts import Named, metric_name, optimizer_name
from gantape.ejection.passes import Passes
from gantape.steps.step import Update


def train_function(named: Named, passes: Passes, metrics: Sequence[str], *, compiled: bool) -> str:
    """The function that trains, and the one of a step, if steps are compiled.

    Args:
        named: The names of the program.
        passes: The forward passes that updates share.
        metrics: The metrics that the program prints.
        compiled: Whether steps are compiled.
    """
    calls = [line for update in named.updates for line in _calls(named, passes, update, compiled)]
    shown = [f'"{update.name}", float({update.name}_loss)' for update in named.updates if update.every == 1]
    shown += [f'"{name}", float({metric_name(name)}.result())' for name in metrics]
    head = ['"""The training loop."""', "stream = batches()", "for step in range(steps):"]
    batches = f"    taken = [next(stream) for _ in range({named.batches_per_step})]"
    end = ["    if step % 100 == 0 or step == steps - 1:", f"        print({', '.join(['step', *shown])})"]
    averaged = [update for update in named.updates if getattr(update.optimizer, "use_ema", False)]
    end += [
        f"{optimizer_name(update)}.finalize_variable_values({named.code_of_variables(update)})  # averages of weights"
        for update in averaged
    ]
    if not compiled:
        body = [*head, batches, *(f"    {line}" for line in calls), *end]
        return _function("train", "steps=STEPS", body) + MAIN
    due = [name for update in named.updates for name in _due(update)]
    losses = [f"{update.name}_loss" for update in named.updates if update.every == 1]
    inner = ['"""All updates of one step; returns their losses."""', *calls, f"return {', '.join(losses) or 'step'}"]
    conditions = [f"step % {every} == 0" for update in named.updates for every in _due(update).values()]
    call = f"train_step({', '.join(['taken', 'tf.constant(step, tf.int64)', *conditions])})"
    body = [
        *(f"{optimizer}.build({variables})" for optimizer, variables in named.built()),
        "stream = batches()",
        "for step in range(steps):",
        batches,
        f"    {', '.join(losses) or '_'} = {call}",
        *end,
    ]
    step = "\n@tf.function" + _function("train_step", ", ".join(["taken", "step", *due]), inner)
    return step + "\n" + _function("train", "steps=STEPS", [head[0], *body]) + MAIN


MAIN = """

if __name__ == "__main__":
    train()
"""


def _function(name: str, arguments: str, body: list[str]) -> str:
    return "\n".join([f"\ndef {name}({arguments}):", *(f"    {line}" for line in body), ""])


def _due(update: Update) -> dict[str, int]:
    """The conditions of an update and of its lazy terms by their names in the program, each true in every n-th step."""
    own = {f"with_{update.name}": update.every} if update.every > 1 else {}
    return own | {f"with_{update.name}_{term}": every for term, every in update.lazy.items()}


def _calls(named: Named, passes: Passes, update: Update, compiled: bool) -> list[str]:
    """The lines that do an update in a step."""
    width, many = named.batches_per_step, update.gradient_options.accumulate
    first = width - update.batches
    results = ", ".join([f"{update.name}_loss", *passes.names_of(update)])
    terms = [f"with_{update.name}_{term}" if compiled else f"step % {every} == 0" for term, every in update.lazy.items()]
    once = update.repeats == 1
    place = "0" if once else "place" if many == 1 else f"{many} * place"
    begin = str(first) if once else f"{first} + {place}" if first else place
    batches = f"*taken[{begin}]"
    if many > 1:
        batches = f"taken[{begin}:]" if once else f"taken[{begin} : {begin} + {many}]"
    arguments = ", ".join([batches, "step", place, *passes.used_by(update), *terms])
    lines = [f"{results} = update_{update.name}({arguments})"]
    if not once:
        lines = [f"for place in range({update.repeats}):", *(f"    {line}" for line in lines)]
    if update.every > 1:
        condition = f"with_{update.name}" if compiled else f"step % {update.every} == 0"
        lines = [f"if {condition}:", *(f"    {line}" for line in lines)]
    return lines
