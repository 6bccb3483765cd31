"""What a report foretells is what `forecast` says of the same arrays, where there is enough to say something."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from askew.experiment.ledger import Cycle
from askew.forecast import forecast
from askew.report.build import build
from askew.report.csv_files import csv_files
from askew.report.forecasts import WORTH, Outlook, outlooks
from askew.report.ledgers import read
from askew.report.record import record
from askew.report.summary import Summary, summarize
from askew.report.tables import tables

LABELS = ("random", "margin")
COUNTS = [200, 300, 400, 500]


@pytest.fixture
def made(experiment: Callable[..., Path]) -> Callable[..., Path]:
    def make(**settings: object) -> Path:
        usual = {"labels": LABELS, "seeds": (0, 1, 2), "cycles": 4, "full": False, "thumbnails": False}
        return experiment(**{**usual, **settings})

    return make


def of_pool(folder: Path, n_items: int) -> Summary:
    return summarize(dataclasses.replace(read(folder), n_items=n_items))


def values(folder: Path, label: str) -> np.ndarray:
    return np.array([[cycle.metrics["accuracy"] for cycle in run.cycles] for run in read(folder).of(label)])


def test_each_strategy_is_forecast_from_its_own_runs_and_the_test_set(made: Callable[..., Path]) -> None:
    folder = made()
    found = outlooks(summarize(read(folder)))
    assert [one.label for one in found] == list(LABELS)
    for one in found:
        expected = forecast(COUNTS, values(folder, one.label), [600, 1000], n_test=10_000)
        assert (one.n_labeled, one.n_seeds) == (500, 3)
        assert one.value == pytest.approx(values(folder, one.label)[:, -1].mean())
        for name in ("at", "median", "low", "high", "gain", "gain_low", "gain_high"):
            np.testing.assert_array_equal(getattr(one.found, name), getattr(expected, name))


def test_nothing_is_foretold_beyond_the_pool(made: Callable[..., Path]) -> None:
    folder = made()
    for n_items, at in ((10_000, [600, 1000]), (700, [600, 700]), (600, [600]), (540, [540])):
        assert [one.found.at.tolist() for one in outlooks(of_pool(folder, n_items))] == [at, at]
    assert outlooks(of_pool(folder, 500)) == ()


def test_two_label_counts_are_too_few(made: Callable[..., Path]) -> None:
    few = summarize(read(made(name="few", cycles=2)))
    assert outlooks(few) == ()
    assert "forecast" not in {table.name for table in tables(few)}
    assert "What the next labels" not in build(few.experiment.folder).read_text(encoding="utf-8")
    assert len(outlooks(summarize(read(made(name="enough", cycles=3))))) == 2


def test_a_strategy_that_knows_the_labels_and_a_metric_that_is_no_share_are_left_out(
    made: Callable[..., Path],
) -> None:
    found = outlooks(summarize(read(made(labels=("random", "oracle")))))
    assert [one.label for one in found] == ["random"]
    folder = made(name="loss")
    runs = tuple(
        dataclasses.replace(run, cycles=tuple(dataclasses.replace(c, metrics={"points": 80.0}) for c in run.cycles))
        for run in read(folder).runs
    )
    assert outlooks(summarize(dataclasses.replace(read(folder), runs=runs), "points")) == ()


def test_an_unfinished_seed_is_left_out_of_the_forecast(
    made: Callable[..., Path], cut: Callable[[Path, int], None]
) -> None:
    folder = made()
    cut(folder / "runs" / "margin-seed1" / "ledger.jsonl", 2)
    margin = outlooks(summarize(read(folder)))[1]
    expected = forecast(COUNTS, values_of_seeds(folder, "margin", (0, 2)), [600, 1000], n_test=10_000)
    assert margin.n_seeds == 2
    np.testing.assert_array_equal(margin.found.high, expected.high)


def values_of_seeds(folder: Path, label: str, seeds: tuple[int, ...]) -> np.ndarray:
    runs = [run for run in read(folder).of(label) if run.seed in seeds]
    return np.array([[cycle.metrics["accuracy"] for cycle in run.cycles] for run in runs])


def test_a_flat_curve_is_told_to_stop_and_a_rising_one_to_go_on(tmp_path: Path, made: Callable[..., Path]) -> None:
    folder = made()
    curves = {"random": [0.90, 0.90, 0.90, 0.90], "margin": [0.5, 0.62, 0.7, 0.76]}
    runs = tuple(
        dataclasses.replace(run, cycles=tuple(_with(c, curves[run.label][k]) for k, c in enumerate(run.cycles)))
        for run in read(folder).runs
    )
    summary = summarize(dataclasses.replace(read(folder), runs=runs))
    flat, rising = outlooks(summary)
    assert flat.found.gain_high[-1] < WORTH < rising.found.gain_high[-1]
    assert (flat.stop, rising.stop) == (True, False)
    (table,) = [one for one in tables(summary) if one.name == "forecast"]
    assert {row.label: row.cells[-1].text for row in table.rows} == {"random": "stop", "margin": "go on"}


def _with(cycle: Cycle, value: float) -> Cycle:
    return dataclasses.replace(cycle, metrics={"accuracy": value})


def shown(one: Outlook) -> list[str]:
    """Returns the cells of a row, worked out from the forecast alone."""
    cells = [f"{100 * one.value:.1f}", f"{one.n_labeled:,} labels"]
    for k in range(2):
        cells += [f"{100 * one.found.gain[k]:+.1f}", f"{100 * one.found.gain_low[k]:.1f} to "]
        cells += [f"{100 * one.found.median[k]:.1f}", f"{100 * one.found.low[k]:.1f} to {100 * one.found.high[k]:.1f}"]
    return cells


def test_page_csv_and_json_say_the_same(made: Callable[..., Path]) -> None:
    folder = made()
    summary = summarize(read(folder))
    page = build(folder).read_text(encoding="utf-8")
    section = page.split('<section id="table-forecast">')[1].split("</section>")[0]
    rows = section.split("<tr>")[2:]
    for one in outlooks(summary):
        (row,) = [row for row in rows if f">{one.label}</th>" in row]
        assert one.found.gain_low.min() > 0.001, "a rounded end would be written otherwise than below"
        text = re.sub(r"<[^>]+>", "|", row)
        assert all(cell in text for cell in shown(one)), one.label
        assert row.rstrip().split("<td>")[-1].startswith("stop" if one.stop else "go on")
    written = list(csv.DictReader(csv_files(summary)["forecast.csv"].splitlines()))
    assert (folder / "report" / "forecast.csv").read_text(encoding="utf-8") == csv_files(summary)["forecast.csv"]
    said = {
        one["label"]: one["forecast"]
        for one in json.loads(json.dumps(record(summary.experiment, summary, None)))["strategies"]
    }
    for one in outlooks(summary):
        steps = said[one.label]["next"]
        mine = [row for row in written if row["label"] == one.label]
        assert [step["labels"] for step in steps] == [100, 500] == [int(row["labels"]) for row in mine]
        for name in ("median", "low", "high", "gain", "gain_low", "gain_high"):
            assert [step[name] for step in steps] == getattr(one.found, name).tolist()
            assert [float(row[name]) for row in mine] == getattr(one.found, name).tolist()
        assert [step["stop"] for step in steps] == one.found.enough(WORTH).tolist()
