"""`askew demo`: the whole system on real digits, in minutes, with nothing to download."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
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
        "`digits-longtail`, plain against balanced strategies on a pool whose classes are askew. Ends with what they "
        "show and the paths of their reports.",
    )
    run.add_options(parser, out="runs/demo")
    parser.set_defaults(call=call, json=False)


def call(arguments: argparse.Namespace) -> int:
    """Runs the presets, one after the other."""
    from askew.cli.extras import need

    need("the demo", *run.NEEDS)
    from askew.experiment.study import read_single

    out: Path = arguments.out or Path("runs") / "demo"
    worst = 0
    for preset, what in PARTS:
        print(f"\n{what}", flush=True)
        worst = max(worst, run.experiment(read_single(preset), arguments, out / preset))
    if not arguments.dry_run:
        print("\nWhat the demo shows:", *conclusion([out / preset for preset, _ in PARTS]), sep="\n")
    return worst


def conclusion(folders: Sequence[Path]) -> list[str]:
    """Returns the headline and the report of each experiment, two lines each; those that claim a gain come first."""
    from askew.report.headline import headline
    from askew.report.ledgers import FULL, read
    from askew.report.summary import summarize

    found = [read(folder) for folder in folders]
    measured = [one for one in found if any(of.cycles for of in one.runs if of.label != FULL)]
    said = [(headline(summarize(one)), one) for one in measured]
    said.sort(key=lambda pair: not pair[0].claims)
    return [
        line for head, one in said for line in (f"  {head.sentence}", f"    {one.folder / 'report' / 'index.html'}")
    ]
