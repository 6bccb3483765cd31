"""The `askew` command: finds the subcommand, calls it, turns what is deliberate into one line and exit status 2.

Built on argparse, so that the light install alone gives a working `askew pick`. A subcommand's module says what it
takes (`add`) without importing anything heavy; the work is imported when it runs.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn, TextIO

from askew.cli import (
    advise,
    analyse,
    compare,
    demo,
    exchange,
    features,
    forecast,
    init,
    label,
    label_studio,
    learn_project,
    pick,
    pretrain,
    report,
    run,
    status,
    strategies,
    synth,
    video,
)
from askew.cli.completion import SHELLS, PrintCompletion
from askew.errors import AskewError, nearest, unknown
from askew.files import cleaned_up

COMMANDS = (
    init,
    label,
    status,
    demo,
    run,
    report,
    compare,
    advise,
    analyse,
    forecast,
    pick,
    features,
    pretrain,
    strategies,
    video,
    synth,
    learn_project,
    exchange,
    label_studio,
)


def parser() -> argparse.ArgumentParser:
    """Returns the parser of the whole command line; the documentation's command reference is made from it."""
    top = _Parser(
        prog="askew",
        description="Which unlabeled items should a person label next, with the classes in balance?",
        epilog="askew COMMAND --help tells more.",
    )
    top.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    top.add_argument(
        "--print-completion",
        action=PrintCompletion,
        choices=SHELLS,
        help="print a script that lets the shell complete commands, strategies and presets, and exit",
    )
    commands = top.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    top.set_defaults(call=lambda _: _help(top))
    for command in COMMANDS:
        command.add(commands)
    return top


def _help(top: argparse.ArgumentParser) -> int:
    top.print_help()
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status.

    0; 1 if a run failed; 2 with one line for what the caller can mend: input, a full disk, too little memory; 130 after
    Ctrl-C and 143 (129) after SIGTERM (SIGHUP), which unwind what is at work, so that no half-written file stays.
    """
    _complete_streams()
    with _settled(), cleaned_up():
        return _guarded(lambda: _call(argv))


def _call(argv: Sequence[str] | None) -> int:
    top = parser()
    arguments, rest = top.parse_known_args(argv)
    if rest:
        _refuse_rest(_command_of(top, arguments), rest)
    status: int = arguments.call(arguments)
    return status


def _command_of(top: argparse.ArgumentParser, arguments: argparse.Namespace) -> argparse.ArgumentParser:
    """Returns the parser of the command that was called."""
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            called = action.choices.get(str(getattr(arguments, action.dest, None)))
            return top if called is None else _command_of(called, arguments)
    return top


def _refuse_rest(command: argparse.ArgumentParser, rest: Sequence[str]) -> NoReturn:
    """Refuses arguments that no option takes, and says where the first one may belong."""
    first = rest[0].split("=")[0]
    options = [option for action in command._actions for option in action.option_strings if option.startswith("--")]
    near = nearest(first, options, alike=0.7)
    if len(first) == 2:
        near = next((option for option in options if option.startswith(f"-{first}")), None)
    elsewhere = (command.get_default("elsewhere") or {}).get(first)
    hint = f": {elsewhere}" if elsewhere else f": did you mean {near}?" if near and first.startswith("-") else ""
    command.error(f"unrecognized arguments: {' '.join(rest)}{hint}")


def _guarded(work: Callable[[], int]) -> int:
    try:
        return work()
    except AskewError as error:
        return _say(str(error), 2)
    except BrokenPipeError:
        _discard(sys.stdout)  # whoever read the output has enough
        return 0
    except OSError as error:
        with contextlib.suppress(OSError):
            _flush(sys.stdout)
        place = f"{error.filename}: " if error.filename else ""
        return _say(f"{place}{error.strerror or error}", 2)
    except MemoryError as error:
        return _say(f"not enough memory{f': {error}' if str(error) else ''}: take fewer items, or a larger machine", 2)
    except KeyboardInterrupt:
        return _say("stopped; the same command goes on from here", 130)


@contextlib.contextmanager
def _settled() -> Iterator[None]:
    """Writes out what is left of the answer; where that fails, says so once, and not the interpreter once more."""
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                _flush(stream)
            except BrokenPipeError:
                pass
            except OSError as error:
                raise SystemExit(_say(f"standard output: {error.strerror}", 2)) from error


def _flush(stream: TextIO) -> None:
    """Writes out what a stream holds; what cannot be written goes nowhere, so that nobody tries again."""
    try:
        stream.flush()
    except OSError:
        _discard(stream)
        raise


def _say(message: str, status: int) -> int:
    with contextlib.suppress(OSError):
        print(f"askew: {' '.join(message.split())}", file=sys.stderr, flush=True)
    return status


def _discard(stream: TextIO) -> None:
    """Lets what a stream still holds go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _complete_streams() -> None:
    """Gives a closed stream a place, and lets every letter be printed, in terminals of other encodings too."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  (open until the process ends)
    if sys.stdout is None:
        raise SystemExit(_say("standard output is closed: give it a place, such as >/dev/null", 2))
    if isinstance(getattr(sys.stdout, "buffer", None), io.RawIOBase):  # PYTHONUNBUFFERED loses what a full disk refuses
        sys.stdout = open(  # noqa: SIM115  (open until the process ends)
            sys.stdout.fileno(), "w", encoding=sys.stdout.encoding, closefd=False
        )
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in one line, as every other error is said; subcommands inherit it."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {' '.join(message.split())} (see {self.prog} --help)\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuses a value that is no choice and suggests the nearest; argparse's own words only list them."""
        if action.choices is not None and value not in action.choices:
            kind = "command" if isinstance(action, argparse._SubParsersAction) else "/".join(action.option_strings)
            self.error(str(unknown(kind, value, map(str, action.choices))))

    def print_help(self, file: Any = None) -> None:
        """Prints the help; argparse's own printing says nothing of a full disk."""
        print(self.format_help(), end="", file=file)


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from askew import __version__

        print(f"askew {__version__}")
        parser.exit()


if __name__ == "__main__":
    sys.exit(main())
