"""Draw the variables that a GAN's gradient tapes watch, and the path of the gradient: `docs/images/updates/`.

There is a drawing for each update. The facts are read from the updates of a task; only the places of the boxes are given here,
close together, so that the text can be read on a phone.
"""

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
WIDTH, HEIGHT = 440, 286
HALF = 24
"""Half the height of a box."""
FIRST, SECOND, THIRD = 74, 174, 258
"""The middles of the rows."""


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
        note = NOTES[self.role]
        return (
            f'<rect x="{self.x - self.width // 2}" y="{self.y - HALF}" width="{self.width}" height="{2 * HALF}" rx="6" '
            f'{STYLES[self.role]}/><text x="{self.x}" y="{self.y + (-2 if note else 5)}">{self.text}</text>'
            + (f'<text x="{self.x}" y="{self.y + 15}" class="note">{note}</text>' if note else "")
        )

    @property
    def left(self) -> int:
        """The left side."""
        return self.x - self.width // 2

    @property
    def right(self) -> int:
        """The right side."""
        return self.x + self.width // 2


def roles(update: Update) -> dict[str, Role]:
    """The effect of an update on each network."""
    moved = [model.name for model in update.models]
    found: dict[str, Role] = {}
    for name in NETWORKS:
        before = "moved" in found.values()
        found[name] = "moved" if name in moved else "passed" if before else "constant"
    return found


def draw(update: Update, *, sees_real: bool) -> str:
    """One update as SVG: from the latents to the right, down into the discriminator, and to the left to the loss."""
    role = roles(update)
    latents, fake = Box("latents", 42, FIRST, 64), Box("fake images", 360, FIRST, 96)
    generator = Box("generator", 186, FIRST, 136, role["generator"])
    discriminator = Box("discriminator", 350, SECOND, 164, role["discriminator"])
    scores, loss = Box("scores", 196, SECOND, 60), Box("loss", 92, SECOND, 48)
    ahead, back = 382, 316
    parts = [
        f'<text x="12" y="26" class="title">Update "{update.name}"</text>',
        _forward((latents.right, FIRST), (generator.left, FIRST)),
        _forward((generator.right, FIRST), (fake.left, FIRST)),
        _forward((ahead, FIRST + 14), (ahead, SECOND - HALF)),
        _forward((discriminator.left, SECOND), (scores.right, SECOND)),
        _forward((scores.left, SECOND), (loss.right, SECOND)),
    ]
    boxes = [latents, generator, fake, discriminator, scores, loss]
    if sees_real:
        boxes.append(Box("real images", ahead - 10, THIRD, 100))
        parts.append(_forward((ahead, THIRD - 14), (ahead, SECOND + HALF)))
    low = SECOND + HALF + 24
    parts.append(_backward(f"M {loss.x} {SECOND + 14} V {low} H {back} V {SECOND + HALF + 5}"))
    parts.append(f'<text x="{(loss.x + back) // 2}" y="{low + 18}" class="back-note">gradient</text>')
    if generator.role == "moved":
        high = (FIRST + SECOND) // 2
        parts.append(_backward(f"M {back} {SECOND - HALF - 2} V {high} H {generator.x} V {FIRST + HALF + 5}"))
    style = (
        "text { font: 15px sans-serif; text-anchor: middle; fill: #212121 } "
        ".title { text-anchor: start; font-weight: bold } .note { font-size: 12px; fill: #616161 } "
        ".forward { stroke: #424242; fill: none } .back { stroke: #c62828; stroke-width: 2; fill: none } "
        ".back-note { fill: #c62828; font-size: 13px }"
    )
    markers = "".join(
        f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M 0 0 L 8 4 L 0 8 z" fill="{colour}"/></marker>'
        for name, colour in (("forward", "#424242"), ("back", "#c62828"))
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
            f"<style>{style}</style><defs>{markers}</defs>",
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
            *parts,
            *(box.draw() for box in boxes),
            "</svg>\n",
        ]
    )


def _forward(start: tuple[int, int], end: tuple[int, int]) -> str:
    return f'<path d="M {start[0]} {start[1]} L {end[0]} {end[1]}" class="forward" marker-end="url(#forward)"/>'


def _backward(path: str) -> str:
    return f'<path d="{path}" class="back" marker-end="url(#back)"/>'


def main(folder: Path) -> None:
    """Draw every update."""
    folder.mkdir(parents=True, exist_ok=True)
    task = DCGAN(width=1)
    for update in task.updates():
        sees_real = update.name == "discriminator" or task.loss.generator_sees_real
        (folder / f"{update.name}.svg").write_text(draw(update, sees_real=sees_real))


if __name__ == "__main__":
    default = Path(__file__).parents[2] / "docs/images/updates"
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else default)
