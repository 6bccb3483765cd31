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
    """Prints the catalogue, or one entry of it; below it `auto`, which is none and chooses among them."""
    from askew.query import AUTO
    from askew.strategies.registry import get, strategies

    if arguments.name == AUTO:
        records = [_ADVISER]
    else:
        chosen = [get(arguments.name)] if arguments.name else list(strategies().values())
        records = [_record(entry) for entry in chosen]
    if arguments.json:
        print(json.dumps(records, indent=2))
    elif arguments.name:
        print(f"{AUTO}: {_ADVISER['summary']}\n\n{_OF_AUTO}" if arguments.name == AUTO else _page(chosen[0]))
    else:
        width = max(len(one["name"]) for one in records)
        for one in [*records, _ADVISER]:
            print(f"{one['name']:<{width}}  {one['kind']:<8}  {', '.join(one['needs']) or '-':<14}  {one['summary']}")
    return 0


_ADVISER: dict[str, Any] = {
    "name": "auto",
    "kind": "adviser",
    "needs": [],
    "instead": [],
    "parameters": {},
    "paper": "askew's own measurements: docs/advice.md",
    "summary": "No strategy: asks with the one that `askew advise` names for what is given, or with random.",
}

_OF_AUTO = """It reads what there is, needs the number of classes, and takes no parameters and no balance: it chooses
them. Where nothing was measured near, it says so, and asks with what the nearest measurements speak for."""


def _record(entry: Any) -> dict[str, Any]:
    return {
        "name": entry.name,
        "kind": entry.kind,
        "needs": list(entry.needs),
        "instead": list(entry.instead),
        "parameters": dict(entry.parameters),
        "paper": entry.paper,
        "summary": entry.summary,
    }


def _page(entry: Any) -> str:
    instead = f", or {', '.join(entry.instead)} where a parameter is set" if entry.instead else ""
    parameters = ", ".join(f"{key}={value!r}" for key, value in entry.parameters.items()) or "none"
    return (
        f"{entry.name}: {entry.kind}, reads {', '.join(entry.needs) or 'nothing'}{instead}; parameters: {parameters}\n"
        f"source: {entry.paper}\n\n{inspect.cleandoc(entry.fn.__doc__ or '')}"
    )
