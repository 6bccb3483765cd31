"""What a report says of pseudo-labels: the plain strategy, models A and B, and how many were right, by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from askew.experiment.ledger import Cycle
from askew.pseudo_labels import PseudoLabels
from askew.report.build import build_of
from askew.report.curve_figures import gain_of_pseudo_labels, two_models
from askew.report.headline import headline
from askew.report.ledgers import Experiment, read
from askew.report.pseudo import pseudo_lines
from askew.report.record import record
from askew.report.style import style
from askew.report.summary import summarize
from askew.report.tables import tables

TWO, CEAL = PseudoLabels(share=0.1).record(), PseudoLabels("one", "entropy", share=0.1).record()
COUNTS = (100, 200, 300)
B = {"entropy+two": [[0.60, 0.71, 0.82], [0.61, 0.72, 0.80], [0.62, 0.70, 0.81]]}
A = [[0.60, 0.69, 0.79], [0.60, 0.69, 0.78], [0.61, 0.69, 0.78]]
RIGHT = [[0.90, 0.94, 0.98], [0.90, 0.96, 0.98], [0.93, 0.95, 0.98]]
ACCURACY = {
    "random": [[0.60, 0.68, 0.77], [0.60, 0.68, 0.76], [0.61, 0.67, 0.77]],
    "entropy": [[0.60, 0.69, 0.79], [0.60, 0.69, 0.78], [0.61, 0.69, 0.78]],
    **B,
    "entropy+ceal": [[0.60, 0.70, 0.79], [0.60, 0.69, 0.79], [0.61, 0.68, 0.79]],
    "entropy+balance": [[0.60, 0.69, 0.80], [0.60, 0.70, 0.78], [0.61, 0.69, 0.78]],
    "entropy+balance+two": [[0.60, 0.70, 0.81], [0.61, 0.71, 0.80], [0.61, 0.70, 0.80]],
}
BALANCE = {"weight": 0.6, "by": "probs", "distance": "l1", "target": None}


def metrics_of(label: str, seed: int, k: int) -> dict[str, float]:
    found = {"accuracy": ACCURACY[label][seed][k]}
    if label.endswith("two"):
        found |= {"teacher_accuracy": A[seed][k], "pseudo_labels": 50.0, "pseudo_label_accuracy": RIGHT[seed][k]}
    if label.endswith("ceal"):
        found |= {"pseudo_labels": 0.0} if k == 0 else {"pseudo_labels": 20.0 + seed, "pseudo_label_accuracy": 0.5}
    return found


@pytest.fixture
def made(tmp_path: Path, writer: Any, head: Callable[..., Any]) -> Experiment:
    about = {"name": "t", "dataset": "d", "classes": ["a", "b"], "n_items": 1000, "n_test": 10}
    (tmp_path / "experiment.json").write_text(json.dumps(about))
    for label, seeds in ACCURACY.items():
        balance = BALANCE if "balance" in label else None
        pseudo = TWO if label.endswith("two") else CEAL if label.endswith("ceal") else None
        for seed in range(len(seeds)):
            cycles = [
                Cycle(k, n, metrics_of(label, seed, k), (1, 1), (1000 + k,) if k < 2 else (), (0,) if k < 2 else ())
                for k, n in enumerate(COUNTS)
            ]
            strategy = label.split("+")[0]
            header = head(label, seed, 3, 100, strategy=strategy, balance=balance, pseudo_labels=pseudo)
            writer(tmp_path, header, cycles)
    return read(tmp_path)


def test_the_plain_strategy_is_the_one_without_what_was_added_last(made: Experiment) -> None:
    plain = {label: made.plain_of(label) for label in made.labels}
    assert plain == {
        "random": None,
        "entropy": None,
        "entropy+balance": "entropy",
        "entropy+ceal": "entropy",
        "entropy+two": "entropy",
        "entropy+balance+two": "entropy+two",
    }
    added = {line.label: line.added for line in summarize(made).lines}
    assert added == {
        "random": "",
        "entropy": "",
        "entropy+balance": "balance",
        "entropy+ceal": "pseudo-labels",
        "entropy+two": "pseudo-labels",
        "entropy+balance+two": "balance",
    }


def test_each_kind_is_judged_among_its_own(made: Experiment) -> None:
    lines = {line.label: line for line in summarize(made).lines}
    two, balanced = lines["entropy+two"].over_plain, lines["entropy+balance"].over_plain
    assert two is not None
    assert balanced is not None
    assert (two.n, balanced.n) == (2, 2)
    gain = np.array(ACCURACY["entropy+two"]) - np.array(ACCURACY["entropy"])
    assert two.gain.mean == pytest.approx((gain @ [0.25, 0.5, 0.25]).mean())


def test_b_is_held_against_its_a_and_the_pseudo_labels_against_the_truth(made: Experiment) -> None:
    found = {one.line.label: one for one in pseudo_lines(summarize(made))}
    assert set(found) == {"entropy+two", "entropy+ceal", "entropy+balance+two"}
    two, ceal = found["entropy+two"], found["entropy+ceal"]
    assert two.teacher is not None
    assert two.teacher.values.tolist() == A
    assert two.over_teacher is not None
    assert (two.over_teacher.n, two.over_teacher.sign) == (2, 1)
    gain = np.array(B["entropy+two"]) - np.array(A)
    assert two.over_teacher.gain.mean == pytest.approx((gain @ [0.25, 0.5, 0.25]).mean())
    assert two.mean_right == pytest.approx(np.mean(RIGHT))
    assert (ceal.teacher, ceal.over_teacher) == (None, None)
    assert ceal.count.values.tolist() == [[0, 20, 20], [0, 21, 21], [0, 22, 22]]
    assert ceal.mean_right == pytest.approx(0.5)


def test_the_sentences_say_it(made: Experiment) -> None:
    said = headline(summarize(made)).pseudo_labels
    assert said[0].startswith("3 seeds do not tell entropy+ceal from entropy (95% interval")
    assert any(
        one.startswith("entropy+two is 1.8 points above entropy, averaged over 100 to 300 labels") for one in said
    )
    assert any(one.startswith("Model B of entropy+two is 1.8 points above its model A, averaged over") for one in said)
    assert "Of the pseudo-labels of entropy+two, 94.7% were right, mean over cycles and seeds." in said
    assert not any("balance is" in one for one in said)
    balance = headline(summarize(made)).balance
    assert len(balance) == 2
    assert not any("Model" in one or "ceal" in one for one in balance)


def test_the_table_has_both_models_and_the_share_that_was_right(made: Experiment) -> None:
    found = {table.name: table for table in tables(summarize(made))}
    rows = {row.label: [(cell.text, cell.small) for cell in row.cells] for row in found["models"].rows}
    assert rows["entropy+two, model A"] == [("60.3 ± 0.6", ""), ("69.0 ± 0.0", ""), ("78.3 ± 0.6", "")]
    assert rows["entropy+two, model B"] == [("61.0 ± 1.0", ""), ("71.0 ± 1.0", ""), ("81.0 ± 1.0", "")]
    assert rows["entropy+two, pseudo-labels right"] == [("91.0", "of 50"), ("95.0", "of 50"), ("98.0", "of 50")]
    assert rows["entropy+ceal, pseudo-labels right"] == [("–", "of 0"), ("50.0", "of 21"), ("50.0", "of 21")]
    assert "entropy+ceal, model A" not in rows
    assert [row.label for row in found["pseudo-gains"].rows] == [
        "entropy+ceal over entropy",
        "entropy+two over entropy",
    ]
    assert [row.label for row in found["gains"].rows] == [
        "entropy+balance over entropy",
        "entropy+balance+two over entropy+two",
    ]


def test_the_page_and_the_record_have_it_and_say_nothing_where_there_are_none(
    made: Experiment, tmp_path: Path, experiment: Callable[..., Path]
) -> None:
    pytest.importorskip("jinja2")
    page = build_of(summarize(made), tmp_path / "out")
    text = page.read_text(encoding="utf-8")
    for there in (
        'id="two-models"',
        'id="gain-of-pseudo-labels"',
        'id="table-models"',
        "Model B of entropy+two is 1.8",
    ):
        assert there in text
    assert (page.parent / "two-models.svg").is_file()
    told = record(made, summarize(made), None)
    strategies = {one["label"]: one["pseudo_labels"] for one in told["strategies"]}
    assert strategies["random"] is None
    assert strategies["entropy+two"]["teacher"]["values"] == A
    assert strategies["entropy+ceal"]["over_teacher"] is None
    json.dumps(told, allow_nan=False)
    plain = read(experiment("plain", labels=("random", "entropy"), seeds=(0, 1), cycles=2, full=False))
    assert headline(summarize(plain)).pseudo_labels == ()
    assert not {"models", "pseudo-gains"} & {table.name for table in tables(summarize(plain))}


def test_a_report_on_model_a_has_no_further_teacher(made: Experiment) -> None:
    found = summarize(made, "teacher_accuracy")
    assert {line.label for line in found.lines} == {"entropy+two", "entropy+balance+two"}
    assert [one.teacher for one in pseudo_lines(found)] == [None, None]


@pytest.mark.parametrize(("draw", "n"), [(two_models, 2), (gain_of_pseudo_labels, 2)])
def test_the_figures_have_a_panel_a_strategy_and_are_as_wide_as_the_page(
    made: Experiment, experiment: Callable[..., Path], draw: Any, n: int
) -> None:
    summary = summarize(made)
    with style():
        for narrow, inches in ((False, 10.0), (True, 4.2)):
            figure = draw(summary, narrow)
            assert figure.get_size_inches()[0] == inches
            assert len(figure.axes) == n
        plain = read(experiment("plain", labels=("random", "entropy"), seeds=(0, 1), cycles=2, full=False))
        assert draw(summarize(plain)) is None


def test_the_figure_of_two_models_draws_a_and_b(made: Experiment) -> None:
    with style():
        figure = two_models(summarize(made))
    assert figure is not None
    panel = next(ax for ax in figure.axes if ax.get_title("left") == "entropy+two")
    drawn = [np.asarray(line.get_ydata(), dtype=float).round(6).tolist() for line in panel.lines]
    assert drawn == [(100 * np.mean(one, axis=0)).round(6).tolist() for one in (A, B["entropy+two"])]
