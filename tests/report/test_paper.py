"""A paper's own numbers beside ours: which count they stand at, the intervals, and what is said of the scale."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from askew.errors import DataNotFound, InputError
from askew.experiment.study_folder import FILE
from askew.report.build import build
from askew.report.ledgers import read
from askew.report.paper import joined, paper_tables
from askew.report.study import build_study
from askew.report.summary import summarize
from askew.report.tables import Table, plain_text

LABELS = ("random", "entropy", "entropy+balance")
VALUES = {"source": "Table 3.1", "at": 400, "values": {"full": 93.61, "entropy": 90.5, "vaal": 88.0, "random": 87.65}}
GAINS = {"source": "Table 4.1, IF 0.1", "scale": "desk", "gains": {"entropy+balance": [0.54, -0.86, 0.57, 0.27]}}


@pytest.fixture
def folder(experiment: Callable[..., Path]) -> Path:
    return experiment(labels=LABELS, seeds=(0, 1, 2), cycles=4)


def with_paper(folder: Path, paper: object) -> Path:
    path = folder / "experiment.json"
    about = json.loads(path.read_text(encoding="utf-8"))
    about["config"]["paper"] = paper
    path.write_text(json.dumps(about), encoding="utf-8")
    return folder


def accuracies(folder: Path, label: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Reads the (seeds, cycles) accuracies from the ledgers themselves, in points."""
    rows = []
    for path in sorted(folder.glob(f"runs/{label}-seed*/ledger.jsonl")):
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        rows.append([100 * line["asked"]["metrics"]["accuracy"] for line in lines if "asked" in line])
    return np.array(rows)


def cells(table: Table, label: str) -> dict[str, tuple[str, str]]:
    (row,) = [row for row in table.rows if row.label == label]
    return {name: (cell.text, cell.small) for name, cell in zip(table.columns, row.cells, strict=True)}


def half_width(values: np.ndarray[Any, Any]) -> float:
    """Student's t for three seeds by hand: 4.303 · std / √3."""
    return float(4.302653 * values.std(ddof=1) / np.sqrt(3))


def test_values_stand_at_the_papers_count_with_our_interval(folder: Path) -> None:
    (table,) = paper_tables(summarize(read(with_paper(folder, VALUES))))
    ours, random = accuracies(folder, "entropy")[:, 2], accuracies(folder, "random")[:, 2]  # 200, 300, 400 labels
    found = cells(table, "entropy")
    assert found["paper"] == ("90.50", "")
    assert found["ours"][0] == f"{ours.mean():.2f}"
    half = half_width(ours)
    assert found["ours"][1] == f"{ours.mean() - half:.1f} to {ours.mean() + half:.1f}"
    assert found["paper, above random"] == ("+2.85", "")
    gain = ours - random
    assert found["ours, above random"][0] == f"{gain.mean():+.2f}".replace("-", "−")
    low, high = gain.mean() - half_width(gain), gain.mean() + half_width(gain)
    assert found["ours, above random"][1] == f"{low:.1f} to {high:.1f}".replace("-", "−")


def test_the_whole_pool_and_what_was_not_run(folder: Path) -> None:
    (table,) = paper_tables(summarize(read(with_paper(folder, VALUES))))
    assert [row.label for row in table.rows] == ["full", "entropy", "vaal", "random"]
    assert cells(table, "full")["ours"][0] == "91.50"
    assert cells(table, "vaal")["ours"] == ("–", "not run here")
    assert cells(table, "random")["paper, above random"][0] == "–"


@pytest.mark.parametrize(("at", "n"), [(0.03, 300), (300, 300), (None, 500)])
def test_a_share_is_of_the_pool_and_left_out_is_the_last_count(folder: Path, at: float | None, n: int) -> None:
    paper = {key: value for key, value in VALUES.items() if key != "at"} | ({"at": at} if at else {})
    summary = summarize(read(with_paper(folder, paper)))
    (table,) = paper_tables(summary)
    column = summary.n_labeled.index(n)
    assert cells(table, "entropy")["ours"][0] == f"{accuracies(folder, 'entropy')[:, column].mean():.2f}"


def test_gains_over_the_plain_strategy_are_cycle_by_cycle(folder: Path) -> None:
    (table,) = paper_tables(summarize(read(with_paper(folder, GAINS))))
    gain = accuracies(folder, "entropy+balance") - accuracies(folder, "entropy")
    found = cells(table, "entropy+balance")
    assert [found[f"paper, cycle {k}"][0] for k in (1, 2, 3, 4)] == ["+0.54", "−0.86", "+0.57", "+0.27"]
    for k in (1, 2, 3):
        assert found[f"ours, cycle {k}"][0] == f"{gain[:, k].mean():+.2f}".replace("-", "−")
        low, high = gain[:, k].mean() - half_width(gain[:, k]), gain[:, k].mean() + half_width(gain[:, k])
        assert found[f"ours, cycle {k}"][1] == f"{low:.1f} to {high:.1f}".replace("-", "−")
    assert found["ours, cycle 4"] == ("–", "")


