"""The words of Python in a message become those of the command line: `draws=` is `--draws`."""

from __future__ import annotations

import re
from collections.abc import Iterable


def as_flags(message: str, names: Iterable[str]) -> str:
    """Returns a message in which keyword arguments are written as options.

    An argument is told by what stands around it: at the start and before a colon, or before `=`; a setting, whose name
    begins with `balance_` or `around_`, is one anywhere but in a path or in quotes.

    >>> as_flags("bald needs draws, (T, N, C): pass draws=", ["draws"])
    'bald needs draws, (T, N, C): pass --draws'
    >>> as_flags('balance_by="predicted" has no weight: leave balance out', ["balance", "balance_by"])
    '--balance-by predicted has no weight: leave --balance out'
    >>> as_flags("unknown strategy 'x': known: entropy, frame_entropy", ["frame_entropy"])
    "unknown strategy 'x': known: entropy, frame_entropy"
    >>> as_flags("n: 41 is more than the 40 unlabeled items", ["n"])
    '-n: 41 is more than the 40 unlabeled items'
    """
    for name in sorted(names, key=len, reverse=True):
        flag = f"-{name}" if len(name) == 1 else f"--{name.replace('_', '-')}"
        alone = rf"(?<![\w./\\'\"-]){name}(?![\w/\\'\"-]|\.\w)"
        message = re.sub(rf"^{name}(?=:)", flag, message)
        message = re.sub(rf'{alone}="?(\w+)"?', rf"{flag} \1", message)
        message = re.sub(rf"{alone}=", flag, message)
        message = re.sub(rf"(?<=leave ){name}(?= out)", flag, message)
        if name.startswith(("balance_", "around_")):
            message = re.sub(alone, flag, message)
    return message
