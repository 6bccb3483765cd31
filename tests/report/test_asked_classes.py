"""Class distributions of what was asked, strategy by strategy and cycle by cycle (Fig. 4.8-4.10), counted again."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from askew.report.csv_files import csv_files
from askew.report.ledgers import read
from askew.report.summary import summarize


def test_asked_classes_are_the_means_over_the_seeds(experiment: Callable[..., Path]) -> None:
    summary = summarize(read(experiment(labels=("random", "margin"), seeds=(0, 1, 2), cycles=3, thumbnails=False)))
    rows = list(csv.DictReader(io.StringIO(csv_files(summary)["asked-classes.csv"])))
    found = {(row["label"], int(row["cycle"]), row["class"]): float(row["mean_asked"]) for row in rows}
    assert len(found) == len(rows)
    expected: dict[tuple[str, int, str], float] = {}
    for line in summary.lines:
        asked: dict[int, list[Counter[int]]] = {}
        for run in summary.experiment.of(line.label):
            for cycle in run.cycles:
                if cycle.asked_labels:
                    asked.setdefault(cycle.number, []).append(Counter(cycle.asked_labels))
        for number, counts in asked.items():
            for c, name in enumerate(summary.experiment.classes):
                expected[line.label, number, name] = sum(one[c] for one in counts) / len(counts)
    assert found == pytest.approx(expected)
    assert len({value for key, value in found.items() if key[1] == 0}) > 2, "the case is uneven"
