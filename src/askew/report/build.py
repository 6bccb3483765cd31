"""Writes an experiment's report: the page, every figure as PNG and SVG, every table as CSV; all or nothing."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from askew.errors import InputError, MissingExtra
from askew.report.ledgers import read
from askew.report.summary import Summary, summarize

MANIFEST = "report.json"
"""Lists the files of a report; a folder without it is not one, and is not replaced."""


def build(folder: Path | str, out: Path | str | None = None, *, metric: str | None = None) -> Path:
    """Writes the report of the experiment in `folder` and returns the path of its page.

    The same ledgers give the same bytes. What is written is put together beside `out` and then takes its place by
    renaming, so a reader never finds half a report, and a call that fails leaves the old one.

    Args:
        folder: an experiment's folder, finished or not.
        out: where to write; `folder/report` if left out. It may not exist, be empty, or hold an earlier report.
        metric: of the ledgers, higher is better; "accuracy" or else the first one measured.

    Raises:
        DataNotFound: no experiment there.
        InputError: a damaged ledger, an unknown metric, or an `out` that holds something else than a report.
        MissingExtra: matplotlib or Jinja2 are not installed.
    """
    folder = Path(folder)
    out = folder / "report" if out is None else Path(out)
    summary = summarize(read(folder), metric)
    _refuse_other(out)
    files = _render(summary)
    manifest = {"experiment": summary.experiment.name, "metric": summary.metric, "files": sorted(files)}
    files[MANIFEST] = (json.dumps(manifest, indent=2) + "\n").encode()
    _replace(out, files)
    return out / "index.html"


def _render(summary: Summary) -> dict[str, bytes]:
    try:
        import jinja2  # noqa: F401
        import matplotlib  # noqa: F401 - asked for here, so that a missing one is told in one line
    except ImportError as error:
        raise MissingExtra("writing a report", "vision") from error
    from askew.report.figures import render
    from askew.report.page import page
    from askew.report.sheet import contact_sheet, strips
    from askew.report.tables import csv_files

    rendered, first_asked = render(summary), strips(summary.experiment)
    files = {"index.html": page(summary, rendered, first_asked).encode()}
    if first_asked:
        files["asked-first.png"] = contact_sheet(first_asked)
    for figure in rendered:
        files[f"{figure.drawing.name}.png"], files[f"{figure.drawing.name}.svg"] = figure.png, figure.svg.encode()
    return files | {name: text.encode() for name, text in csv_files(summary).items()}


def _refuse_other(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file: give a folder for the report")
    if not out.is_dir() or not any(out.iterdir()):
        return
    if not (out / MANIFEST).is_file():
        raise InputError(f"{out}: is not empty and holds no report: choose another folder")
    own = {*json.loads((out / MANIFEST).read_text(encoding="utf-8")).get("files", ()), MANIFEST}
    others = sorted(path.name for path in out.iterdir() if path.name not in own)
    if others:
        raise InputError(f"{out}: would be replaced, but {others[0]} there is not the report's: move it away")


def _replace(out: Path, files: dict[str, bytes]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as place:
        made, old = Path(place) / "new", Path(place) / "old"
        made.mkdir()
        for name, content in files.items():
            (made / name).write_bytes(content)
        if not out.exists():
            os.replace(made, out)
            return
        os.replace(out, old)
        try:
            os.replace(made, out)
        except OSError:
            os.replace(old, out)
            raise
