"""Text in tables: a cell that a spreadsheet would run as a formula is written so that it does not."""

from __future__ import annotations

import re

FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""What begins like a formula, or like one that is guarded already."""


def guarded(text: str) -> str:
    """Returns text for a cell of a table: what a spreadsheet takes for a formula gets an apostrophe before it.

    >>> [guarded(text) for text in ("clip", "=1+1", "-clip", "'=1")]
    ['clip', "'=1+1", "'-clip", "''=1"]
    """
    return f"'{text}" if FORMULA.match(text) else text


def unguarded(text: str) -> str:
    """Returns what `guarded` was given.

    >>> [unguarded(guarded(text)) for text in ("clip", "=1+1", "'=1", "'n")]
    ['clip', '=1+1', "'=1", "'n"]
    """
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text
