"""`askew demo`: the whole system on real digits, in minutes, with nothing to download."""

from __future__ import annotations

import argparse
from typing import Any

from askew.cli import run


def add(commands: Any) -> None:
    """Adds the subcommand to the parser."""
    parser = commands.add_parser(
        "demo",
        help="compare strategies on real handwritten digits, in minutes",
        description="Runs the preset `digits`: scikit-learn's handwritten digits, six strategies and three seeds. Ends "
        "with the path of a report.",
    )
    run.add_options(parser)
    parser.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    """Runs the preset."""
    from askew.cli.extras import need

    need("the demo", "vision", "torch", "torchvision", "sklearn", "pydantic", "rich", "matplotlib", "jinja2")
    from askew.experiment.config import read

    return run.experiment(read("digits"), arguments)
