"""`askew --print-completion SHELL`: a script that completes commands, options, strategies, presets and files."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SHELLS = ("bash", "zsh", "tcsh")

EXPERIMENT = "_askew_preset_or_file"
"""The shell's function for what `askew run` takes."""


class PrintCompletion(argparse.Action):
    """Prints the script and ends."""

    def __call__(self, parser: argparse.ArgumentParser, _: object, shell: Any, __: object = None) -> None:
        print(script(parser, shell))
        parser.exit()


def script(top: argparse.ArgumentParser, shell: str) -> str:
    """Returns the completion script of a command line; a completion then starts no Python.

    Raises:
        MissingExtra: shtab, which writes it, is not installed.
    """
    from askew.cli.extras import need

    need("shell completion", "completion", "shtab")
    import shtab

    from askew.experiment.preset_files import presets
    from askew.query import AUTO
    from askew.strategies.registry import strategies

    for action in _arguments(top):
        if action.dest in ("strategy", "name") and not action.option_strings:
            action.choices = [*strategies(), AUTO]
        elif action.dest == "experiment":
            action.complete = {"bash": EXPERIMENT, "zsh": EXPERIMENT, "tcsh": "f"}  # type: ignore[attr-defined]
        elif action.type is Path:
            action.complete = shtab.DIRECTORY if action.metavar == "DIR" else shtab.FILE  # type: ignore[attr-defined]
    names = " ".join(presets())
    offer = f'compgen -W "{names}" -- "$1"; compgen -f -X "!*.toml" -- "$1"; compgen -d -- "$1"'
    preamble = {
        "bash": f"{EXPERIMENT}() {{ {offer}; }}",
        "zsh": f"{EXPERIMENT}() {{ _alternative 'presets:preset:({names})' 'files:file:_files' }}",
    }
    written: str = shtab.complete(top, shell, preamble=preamble.get(shell, ""))
    return written


def _arguments(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from _arguments(below)
        else:
            yield action
