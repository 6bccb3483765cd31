"""`askew demo`: the whole system on real digits, in minutes, with nothing to download."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from askew.cli import run

PARTS = (
    ("digits", "Handwritten digits: six ways to ask"),
    ("digits-longtail", "The same digits, half of the classes made rare: plain against balanced"),
)


def add(commands: Any) -> None:
    """Adds the subcommand to the parser."""
    parser = commands.add_parser(
        "demo",
        help="compare strategies on real handwritten digits, in minutes",
        description="Runs two presets on scikit-learn's handwritten digits: `digits`, six strategies side by side, and "
        "`digits-longtail`, plain against balanced strategies on a pool whose classes are askew. Ends with the paths "
        "of their reports.",
    )
    run.add_options(parser, out="runs/demo")
    parser.set_defaults(call=call, json=False)


def call(arguments: argparse.Namespace) -> int:
    """Runs the presets, one after the other."""
    from askew.cli.extras import need

    need("the demo", *run.NEEDS)
    from askew.experiment.config import read

    out: Path = arguments.out or Path("runs") / "demo"
    worst = 0
    for preset, what in PARTS:
        print(f"\n{what}", flush=True)
        worst = max(worst, run.experiment(read(preset), arguments, out / preset))
    return worst
