"""Every error that askew raises on purpose.

    AskewError
    ├── InputError (also a ValueError)      the caller can mend it: argument, offending values and the way out are named
    │   └── DataNotFound                    a dataset or file is not on disk: the message says where to get it
    └── MissingExtra (also an ImportError)  a feature needs packages that an extra of askew brings

The command line prints the message of any of them as one line and exits with status 2.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AskewError(Exception):
    """The root of the tree: catch it to catch everything that askew raises on purpose."""


class InputError(AskewError, ValueError):
    """An argument, a file or a configuration that the caller can mend."""


class DataNotFound(InputError):
    """A dataset or a file that is not on disk."""


class MissingExtra(AskewError, ImportError):
    """A feature whose packages are not installed.

    >>> str(MissingExtra("training a classifier", "vision"))
    'training a classifier needs packages that are not installed: in a clone of askew, pip install ".[vision]"'
    """

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f'{feature} needs packages that are not installed: in a clone of askew, pip install ".[{extra}]"'
        )
        self.feature, self.extra = feature, extra


def unknown(kind: str, name: object, known: Iterable[str]) -> InputError:
    """Returns the error for a name that does not exist; it suggests the nearest and lists the known ones.

    >>> str(unknown("strategy", "entropi", ["entropy", "margin"]))
    "unknown strategy 'entropi': did you mean 'entropy'? known: entropy, margin"
    """
    choices = sorted(known)
    near = nearest(name, choices)
    hint = "" if near is None else f"did you mean {near!r}? "
    return InputError(
        f"unknown {kind} {one_line(repr(name), 90)}: {hint}known: {', '.join(choices) if choices else 'none'}"
    )


def nearest(name: object, known: Iterable[str], alike: float = 0.5) -> str | None:
    """Returns the known name that is nearest to one, if they are at least so much alike (0 to 1); None if none is."""
    near = difflib.get_close_matches(str(name), list(known), n=1, cutoff=alike)
    return near[0] if near else None


def one_line(what: object, limit: int = 300) -> str:
    """Returns a text for a message: control characters as escapes, in one line, its middle left out if it is long.

    An error that says nothing is called by its type.

    >>> one_line("a\\nb\\0"), one_line("x" * 99, 11), one_line(ValueError())
    ('a b\\\\x00', 'xxxxx…xxxxx', 'ValueError')
    """
    text = " ".join(str(what).split()) or ("" if isinstance(what, str) else type(what).__name__)
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    half = (limit - 1) // 2
    return shown if len(shown) <= limit else f"{shown[:half]}…{shown[-half:]}"
