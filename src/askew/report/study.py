"""Writes the joint page of a study: what its experiments show, all curves, and a paper's numbers beside ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from askew.errors import DataNotFound, InputError, MissingExtra, one_line
from askew.experiment.study_folder import read_study_folder
from askew.report.budgets import Setting, settings
from askew.report.build import ABOUT, refuse_other, write_files
from askew.report.csv_files import csv_text
from askew.report.headline import headline
from askew.report.ledgers import FULL, read
from askew.report.paper import joined
from askew.report.summary import Summary, summarize
from askew.report.tables import Table


def build_study(folder: Path | str, out: Path | str | None = None, *, metric: str | None = None) -> Path:
    """Writes the joint report of the study in `folder` and returns the path of its page.

    Args:
        folder: a study's folder, finished or not.
        out: where to write; `folder/report` if left out. It may not exist, be empty, or hold an earlier report.
        metric: of the ledgers; "accuracy" or else the first one measured.

    Raises:
        DataNotFound: no experiment of it has finished a cycle.
        InputError: a damaged ledger, an unknown metric, or an `out` that holds something else than a report.
        MissingExtra: matplotlib or Jinja2 are not installed.
    """
    folder = Path(folder)
    out = folder / "report" if out is None else Path(out)
    refuse_other(out, ABOUT, "report")
    name, parts = read_study_folder(folder)
    found = summaries_of(folder, parts, metric)
    if not found:
        raise DataNotFound(f"{folder}: no experiment of {name} has finished a cycle: run it first")
    left = tuple(part for part in parts if part not in found)
    files = _render(name, found, left)
    write_files(out, files, ABOUT, {"study": name}, reads=[folder / part for part in found])
    return out / "index.html"


def summaries_of(folder: Path, parts: tuple[str, ...], metric: str | None = None) -> dict[str, Summary]:
    """Returns the numbers of those experiments of a study that have finished a cycle."""
    found = {}
    for part in parts:
        try:
            experiment = read(folder / part)
        except DataNotFound:
            continue
        if any(run.cycles for run in experiment.runs if run.label != FULL):
            found[part] = summarize(experiment, metric)
    return found


def compared_settings(found: Mapping[str, Summary]) -> tuple[Setting, ...]:
    """Returns the settings that curves of several experiments are drawn of; none if they cannot be drawn together."""
    if len(found) < 2:
        return ()
    try:
        return settings(found.values())
    except InputError:
        return ()


def csv_of(tables: tuple[Table, ...]) -> dict[str, str]:
    """Returns file name to text of the joint tables, as they are on the page, an interval in a column of its own."""
    return {
        f"{table.name}.csv": csv_text(
            ("label", "column", "value", "interval", "sign"),
            [
                (row.label, column, cell.text, cell.small, cell.sign)
                for row in table.rows
                for column, cell in zip(table.columns, row.cells, strict=True)
            ],
        )
        for table in tables
    }


def _render(name: str, found: Mapping[str, Summary], left: tuple[str, ...]) -> dict[str, bytes]:
    try:
        import jinja2  # noqa: F401
        import matplotlib  # noqa: F401 - asked for here, so that a missing one is told in one line
    except ImportError as error:
        raise MissingExtra("writing a report", "vision") from error
    from askew.report.budget_figures import all_curves
    from askew.report.figures import png_of, svg_of
    from askew.report.page import inline, template
    from askew.report.style import DARK_PHASES, DARK_SERIES, PHASES, SERIES, style

    tables, files, curves = joined(found), {}, ""
    if together := compared_settings(found):
        with style():
            figure = all_curves(together)
            curves = svg_of(figure)
            files = {"curves.svg": curves.encode(), "curves.png": png_of(figure)}
    html = template("study.html.j2").render(
        name=name,
        experiments={part: (one, headline(one)) for part, one in found.items()},
        left=left,
        tables=tables,
        curves=inline(curves) if curves else "",
        series=list(zip(SERIES, DARK_SERIES, strict=True)),
        phases=list(zip(PHASES, DARK_PHASES, strict=True)),
        short=lambda label: one_line(label, 60),
    )
    csv_files = {file: text.encode() for file, text in csv_of(tables).items()}
    return {"index.html": html.encode(), **files, **csv_files}
