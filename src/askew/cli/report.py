"""`askew report`: a page, figures and tables from an experiment's folder."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Adds the subcommand to the parser."""
    parser = commands.add_parser(
        "report",
        help="make the report of an experiment",
        description="Makes one self-contained HTML page and PNG, SVG and CSV files from the ledgers of an experiment; "
        "an unfinished experiment is reported as far as it is.",
    )
    parser.add_argument("dir", type=Path, metavar="DIR", help="the experiment's folder")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the report goes (DIR/report)")
    parser.add_argument(
        "--metric", metavar="NAME", help="what is compared: accuracy, mean_class_accuracy, … (accuracy)"
    )
    parser.add_argument("--json", action="store_true", help="print what the report says as JSON; see docs/reports.md")
    parser.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    """Builds the report and prints its path, or what it says."""
    from askew.cli.extras import need

    need("making a report", "vision", "matplotlib", "jinja2")
    from askew.report.build import build_of
    from askew.report.ledgers import read
    from askew.report.record import record
    from askew.report.summary import summarize

    experiment = read(arguments.dir)
    summary = summarize(experiment, arguments.metric)
    page = build_of(summary, arguments.out)
    print(json.dumps(record(experiment, summary, page), indent=2, allow_nan=False) if arguments.json else page)
    return 0
