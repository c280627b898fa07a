"""Draw the variables that a GAN's gradient tapes watch, and the path of the gradient: `docs/images/updates.svg`.

The facts are read from the updates of a task; only the places of the boxes are given here.
"""

import itertools
import sys
from pathlib import Path
from typing import Literal

import attrs

from gantape import Update
from gantape.zoo import DCGAN

Role = Literal["data", "constant", "passed", "moved"]

NETWORKS = ("generator", "discriminator")
STYLES: dict[Role, str] = {
    "data": 'fill="none" stroke="none"',
    "constant": 'fill="#eeeeee" stroke="#9e9e9e"',
    "passed": 'fill="#ffffff" stroke="#c62828" stroke-dasharray="5 4"',
    "moved": 'fill="#c5cae9" stroke="#283593" stroke-width="2"',
}
NOTES: dict[Role, str] = {
    "data": "",
    "constant": "not recorded",
    "passed": "gradient passes through",
    "moved": "watched and moved",
}
WIDTH, PANEL, HEIGHT = 800, 200, 44


@attrs.frozen
class Box:
    """A box of the drawing, `x` and `y` being its middle, in pixels."""

    text: str
    x: int
    y: int
    width: int
    role: Role = "data"

    def draw(self) -> str:
        """The box as SVG."""
        left, top = self.x - self.width // 2, self.y - HEIGHT // 2
        return (
            f'<rect x="{left}" y="{top}" width="{self.width}" height="{HEIGHT}" rx="6" {STYLES[self.role]}/>'
            f'<text x="{self.x}" y="{self.y + 5}">{self.text}</text>'
            f'<text x="{self.x}" y="{self.y - HEIGHT // 2 - 8}" class="note">{NOTES[self.role]}</text>'
        )


def roles(update: Update) -> dict[str, Role]:
    """The effect of an update on each network."""
    moved = [model.name for model in update.models]
    found: dict[str, Role] = {}
    for name in NETWORKS:
        before = "moved" in found.values()
        found[name] = "moved" if name in moved else "passed" if before else "constant"
    return found


def draw_panel(update: Update, sees_real: bool, top: int) -> str:
    """One update as SVG, from `top` on."""
    role, middle = roles(update), top + 100
    latents, fake = Box("latents", 50, middle, 80), Box("fake images", 340, middle, 100)
    generator = Box("generator", 190, middle, 120, role["generator"])
    discriminator = Box("discriminator", 500, middle, 130, role["discriminator"])
    scores, loss = Box("scores", 640, middle, 70), Box("loss", 745, middle, 60)
    forward = [latents, generator, fake, discriminator, scores, loss]
    parts = [f'<text x="20" y="{top + 34}" class="title">Update "{update.name}"</text>']
    parts += [
        _arrow(one.x + one.width // 2, middle, other.x - other.width // 2, middle) for one, other in itertools.pairwise(forward)
    ]
    if sees_real:
        real = Box("real images", 340, middle + 56, 100)
        parts += [real.draw(), _arrow(390, middle + 56, 460, middle + HEIGHT // 2 + 2)]
    parts += [box.draw() for box in forward]
    target = next(box for box in (generator, discriminator) if box.role == "moved")
    low = middle + (44 if target is generator else 40)
    parts.append(
        f'<path d="M {loss.x} {middle + 16} V {low} H {target.x} V {middle + HEIGHT // 2 + 4}" class="back" '
        'marker-end="url(#back)"/>'
        f'<text x="{(loss.x + target.x) // 2 + 40}" y="{low + 18}" class="back-note">gradient</text>'
    )
    return "\n".join(parts)


def _arrow(x: int, y: int, to_x: int, to_y: int) -> str:
    return f'<path d="M {x} {y} L {to_x - 2} {to_y}" class="forward" marker-end="url(#forward)"/>'


def draw(task: DCGAN) -> str:
    """The whole drawing."""
    panels = [
        draw_panel(update, update.name == "discriminator" or task.loss.generator_sees_real, index * PANEL)
        for index, update in enumerate(task.updates())
    ]
    markers = "".join(
        f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M 0 0 L 8 4 L 0 8 z" fill="{colour}"/></marker>'
        for name, colour in (("forward", "#424242"), ("back", "#c62828"))
    )
    style = (
        "text { font: 14px sans-serif; text-anchor: middle; fill: #212121 } "
        ".title { text-anchor: start; font-weight: bold } .note { font-size: 12px; fill: #616161 } "
        ".forward { stroke: #424242; fill: none } .back { stroke: #c62828; stroke-width: 2; fill: none } "
        ".back-note { fill: #c62828; font-size: 12px }"
    )
    height = PANEL * len(panels)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
            f"<style>{style}</style><defs>{markers}</defs>",
            f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
            *panels,
            "</svg>\n",
        ]
    )


if __name__ == "__main__":
    default = Path(__file__).parents[2] / "docs/images/updates.svg"
    (Path(sys.argv[1]) if len(sys.argv) > 1 else default).write_text(draw(DCGAN(width=1)))
