"""Formulas as MathML, which browsers draw without a script: a hook of MkDocs.

The Markdown extension Arithmatex finds `$…$` and `$$…$$` in pages and marks them; what it marked is converted here.
"""

import html
import re
from typing import Any

from latex2mathml.converter import convert

_MARKED = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)


def on_page_content(content: str, **_: Any) -> str:
    """Convert the formulas of a page; MkDocs calls this for each page.

    Raises:
        RuntimeError: If a formula is not LaTeX that can be converted; it names the formula.
    """
    return _MARKED.sub(_as_mathml, content)


def _as_mathml(found: re.Match[str]) -> str:
    tag, latex = found[1], html.unescape(found[2]).strip()
    try:
        drawn = convert(latex, display="block" if tag == "div" else "inline")
    except Exception as error:
        raise RuntimeError(f"this formula is not complete: {latex}") from error
    if "\\" in drawn:
        raise RuntimeError(f"this formula has a command that cannot be converted to MathML: {latex}")
    return f'<{tag} class="formula">{drawn}</{tag}>'
