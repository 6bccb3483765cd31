"""Writes an experiment's report: the page, every figure as PNG and SVG, every table as CSV; all or nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from askew.errors import InputError, MissingExtra
from askew.files import output_folder
from askew.report.ledgers import read
from askew.report.summary import Summary, summarize

ABOUT = "report.json"
"""Says what a report is of; a folder without it is not one, and is not replaced."""


def build(folder: Path | str, out: Path | str | None = None, *, metric: str | None = None) -> Path:
    """Writes the report of the experiment in `folder` and returns the path of its page.

    The same ledgers give the same bytes. What is written is put together beside `out` and then takes the place of the
    earlier report's files, so a call that fails leaves the old one. A file there that askew did not write, or that was
    changed since, is never replaced.

    Args:
        folder: an experiment's folder, finished or not.
        out: where to write; `folder/report` if left out. It may not exist, be empty, or hold an earlier report.
        metric: of the ledgers, higher is better; "accuracy" or else the first one measured.

    Raises:
        DataNotFound: no experiment there.
        InputError: a damaged ledger, an unknown metric, or an `out` that holds something else than a report,
            or a file in it that would be replaced and that askew did not write.
        MissingExtra: matplotlib or Jinja2 are not installed.
    """
    return build_of(summarize(read(folder), metric), out)


def build_of(summary: Summary, out: Path | str | None = None) -> Path:
    """Writes the report of what was computed of an experiment; see `build`."""
    folder = summary.experiment.folder
    out = folder / "report" if out is None else Path(out)
    refuse_other(out, ABOUT, "report")
    about = {"experiment": summary.experiment.name, "metric": summary.metric}
    read_from = [folder / name for name in ("runs", "experiment.json", "thumbnails.npz")]
    write_files(out, _render(summary), ABOUT, about, reads=read_from)
    return out / "index.html"


def _render(summary: Summary) -> dict[str, bytes]:
    try:
        import jinja2  # noqa: F401
        import matplotlib  # noqa: F401 - asked for here, so that a missing one is told in one line
    except ImportError as error:
        raise MissingExtra("writing a report", "vision") from error
    from askew.report.csv_files import csv_files
    from askew.report.figures import render
    from askew.report.page import page
    from askew.report.sheet import contact_sheet, strips

    rendered, first_asked = render(summary), strips(summary.experiment)
    files = {"index.html": page(summary, rendered, first_asked).encode()}
    if first_asked:
        files["asked-first.png"] = contact_sheet(first_asked)
    for figure in rendered:
        files[f"{figure.drawing.name}.png"], files[f"{figure.drawing.name}.svg"] = figure.png, figure.svg.encode()
    return files | {name: text.encode() for name, text in csv_files(summary).items()}


def refuse_other(out: Path, marker: str, what: str) -> None:
    """Refuses a place where something else stands than what askew wrote there, before anything is drawn for it.

    Args:
        out: the folder to write.
        marker: the file in it that says what it is.
        what: what the marker makes it, for the message.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file: give a folder for the {what}")
    if out.is_dir() and any(out.iterdir()) and not (out / marker).is_file():
        raise InputError(f"{out}: is not empty and holds no {what}: choose another folder")


def write_files(
    out: Path, files: Mapping[str, bytes], marker: str, about: Mapping[str, Any], *, reads: Iterable[Path]
) -> None:
    """Writes files and a marker that lists them, all or nothing; those of an earlier call make place for them."""
    record = (json.dumps({**about, "files": sorted(files)}, indent=2) + "\n").encode()
    out.parent.mkdir(parents=True, exist_ok=True)
    with output_folder(out, force=(out / marker).is_file(), reads=reads) as new:
        for name, content in {**files, marker: record}.items():
            (new / name).write_bytes(content)
