"""Names as people gave them, made fit to be shown: nothing that breaks a line, a file or a figure."""

from __future__ import annotations


def shown(name: object) -> str:
    r"""Returns a name with what cannot be printed written as an escape: line breaks, control characters, broken UTF-8.

    >>> print(shown("two" + chr(10) + "lines, café"))
    two\nlines, café
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(name))


def shortened(name: str, most: int) -> str:
    """Returns a name of at most `most` characters: a longer one loses its middle, since variants differ at the end.

    >>> shortened("entropy+balance-auto-wasserstein", 20)
    'entropy+b…asserstein'
    """
    if len(name) <= most:
        return name
    tail = most // 2
    return f"{name[: most - tail - 1]}…{name[len(name) - tail :]}"
