"""Numbers and values of a run as a person reads them."""

import math
from collections.abc import Mapping
from typing import Any


def as_number(value: Any) -> float | None:
    """A number from a file; nothing for whatever is none."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    whole = max(0, round(seconds)) if math.isfinite(seconds) else 0
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def figure(value: Any) -> str:
    """A number with four digits; text as it is, nothing as nothing."""
    found = as_number(value)
    if found is None:
        return "" if value is None else str(value)
    if math.isfinite(found) and found == round(found) and abs(found) < 1e6:
        return f"{found:,.0f}"
    return f"{found:,.4g}" if not math.isfinite(found) or 1e-3 <= abs(found) < 1e6 else f"{found:.3g}"


def plain(value: Any) -> str:
    """A value of a record as text, lists and mappings included."""
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {plain(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(plain, value))
    return str(value)


def sentence(text: Any) -> str:
    """Text with a capital at its beginning."""
    return str(text)[:1].upper() + str(text)[1:]


def texts(value: Any) -> list[str]:
    """The items of a list as texts; nothing of anything else."""
    return [str(item) for item in value] if isinstance(value, list) else []
