"""The `askew` command: finds the subcommand, calls it, turns what is deliberate into one line and exit status 2.

Built on argparse, so that `pip install askew` alone gives a working `askew pick`. A subcommand's module says what it
takes (`add`) without importing anything heavy; the work is imported when it runs.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from askew.cli import demo, pick, report, run, strategies, video
from askew.errors import AskewError

COMMANDS = (demo, run, report, pick, strategies, video)


def parser() -> argparse.ArgumentParser:
    """Returns the parser of the whole command line; the documentation's command reference is made from it."""
    top = _Parser(
        prog="askew",
        description="Which unlabeled items should a person label next, with the classes in balance?",
        epilog="askew COMMAND --help tells more.",
    )
    top.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = top.add_subparsers(title="commands", dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status: 0, 1 if a run failed, 2 for input the caller can mend."""
    arguments = parser().parse_args(argv)
    try:
        status: int = arguments.call(arguments)
        sys.stdout.flush()
    except AskewError as error:
        print(f"askew: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("askew: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in one line, as every other error is said; subcommands inherit it."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from askew import __version__

        print(f"askew {__version__}")
        parser.exit()


if __name__ == "__main__":
    sys.exit(main())
