"""`askew strategies`: the catalogue."""

from __future__ import annotations

import argparse
import inspect
import json
from typing import Any


def add(commands: Any) -> None:
    """Adds the subcommand to the parser."""
    parser = commands.add_parser(
        "strategies",
        help="list the query strategies, or explain one",
        description="Lists the query strategies with what they read, or explains one of them.",
    )
    parser.add_argument("name", nargs="?", help="explain this strategy")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    """Prints the catalogue, or one entry of it."""
    from askew.strategies.registry import get, strategies

    chosen = [get(arguments.name)] if arguments.name else list(strategies().values())
    if arguments.json:
        print(json.dumps([_record(entry) for entry in chosen], indent=2))
    elif arguments.name:
        print(_page(chosen[0]))
    else:
        width = max(len(entry.name) for entry in chosen)
        for entry in chosen:
            print(f"{entry.name:<{width}}  {entry.kind:<8}  {', '.join(entry.needs) or '-':<14}  {entry.summary}")
    return 0


def _record(entry: Any) -> dict[str, Any]:
    return {
        "name": entry.name,
        "kind": entry.kind,
        "needs": list(entry.needs),
        "parameters": dict(entry.parameters),
        "paper": entry.paper,
        "summary": entry.summary,
    }


def _page(entry: Any) -> str:
    parameters = ", ".join(f"{key}={value!r}" for key, value in entry.parameters.items()) or "none"
    return (
        f"{entry.name}: {entry.kind}, reads {', '.join(entry.needs) or 'nothing'}; parameters: {parameters}\n"
        f"source: {entry.paper}\n\n{inspect.cleandoc(entry.fn.__doc__ or '')}"
    )
