"""`askew report`: a page, figures and tables from the folder of an experiment or of a project."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

PROJECT = "askew.toml"
"""The file that makes a folder a project."""

STUDY = "study.json"
"""The file that makes a folder a study: several experiments, each in a folder below."""


def add(commands: Any) -> None:
    """Adds the subcommand to the parser."""
    parser = commands.add_parser(
        "report",
        help="make the report of an experiment or of a project",
        description="Makes one self-contained HTML page and PNG, SVG and CSV files from the ledgers of an experiment, "
        "which is reported as far as it is, or from the answers and models of a project. Of a study, which is "
        "several experiments in one folder, it makes the joint page.",
    )
    parser.add_argument("dir", type=Path, metavar="DIR", help="the folder of an experiment or a project")
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
    if (arguments.dir / PROJECT).is_file():
        return _of_project(arguments)
    if (arguments.dir / STUDY).is_file():
        return _of_study(arguments)
    from askew.report.build import build_of
    from askew.report.ledgers import read
    from askew.report.record import record
    from askew.report.summary import summarize

    experiment = read(arguments.dir)
    summary = summarize(experiment, arguments.metric)
    page = build_of(summary, arguments.out)
    print(json.dumps(record(experiment, summary, page), indent=2, allow_nan=False) if arguments.json else page)
    return 0


def _of_study(arguments: argparse.Namespace) -> int:
    """Does what `call` does for a study of several experiments."""
    from askew.experiment.study_folder import read_study_folder
    from askew.report.record import record
    from askew.report.study import build_study, summaries_of

    name, parts = read_study_folder(arguments.dir)
    page = build_study(arguments.dir, arguments.out, metric=arguments.metric)
    if not arguments.json:
        print(page)
        return 0
    found = summaries_of(arguments.dir, parts, arguments.metric)
    experiments = [record(one.experiment, one, None) for one in found.values()]
    print(json.dumps({"name": name, "page": str(page), "experiments": experiments}, indent=2, allow_nan=False))
    return 0


def _of_project(arguments: argparse.Namespace) -> int:
    """Does what `call` does for a project."""
    from askew.cli.extras import need
    from askew.errors import InputError

    if arguments.metric is not None:
        raise InputError("--metric: is for an experiment; a project reports its accuracy: leave it out")
    need("a project", "label", "sqlalchemy", "alembic", "torch", "timm", "PIL", "rich")
    from askew.cli.progress import counting
    from askew.project.folder import open_project
    from askew.project.standing import standing
    from askew.report.project import build_standing

    project = open_project(arguments.dir)
    try:
        with counting("features") as tell:
            found = standing(project, tell)
        page = build_standing(project, found, arguments.out)
    finally:
        project.close()
    print(json.dumps({**found.record(), "page": str(page)}, indent=2, allow_nan=False) if arguments.json else page)
    return 0
