"""Writes a project's report: one page that fetches nothing, its figures as PNG and SVG, its tables as CSV."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from askew.data import pictures
from askew.data.cells import guarded
from askew.errors import InputError, MissingExtra, one_line
from askew.learn.features import Tell, quiet_progress
from askew.project.folder import Project
from askew.project.standing import WORTH, Standing, standing
from askew.report.build import refuse_other, write_files
from askew.report.csv_files import csv_text

MARKER = "project-report.json"
"""Says what a report is of; a folder without it is not one, and is not replaced."""

THUMBNAIL_PX = 96

MOST_SHOWN = 24
"""Suspected labels and open questions on the page; the CSV files have all."""


def build_project(project: Project, out: Path | None = None, *, progress: Tell = quiet_progress) -> Path:
    """Writes the report of a project and returns the path of its page; see `build_standing`."""
    return build_standing(project, standing(project, progress), out)


def build_standing(project: Project, found: Standing, out: Path | None = None) -> Path:
    """Writes the report of how a project stands, and returns the path of its page.

    Args:
        project: whose report it is.
        found: how it stands.
        out: where to write; `report` in the project's folder if left out. It may not exist, be empty, or hold an
            earlier report.

    Raises:
        InputError: `out` holds something else than a report.
        MissingExtra: matplotlib or Jinja2 are not installed.
    """
    out = project.folder / "report" if out is None else out
    refuse_other(out, MARKER, "report of a project")
    write_files(out, _render(found), MARKER, {"project": found.name}, reads=[*project.config.images])
    return out / "index.html"


def _render(found: Standing) -> dict[str, bytes]:
    try:
        import jinja2  # noqa: F401
        import matplotlib  # noqa: F401 - asked for here, so that a missing one is told in one line
    except ImportError as error:
        raise MissingExtra("writing a report", "vision") from error
    from askew.report.figures import png_of, svg_of
    from askew.report.page import inline, template
    from askew.report.project_figures import DRAWINGS
    from askew.report.style import DARK_PHASES, DARK_SERIES, PHASES, SERIES, style

    files: dict[str, bytes] = {}
    figures: dict[str, Any] = {}
    with style(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph .* missing from font")
        for drawing in DRAWINGS:
            wide, narrow = drawing.draw(found, False), drawing.draw(found, True)
            if wide is None or narrow is None:
                continue
            svg, narrow_svg = svg_of(wide), svg_of(narrow)
            files[f"{drawing.name}.svg"], files[f"{drawing.name}.png"] = svg.encode(), png_of(wide)
            figures[drawing.name] = (drawing, drawing.caption(found), inline(svg), inline(narrow_svg))
    page: str = template("project.html.j2").render(
        found=found,
        headline=headline(found),
        advice=advice(found),
        figures=figures,
        per_class=found.curve[-1].metrics["per_class"] if found.curve else [],
        suspects=list(_shown_suspects(found)),
        questions=list(_shown_questions(found)),
        most=MOST_SHOWN,
        series=list(zip(SERIES, DARK_SERIES, strict=True)),
        phases=list(zip(PHASES, DARK_PHASES, strict=True)),
        short=lambda text: one_line(text, 80),
    )
    files["index.html"] = page.encode()
    return files | {name: text.encode() for name, text in tables(found).items()}


def headline(found: Standing) -> str:
    """Returns the sentence on top: how accurate the newest measured model is, and with how many labels."""
    n = found.view.n_labeled
    if not found.curve:
        return f"{n:,} pictures of the pool are labeled; no model has been measured yet"
    last = found.curve[-1]
    accuracy, low, high = (100 * last.metrics[name] for name in ("accuracy", "low", "high"))
    return f"{accuracy:.0f}% right ({low:.0f} to {high:.0f}) with {last.n_labeled:,} labels"


def advice(found: Standing) -> str:
    """Returns what the next labels are likely to bring, and whether to stop."""
    outlook = found.outlook
    if outlook is None:
        if found.n_next < 1 and found.curve:
            return "Every picture of the pool is labeled: stop."
        return (
            "What more labels are likely to bring is told from three trainings with different numbers of labels on, "
            "and once test pictures are labeled."
        )
    gain, low, high = (100 * float(one[0]) for one in (outlook.gain, outlook.gain_low, outlook.gain_high))
    said = (
        f"The next {found.n_next:,} labels are likely to bring {gain:+.1f} points ({low:+.1f} to {high:+.1f}, an "
        f"interval of {outlook.level:.0%})"
    )
    if found.stop:
        return f"{said}: less than {100 * WORTH:g} point, even at best. It is time to stop, or to look for other data."
    return f"{said}: go on. When even the upper end is below {100 * WORTH:g} point, it is time to stop."


def _shown_suspects(found: Standing) -> Iterator[tuple[Any, str]]:
    """Yields the first suspects as pictures, and a sentence on each."""
    for one in (found.suspects or ())[:MOST_SHOWN]:
        item = found.view.items[one.row]
        words = f"{one.confidence:.0%} {one.guess}, {one.own:.0%} {one.label}"
        yield _picture(item.id, item.path, one.label, one.guess), words


def _shown_questions(found: Standing) -> Iterator[tuple[Any, str]]:
    """Yields the first open questions as pictures, and why they are asked."""
    by_id = {item.id: item for item in found.view.items}
    for question in found.open[:MOST_SHOWN]:
        item = by_id.get(question.item_id)
        if item is not None:
            yield _picture(item.id, item.path, "", question.guess or ""), question.reason


def _picture(item: int, path: Path | None, truth: str, predicted: str) -> Any:
    from askew.report.sheet import Picture

    try:
        pixels = np.zeros((1, 1, 3), np.uint8) if path is None else pictures.read_square(path, THUMBNAIL_PX)
    except InputError:
        pixels = np.zeros((1, 1, 3), np.uint8)
    return Picture(item, truth, predicted, "" if path is None else one_line(path.name, 60), pixels)


def tables(found: Standing) -> dict[str, str]:
    """Returns file name to text: all that the page says, unrounded. Formulas of spreadsheets are made text."""
    view = found.view
    paths = {item.id: str(item.path or "") for item in view.items}
    curve = [
        (one.training, one.at.isoformat(), one.n_labeled, *(one.metrics[name] for name in _CURVE))
        for one in found.curve
    ]
    guesses = [""] * len(view.classes) if found.predicted is None else found.predicted
    classes = zip(map(guarded, view.classes), found.labels, found.test_labels, guesses, strict=True)
    asked = [
        (one.round_id, one.position, guarded(paths.get(one.item_id, "")), guarded(one.reason), guarded(one.guess or ""))
        for one in found.open
    ]
    doubts = [
        (guarded(found.path(one)), guarded(one.label), guarded(one.guess), one.own, one.confidence)
        for one in found.suspects or ()
    ]
    rounds = [(one.id, one.at, one.strategy, one.balance, one.n, one.n_labeled, one.why) for one in found.rounds]
    return {
        "curve.csv": csv_text(("training", "at", "n_labeled", *_CURVE), curve),
        "classes.csv": csv_text(("class", "labels", "test_labels", "predicted"), list(classes)),
        "open-questions.csv": csv_text(("round", "position", "path", "reason", "guess"), asked),
        "suspected-labels.csv": csv_text(("path", "label", "guess", "probability_of_label", "of_guess"), doubts),
        "rounds.csv": csv_text(("round", "at", "strategy", "balance", "n", "n_labeled", "why"), rounds),
    }


_CURVE = ("n_test", "accuracy", "low", "high", "mean_class_accuracy", "calibration_error")
