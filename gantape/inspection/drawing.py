"""The updates of a task as a drawing: who is fed by whom, and the way of the gradient back."""

import itertools
from collections.abc import Sequence
from html import escape

from gantape.errors import counted
from gantape.inspection.clues import Clue
from gantape.inspection.layout import BOX_HEIGHT, BOX_WIDTH, LEFT, PlacedBox, Placement, place
from gantape.inspection.update import NetworkCall, SeenUpdate

_LONGEST = 18
_LEGEND = 56

_STYLE = """
.gt-seen { --ink: #212121; --soft: #616161; --paper: #ffffff; --still: #eeeeee; --moved: #c5cae9; --edge: #283593;
  --back: #c62828 }
@media (prefers-color-scheme: dark) { .gt-seen { --ink: #eceff1; --soft: #b0bec5; --paper: #1e2129; --still: #37404a;
  --moved: #303f9f; --edge: #9fa8da; --back: #ff8a80 } }
.gt-seen text { font: 14px sans-serif; fill: var(--ink); text-anchor: middle }
.gt-seen .title { font-weight: bold; text-anchor: start }
.gt-seen .note { font-size: 11px; fill: var(--soft) } .gt-seen .key { font-size: 12px; text-anchor: start; fill: var(--soft) }
.gt-seen .paper { fill: var(--paper) } .gt-seen rect.constant { fill: var(--still); stroke: var(--soft) }
.gt-seen rect.passed { fill: var(--paper); stroke: var(--back); stroke-dasharray: 5 4 }
.gt-seen rect.moved { fill: var(--moved); stroke: var(--edge); stroke-width: 2 } .gt-seen .given { text-anchor: end }
.gt-seen rect.term { fill: var(--paper); stroke: var(--soft) }
.gt-seen .forward { fill: none; stroke: var(--soft); stroke-width: 1.2 } .gt-seen .head { fill: var(--soft) }
.gt-seen .back { fill: none; stroke: var(--back); stroke-width: 2 } .gt-seen .back-head { fill: var(--back) }
"""
_MARKERS = "".join(
    f'<marker id="gt-{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
    f'markerUnits="userSpaceOnUse" orient="auto"><path d="M 0 0 L 8 4 L 0 8 z" class="{name}"/></marker>'
    for name in ("head", "back-head")
)
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>:root {{ color-scheme: light dark }}
body {{ font: 15px/1.5 sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }}
pre {{ overflow-x: auto }} svg {{ max-width: 100%; height: auto }} table {{ border-collapse: collapse; margin: 1rem 0 }}
td, th {{ padding: .15rem .8rem; text-align: left }} td:last-child {{ text-align: right }}</style></head>
<body><h1>{title}</h1>{body}</body></html>
"""


def draw_svg(title: str, updates: Sequence[SeenUpdate]) -> str:
    """The drawing as an SVG file: one update below the other, in the colours of a light or a dark page."""
    panels, top, width = [], 0, 640
    for update in updates:
        placement = place(update)
        panels.append(f'<g transform="translate(0 {top})">{_panel(update, placement)}</g>')
        top += placement.height + 24
        width = max(width, placement.width)
    height = top + _LEGEND
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="gt-seen" viewBox="0 0 {width} {height}" width="{width}" role="img">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style><defs>{_MARKERS}</defs>"
        f'<rect width="{width}" height="{height}" class="paper"/>{"".join(panels)}{_legend(top)}</svg>\n'
    )


def draw_fragment(title: str, updates: Sequence[SeenUpdate], findings: Sequence[Clue], text: str) -> str:
    """The drawing with findings and text below it, for a page or a notebook."""
    clues = "".join(
        f"<li>{escape(clue.what)}<br><small>{escape(clue.where)}<br>{escape(clue.do)}</small></li>" for clue in findings
    )
    found = f"<h3>Findings</h3><ul>{clues}</ul>" if clues else "<p>No findings.</p>"
    return f"{draw_svg(title, updates)}{found}<details><summary>As text</summary><pre>{escape(text)}</pre></details>"


def draw_html(title: str, updates: Sequence[SeenUpdate], findings: Sequence[Clue], text: str) -> str:
    """A page with the drawing, findings, text, and the norm of the gradient in each layer."""
    body = draw_fragment(title, updates, findings, text) + "".join(map(_layers, updates))
    return _PAGE.format(title=escape(title), body=body)


def _panel(update: SeenUpdate, placement: Placement) -> str:
    count = len(update.findings)
    findings = f", {counted(count, 'finding')}" if count else ""
    title = f'update "{update.name}": moves {", ".join(update.moves) or "no network"}{findings}'
    parts = [f'<text x="{LEFT}" y="26" class="title">{escape(title)}</text>']
    parts += [_arrows(way, _is_way_back(update, way[0].name, way[-1].name)) for way in placement.arrows]
    return "".join([*parts, *(_box(update, box) for box in placement.boxes.values())])


def _is_way_back(update: SeenUpdate, before: str, name: str) -> bool:
    """Whether a gradient that moves something comes back along an arrow."""
    giver = _call(update, before)
    taker = _call(update, name)
    return giver is not None and giver.role != "constant" and giver.reached and (taker is None or taker.passes)


def _call(update: SeenUpdate, name: str) -> NetworkCall | None:
    return update.calls[int(name[1:])] if name.startswith("#") else None


def _arrows(way: Sequence[PlacedBox], back: bool) -> str:
    """An arrow along its lanes, and one below it for the gradient that comes back."""
    stops = [(way[0].right, way[0].y)]
    stops += [stop for lane in way[1:-1] for stop in ((lane.x, lane.y), (lane.right, lane.y))]
    stops.append((way[-1].x, way[-1].y))
    if not back:
        return _curve(stops, "forward", "head")
    there, again = ([(x, y + shift) for x, y in stops] for shift in (-5, 5))
    return _curve(there, "forward", "head") + _curve(again[::-1], "back", "back-head")


def _curve(stops: Sequence[tuple[int, int]], kind: str, head: str) -> str:
    drawn = [f"M {stops[0][0]} {stops[0][1]}"]
    for (x, y), (to_x, to_y) in itertools.pairwise(stops):
        middle = (x + to_x) // 2
        drawn.append(f"C {middle} {y} {middle} {to_y} {to_x} {to_y}")
    return f'<path d="{" ".join(drawn)}" class="{kind}" marker-end="url(#gt-{head})"/>'


def _box(update: SeenUpdate, box: PlacedBox) -> str:
    call, term = _call(update, box.name), box.name.removeprefix("term:")
    if call is None and term == box.name:
        return f'<text x="{box.right - 8}" y="{box.y + 5}" class="given">{escape(box.name)}</text>'
    if call is None:
        kind, text, note = "term", term, f"{update.terms[term]:.4g}"
    else:
        kind, text = str(call.role), call.network
        note = f"{box.name} {'training not said' if call.training is None else f'training={call.training}'}"
    text = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    middle, top = box.x + BOX_WIDTH // 2, box.y - BOX_HEIGHT // 2
    return (
        f'<rect x="{box.x}" y="{top}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6" class="{kind}"/>'
        f'<text x="{middle}" y="{box.y}">{escape(text)}</text>'
        f'<text x="{middle}" y="{box.y + 15}" class="note">{escape(note)}</text>'
    )


def _legend(top: int) -> str:
    keys = (("moved", "watched and moved"), ("passed", "gradient passes through"), ("constant", "no gradient goes further"))
    parts = [
        f'<rect x="{LEFT + 190 * place}" y="{top + 8}" width="16" height="16" rx="3" class="{kind}"/>'
        f'<text x="{LEFT + 24 + 190 * place}" y="{top + 21}" class="key">{text}</text>'
        for place, (kind, text) in enumerate(keys)
    ]
    parts.append(
        f'<path d="M {LEFT + 24} {top + 42} H {LEFT + 2}" class="back" marker-end="url(#gt-back-head)"/>'
        f'<text x="{LEFT + 34}" y="{top + 46}" class="key">the way of the gradient to what the update moves</text>'
    )
    return "".join(parts)


def _layers(update: SeenUpdate) -> str:
    rows = "".join(
        f"<tr><td>{escape(network)}</td><td>{escape(layer)}</td><td>{'none' if length is None else f'{length:.3g}'}</td></tr>"
        for network in update.moves
        for layer, length in update.layers[network].items()
    )
    head = "<tr><th>network</th><th>layer</th><th>norm of the gradient</th></tr>"
    return f"<h2>{escape(update.name)}: the gradient in each layer that it moves</h2><table>{head}{rows}</table>"
