"""Draw the value and the gradient of each loss and penalty: `docs/images/losses/`.

One score of 64 is varied, the others are 0; values are times 64, and relative to that at 0. Where labels are noisy, they are
means over draws.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import tensorflow as tf

from docs.figures import new_axes, save
from gantape import RandomStreams, losses

COUNT, DRAWS = 64, 16
SCORES = np.linspace(-4.0, 4.0, 81, dtype=np.float32)

LOSSES: dict[str, losses.AdversarialLoss] = {
    "minimax": losses.Minimax(),
    "non_saturating": losses.NonSaturating(),
    "least_squares": losses.LeastSquares(),
    "pearson": losses.LeastSquares.pearson(),
    "wasserstein": losses.Wasserstein(),
    "hinge": losses.Hinge(),
    "noisy_labels": losses.NoisyLabels(),
    "relativistic_pairing": losses.RelativisticPairing(),
    "relativistic_average": losses.RelativisticAverage(),
    "relativistic_average_hinge": losses.RelativisticAverageHinge(),
    "one_sided_smoothing": losses.OneSidedSmoothing(losses.NonSaturating()),
    "label_noise": losses.LabelNoise(losses.NonSaturating(), 0.2),
    "top_k": losses.TopK(losses.NonSaturating(), decay=0.0),
}
PENALTIES: dict[str, losses.Penalty] = {
    "GradientPenalty(), DraganPenalty()": losses.GradientPenalty(),
    "one_sided=True": losses.GradientPenalty(one_sided=True),
    "R1(), R2()": losses.R1(),
}
CURVES: tuple[tuple[str, str, str], ...] = (
    ("discriminator, score of a real example", "C0", "-"),
    ("discriminator, score of a generated one", "C1", "-"),
    ("generator, score of its example", "C2", "--"),
)


def cost(loss: losses.AdversarialLoss, player: int, score: tf.Tensor, draw: tf.Tensor) -> tf.Tensor:
    """The loss of a player times the number of scores; `player` is the place in `CURVES`."""
    still = tf.zeros([COUNT, 1])
    varied = tf.concat([tf.reshape(score, [1, 1]), still[1:]], axis=0)
    real, fake = (varied, still) if player == 0 else (still, varied)
    play = loss.generator if player == 2 else loss.discriminator
    return COUNT * tf.add_n(list(play(real, fake, RandomStreams(0, draw)).values()))


def curve(loss: losses.AdversarialLoss, player: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Values and gradients over the scores."""

    @tf.function
    def value_and_gradient(score: tf.Tensor, draw: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(score)
            value = cost(loss, player, score, draw)
        return value - cost(loss, player, tf.zeros([]), draw), tape.gradient(value, score)

    draws = DRAWS if isinstance(loss, losses.NoisyLabels | losses.LabelNoise) else 1
    found = [[value_and_gradient(tf.constant(s), tf.constant(d, tf.int64)) for d in range(draws)] for s in SCORES]
    values, gradients = np.moveaxis(np.array(found).mean(axis=1), 1, 0)
    # NoisyLabels takes one mean over both kinds, twice as many.
    factor = 2.0 if isinstance(loss, losses.NoisyLabels) and player < 2 else 1.0
    return factor * values, factor * gradients


def penalty_curve(penalty: losses.Penalty, norms: np.ndarray[Any, Any]) -> tuple[list[float], list[float]]:
    """Values and derivatives over the norm of the gradient of a linear discriminator."""
    points, values, slopes = tf.ones([2, 1]), [], []
    for norm in norms:
        weight = tf.constant(norm)
        with tf.GradientTape() as tape:
            tape.watch(weight)
            value = penalty(lambda examples, training, weight=weight: weight * examples, points, points, RandomStreams(0))
        values.append(float(value))
        slopes.append(float(tape.gradient(value, weight)))
    return values, slopes


def draw(stem: Path, x: Any, label: str, curves: list[tuple[str, str, str, Any, Any]]) -> None:
    """Two plots: the values in `stem`_loss.svg, the gradients in `stem`_gradient.svg."""
    for place, kind in ((3, "loss"), (4, "gradient")):
        axes = new_axes(xlabel=label, ylabel=kind)
        axes.axhline(0.0, color="black", linewidth=0.6)
        for one in curves:
            axes.plot(x, one[place], color=one[1], linestyle=one[2], label=one[0])
        axes.get_figure(root=True).legend(loc="outside lower center", fontsize=9)
        save(axes, stem.with_name(f"{stem.name}_{kind}.svg"))


def main(folder: Path) -> None:
    """Draw all of them."""
    for name, loss in LOSSES.items():
        curves = [(*style, *curve(loss, player)) for player, style in enumerate(CURVES)]
        draw(folder / name, SCORES, "score", curves)
    norms = np.linspace(0.0, 2.5, 51, dtype=np.float32)
    curves = [
        (name, f"C{place}", "-", *penalty_curve(penalty, norms)) for place, (name, penalty) in enumerate(PENALTIES.items())
    ]
    draw(folder / "penalties", norms, "norm of the discriminator's gradient", curves)


if __name__ == "__main__":
    default = Path(__file__).parents[2] / "docs/images/losses"
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else default)
