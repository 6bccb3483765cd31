"""Writes what several experiments show together: two figures, and a table as CSV; all or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from askew.errors import InputError, MissingExtra
from askew.report.budgets import Setting, budget_of, crossing, settings
from askew.report.build import refuse_other, write_files
from askew.report.csv_files import csv_text
from askew.report.headline import signed
from askew.report.ledgers import read
from askew.report.summary import summarize

ABOUT = "comparison.json"
"""Says what a comparison is of; a folder without it is not one, and is not replaced."""

COLUMNS = (
    *("setting", "experiment", "budget", "from_labels", "to_labels", "label"),
    *("mean", "low", "high", "n_seeds", "comparisons", "confidence", "widened_low", "widened_high", "shown"),
)


def compared(folders: Sequence[Path | str], metric: str | None = None) -> tuple[Setting, ...]:
    """Returns the settings of the experiments in several folders.

    Raises:
        DataNotFound: no experiment in one of them.
        InputError: fewer than two folders, a damaged ledger, or experiments that cannot stand beside each other.
    """
    if len(folders) < 2:
        raise InputError("compare: give two or more experiments; askew report shows a single one")
    return settings(summarize(read(Path(folder)), metric) for folder in folders)


def write(found: Sequence[Setting], out: Path | str) -> Path:
    """Writes `budget-gains` and `curves` as SVG and PNG and `budget-gains.csv`, and returns the folder.

    Raises:
        InputError: `out` holds something else than a comparison, or a file in it was changed since.
        MissingExtra: matplotlib is not installed.
    """
    out = Path(out)
    refuse_other(out, ABOUT, "comparison")
    try:
        import matplotlib  # noqa: F401 - asked for here, so that a missing one is told in one line
    except ImportError as error:
        raise MissingExtra("drawing a comparison", "vision") from error
    from askew.report.budget_figures import all_curves, budget_gains
    from askew.report.figures import png_of, svg_of
    from askew.report.style import style

    files = {"budget-gains.csv": csv_text(COLUMNS, rows(found)).encode()}
    with style():
        for name, figure in (("budget-gains", budget_gains(found)), ("curves", all_curves(found))):
            files[f"{name}.svg"], files[f"{name}.png"] = svg_of(figure).encode(), png_of(figure)
    names = [summary.experiment.name for setting in found for summary in setting.summaries]
    reads = [summary.experiment.folder for setting in found for summary in setting.summaries]
    write_files(out, files, ABOUT, {"experiments": names}, reads=reads)
    return out


def rows(found: Sequence[Setting]) -> list[tuple[object, ...]]:
    """Returns the rows of the table, unrounded: one a setting, strategy and budget."""
    return [
        (
            *(setting.name, summary.experiment.name, budget_of(summary)),
            *(summary.n_labeled[0], summary.n_labeled[-1], label),
            *(one.gain.mean, one.gain.low, one.gain.high, one.gain.n_seeds),
            *(one.n, one.confidence, one.widened.low, one.widened.high, one.sign),
        )
        for setting in found
        for label in setting.labels
        for summary, one in setting.comparisons(label)
    ]


def sentences(found: Sequence[Setting]) -> list[str]:
    """Says for each setting and strategy the gain over random at each budget, and where it begins to be shown.

    A gain that its experiment does not show is in brackets.
    """
    said = []
    for setting in found:
        said.append(f"{setting.name}: points above random, averaged over the labels of each budget")
        for label in setting.labels:
            cells = []
            for summary, one in setting.comparisons(label):
                gain = signed(one.gain.mean, summary)
                cells.append(f"{budget_of(summary):,}: {gain if one.sign else f'({gain})'}")
            said.append(f"  {label}: {', '.join(cells)}; {_where(setting, label)}")
    return said


def _where(setting: Setting, label: str) -> str:
    found = crossing(setting, label)
    below = "" if found.below is None else f", random is shown to be better up to {found.below:,} a cycle"
    if found.above is None or found.per_class is None:
        return f"not shown to be better at the largest budget{below}"
    return (
        f"shown to be better from {found.above:,} a cycle on ({found.per_class:,.0f} labels a class at its end){below}"
    )
