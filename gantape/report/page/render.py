"""The page from the facts: a template of Jinja, with scripts, styles and charts in the file itself."""

import base64
import functools
import hashlib
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

import gantape.report.page.facts as facts
from gantape.report.page.curves import Panel, panels
from gantape.report.page.messages import messages
from gantape.report.page.notes import LEAST_SECONDS
from gantape.report.page.pictures import picture_series, single_pictures
from gantape.report.page.run import RunFiles

SILENT_SECONDS, SILENT_INTERVALS = 300.0, 10.0
"""A page that was not written anew for so long, or so many times its interval, is one of a process that has ended."""


def render(run: RunFiles) -> str:
    """The page of a run, as HTML."""
    label, tone = facts.LABELS[run.status]
    shown, left = panels(run)
    name = str(run.section("data").get("name", "")).removesuffix(" train")
    interval = run.notes.interval or LEAST_SECONDS
    return str(
        _environment().get_template("report.html.j2").render(
            title=f"{run.task} on {name}" if name not in ("", "arrays") else run.task,
            folder=run.folder.name or "run",
            label=label,
            tone=tone,
            summary=facts.summary(run),
            messages=messages(run),
            tiles=facts.tiles(run),
            series=picture_series(run.folder),
            single=single_pictures(run.folder),
            panels=shown,
            left=left,
            judged=facts.judged(run),
            judge=facts.judge(run),
            speed=facts.speed(run),
            modes=facts.modes(run),
            settings=facts.settings(run),
            failure=facts.seen_at_failure(run),
            commands=facts.commands(run),
            running=run.status == "running",
            fraction=run.notes.fraction_done if run.status == "running" else 1.0,
            live={
                "running": run.status == "running",
                "updated": run.notes.updated,
                "reloadSeconds": interval,
                "silentSeconds": max(SILENT_SECONDS, SILENT_INTERVALS * interval),
            },
            **_drawn(shown),
            **_assets(bool(shown)),
        )
    )  # fmt: skip


@functools.cache
def _loader() -> PackageLoader:
    return PackageLoader("gantape.report.page", "assets")


@functools.cache
def _environment() -> Environment:
    return Environment(loader=_loader(), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


@functools.cache
def _assets(drawn: bool) -> dict[str, Any]:
    """Script and styles, and the checksum by which the page's policy lets this script run and no other.

    Args:
        drawn: Whether the page has charts: else it does without their library, and so does this process.
    """
    script = _source("report.js")
    if drawn:
        from gantape.report.page.charts import library

        script = f"{library()}\n{script}"
    checksum = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return {"script": Markup(script), "style": Markup(_source("report.css")), "checksum": checksum}


def _drawn(shown: tuple[Panel, ...]) -> dict[str, Any]:
    """What the template needs for the charts. The library is imported with the first of them, not with this module."""
    if not shown:
        return {"charts": [], "colours": ()}
    from gantape.report.page.charts import COLOURS, chart

    return {"charts": [chart(panel) for panel in shown], "colours": COLOURS}


def _source(name: str) -> str:
    return _loader().get_source(_environment(), name)[0]
