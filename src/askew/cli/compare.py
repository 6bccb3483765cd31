"""`askew compare`: where, among the budgets of several experiments, a strategy is worth more than random."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Adds the subcommand to the parser."""
    parser = commands.add_parser(
        "compare",
        help="several experiments in one figure, budget by budget",
        description="Draws the gain over random of every strategy at the budget of each experiment, and all learning "
        "curves in one figure. Experiments that differ in their budgets only make up one line; others are told apart "
        "as solid, dashed and dotted lines. Whether a gain is shown is judged as in each experiment's own report.",
    )
    parser.add_argument("dirs", type=Path, nargs="+", metavar="DIR", help="folders of experiments, two or more")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where figures and the CSV go; nothing is written without"
    )
    parser.add_argument(
        "--metric", metavar="NAME", help="what is compared: accuracy, mean_class_accuracy, … (accuracy)"
    )
    parser.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    """Prints what the experiments show together, and writes the figures."""
    from askew.report.compare import compared, sentences, write

    found = compared(arguments.dirs, arguments.metric)
    if arguments.out is not None:
        from askew.cli.extras import need

        need("drawing a comparison", "vision", "matplotlib")
        write(found, arguments.out)
    print("\n".join(sentences(found)))
    return 0
