"""What scores say of foreign pictures, over seeds and splits: a table, sentences, a figure, all as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from askew.errors import MissingExtra
from askew.experiment.foreign import Told
from askew.report.analysis import ABOUT, Mean, mean_text
from askew.report.build import refuse_other, write_files
from askew.report.csv_files import csv_text

ALL = "mean of all"
"""The row of the mean over splits."""


@dataclass(frozen=True, eq=False)
class Split:
    """One split over its seeds, or the mean of all splits.

    Attributes:
        name: what was foreign.
        n_own, n_foreign, accuracy: means over the seeds.
        areas: score to its AUROC, (S, 1) values.
        beside: score to what the first one's AUROC is above its own, paired by seed.
    """

    name: str
    n_own: float
    n_foreign: float
    accuracy: float
    areas: Mapping[str, Mean]
    beside: Mapping[str, Mean]


def splits(told: Sequence[Told]) -> tuple[Split, ...]:
    """Returns the splits in their order, and last the mean of all if there are several."""
    names = list(dict.fromkeys(one.split for one in told))
    by_name = {name: sorted((t for t in told if t.split == name), key=lambda t: t.seed) for name in names}
    scores = list(told[0].areas)
    values = {name: np.array([[t.areas[s] for s in scores] for t in several]) for name, several in by_name.items()}
    counts = {
        name: [
            float(np.mean(part)) for part in zip(*((t.n_own, t.n_foreign, t.accuracy) for t in several), strict=True)
        ]
        for name, several in by_name.items()
    }
    if len(names) > 1:
        counts[ALL] = np.mean([counts[name] for name in names], axis=0).tolist()
        values[ALL] = np.mean([values[name] for name in names], axis=0)
    return tuple(
        Split(
            name,
            n_own=counts[name][0],
            n_foreign=counts[name][1],
            accuracy=counts[name][2],
            areas={s: Mean.of(table[:, [k]]) for k, s in enumerate(scores)},
            beside={s: Mean.of(table[:, [0]] - table[:, [k]]) for k, s in enumerate(scores) if k},
        )
        for name, table in values.items()
    )


def lines(found: Sequence[Split]) -> list[str]:
    """Returns what a terminal shows: each split's AUROC by score."""
    said = []
    for one in found:
        said.append(
            f"{one.name} among {one.n_own:,.0f} own unlabeled items ({one.n_foreign:,.0f} foreign; accuracy on own "
            f"classes {100 * one.accuracy:.1f}%): AUROC"
        )
        width = max(map(len, one.areas))
        said += [f"  {score:<{width}}  {mean_text(mean, 0, 1, 3)}" for score, mean in one.areas.items()]
    return said


def write(out: Path, told: Sequence[Told], about: Mapping[str, Any]) -> tuple[Split, ...]:
    """Writes the table, the figure and the record into `out`, all or nothing, and returns what they say.

    Raises:
        InputError: `out` holds something else than an analysis.
        MissingExtra: matplotlib is not installed.
    """
    refuse_other(out, ABOUT, "analysis")
    try:
        import matplotlib  # noqa: F401 - asked for here, so that a missing one is told in one line
    except ImportError as error:
        raise MissingExtra("drawing an analysis", "vision") from error
    from askew.report.foreign_figure import drawn

    found = splits(told)
    rows = [
        (one.name, score, float(m.mean[0]), float(m.low[0]), float(m.high[0]), int(m.n_seeds[0]))
        for one in found
        for score, m in one.areas.items()
    ]
    table = csv_text(("foreign", "score", "auroc", "low", "high", "n_seeds"), rows)
    files = {"out-of-distribution.csv": table.encode(), **drawn(found)}
    measured = [{**vars(one), "areas": dict(one.areas)} for one in told]
    write_files(out, files, ABOUT, {**about, "measured": measured}, reads=[])
    return found
