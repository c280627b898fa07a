"""The messages at the top of the page: why a run ended, the judgement of its samples, and findings of health checks."""

from collections.abc import Mapping
from typing import Any, Literal

import attrs

from gantape.report.page.run import RunFiles
from gantape.report.page.words import plain, sentence, texts

Tone = Literal["good", "neutral", "warning", "bad"]


@attrs.frozen
class Message:
    """A sentence at the top of the page.

    Args:
        tone: How good the news are.
        title: The news.
        text: What was seen.
        advice: What to try; empty where nothing has to be done.
    """

    tone: Tone
    title: str
    text: str = ""
    advice: str = ""


def messages(run: RunFiles) -> tuple[Message, ...]:
    """What ended the run, the verdict on what it made, and what its health checks found: what lasts before what is past."""
    found = []
    if run.status == "failed":
        found.append(_failure(run))
    if run.status == "killed":
        found.append(
            Message("warning", "The process of this run ended without a word", f"It was last seen at step {run.step:,}.",
                    "go on from the newest checkpoint, as shown below")
        )  # fmt: skip
    outcome = run.section("outcome")
    if run.status != "running" and isinstance(outcome.get("good"), bool):
        found.append(_verdict(outcome))
    findings = run.listed("health")
    found += [_lasting(finding) for finding in findings if finding.get("recovered") is None]
    if not findings:
        found += [Message("warning", sentence(text)) for text in texts(run.evaluation.get("findings"))]
    found += [_past(finding) for finding in findings if finding.get("recovered") is not None]
    if not found and "health" in run.record and run.status != "running":
        found.append(Message("good", "Healthy", "The checks of the run have found nothing that goes wrong."))
    return tuple(found)


def _verdict(outcome: Mapping[str, Any]) -> Message:
    """The verdict on what a run made, with its own words: `Good: ...` or `Bad: ...`."""
    good = bool(outcome["good"])
    _, _, reason = str(outcome.get("reason", "")).partition(": ")
    of = f"{outcome['count']:,} samples were judged against real images." if isinstance(outcome.get("count"), int) else ""
    return Message("good" if good else "bad", f"{'Good' if good else 'Bad'}: {reason}", of)


def _lasting(finding: Mapping[str, Any]) -> Message:
    """A failure that a health check found and that lasts."""
    words = f"{_at(finding.get('step'))}{finding.get('words', '')}."
    return Message("warning", f"Warning: {finding.get('name', '')}", words, str(finding.get("advice", "")))


def _past(finding: Mapping[str, Any]) -> Message:
    """A failure that is over."""
    name = sentence(finding.get("name", ""))
    return Message(
        "neutral", f"{name}: over", f"{_at(finding.get('step'))}found; by step {plain(finding['recovered'])} it was over."
    )


def _at(step: Any) -> str:
    return f"Step {step:,}: " if isinstance(step, int) else ""


def _failure(run: RunFiles) -> Message:
    error = run.notes.error
    if not error:
        kind = run.record.get("stopped_by") or "an error"
        return Message("bad", f"The run failed at step {run.step:,}", f"It was ended by {kind}.")
    words = [
        sentence(error.get("what", "")),
        *[f"{sentence(name)}: {error[name]}" for name in ("where", "got") if error.get(name)],
    ]
    return Message("bad", f"The run failed: {error.get('kind')}", "\n".join(words), error.get("do", ""))