def test_desk_scale_is_said_and_full_scale_is_not(folder: Path) -> None:
    (desk,) = paper_tables(summarize(read(with_paper(folder, GAINS))))
    assert "Ours are at desk scale, smaller than the paper’s protocol" in desk.note
    (full,) = paper_tables(summarize(read(with_paper(folder, GAINS | {"scale": "full"}))))
    assert "desk" not in full.note
    (other,) = paper_tables(summarize(read(with_paper(folder, GAINS | {"stands_in": "A stands in for B"}))))
    assert "Here, A stands in for B." in other.note


def test_the_page_shows_it_and_the_configuration_does_not_repeat_it(folder: Path) -> None:
    assert 'id="table-paper' not in build(folder).read_text(encoding="utf-8")
    page = build(with_paper(folder, VALUES | {"gains": GAINS["gains"]})).read_text(encoding="utf-8")
    assert 'id="table-paper"' in page
    assert 'id="table-paper-gains"' in page
    assert "93.61" in page
    assert '<th scope="row">paper.' not in page


def test_another_metric_has_no_paper(folder: Path) -> None:
    assert paper_tables(summarize(read(with_paper(folder, VALUES)), "balanced_accuracy")) == ()


@pytest.mark.parametrize("paper", [3, {"source": "T"}, {"source": "T", "values": {"a": "b"}}])
def test_a_damaged_paper_is_one_line(folder: Path, paper: object) -> None:
    summary = summarize(read(with_paper(folder, paper)))
    with pytest.raises(InputError, match=r"experiment\.json: config\.paper: ") as caught:
        paper_tables(summary)
    assert "\n" not in str(caught.value)


def test_a_table_in_a_terminal_has_its_columns_below_each_other(folder: Path) -> None:
    (table,) = paper_tables(summarize(read(with_paper(folder, VALUES))))
    title, head, *rows = plain_text(table)
    assert title == "Beside Table 3.1"
    assert len(rows) == 4
    assert {row.index(value) for row, value in zip(rows, ("93.61", "90.50", "88.00", "87.65"), strict=True)} == {
        head.index("paper")
    }


@pytest.fixture
def study(experiment: Callable[..., Path], tmp_path: Path) -> Path:
    place = tmp_path / "study"
    for part, noise in (("if-0.1", 0.004), ("if-1", 0.003)):
        paper = GAINS | {"source": f"Table 4.1, {part}"}
        made = with_paper(experiment(labels=LABELS, seeds=(0, 1, 2), cycles=5, noise=noise), paper)
        about = json.loads((made / "experiment.json").read_text(encoding="utf-8"))
        about["config"]["data"] = {"long_tail": part}
        (made / "experiment.json").write_text(json.dumps(about), encoding="utf-8")
        place.mkdir(exist_ok=True)
        made.rename(place / part)
    record = {"name": "table-4.1-desk", "scale": "desk", "experiments": ["if-0.1", "if-0.3", "if-1"]}
    (place / FILE).write_text(json.dumps(record), encoding="utf-8")
    return place


def test_the_joint_table_has_the_rows_of_each_experiment(study: Path) -> None:
    found = {part: summarize(read(study / part)) for part in ("if-0.1", "if-1")}
    (table,) = joined(found)
    assert [row.label for row in table.rows] == ["if-0.1: entropy+balance", "if-1: entropy+balance"]
    for part, row in zip(found, table.rows, strict=True):
        (single,) = paper_tables(found[part])
        assert row.cells == single.rows[0].cells
    assert "Table 4.1, if-0.1; Table 4.1, if-1" in table.note


def test_the_joint_page_links_its_experiments_and_says_what_is_missing(study: Path) -> None:
    page = build_study(study).read_text(encoding="utf-8")
    assert 'href="../if-0.1/report/index.html"' in page
    assert "if-0.3: not run" in page
    assert 'id="table-paper-gains"' in page
    assert 'id="curves"' in page
    assert (study / "report" / "curves.svg").is_file()
    text = (study / "report" / "paper-gains.csv").read_text(encoding="utf-8")
    assert "if-0.1: entropy+balance" in text
    assert build_study(study).read_text(encoding="utf-8") == page


def test_a_study_of_nothing_yet_is_one_line(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(json.dumps({"name": "s", "scale": None, "experiments": ["a"]}), encoding="utf-8")
    with pytest.raises(DataNotFound, match="no experiment of s has finished a cycle"):
        build_study(tmp_path)


@pytest.mark.parametrize("text", ["[", "3", '{"name": "s"}', '{"name": "s", "experiments": ["../a"]}', '{"name": 1}'])
def test_a_damaged_study_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"study\.json: ") as caught:
        build_study(tmp_path)
    assert "\n" not in str(caught.value)
