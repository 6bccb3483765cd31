"""The headline says what the numbers say: claims with their intervals, and no claim where an interval covers 0."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from askew.errors import InputError
from askew.experiment.ledger import Cycle
from askew.report.curve_figures import labels_saved
from askew.report.headline import headline, span
from askew.report.ledgers import read
from askew.report.measures import Estimate
from askew.report.summary import Summary, summarize
from askew.report.tables import tables

COUNTS = (100, 200, 300)


@pytest.fixture
def summary_of(tmp_path: Path, writer: Any, head: Any) -> Callable[..., Summary]:
    """Returns a function that makes a summary from label to one list of accuracies a seed, at 100, 200, 300 labels."""

    def make(
        curves: dict[str, list[list[float]]], metric: str = "accuracy", counts: tuple[int, ...] = COUNTS
    ) -> Summary:
        about = {"name": "t", "dataset": "d", "classes": ["a", "b"], "n_items": 1000, "n_test": 10}
        (tmp_path / "experiment.json").write_text(json.dumps(about))
        for label, rows in curves.items():
            for seed, row in enumerate(rows):
                cycles = [
                    Cycle(
                        number=k,
                        n_labeled=counts[k],
                        metrics={metric: value},
                        labeled_counts=(1, 1),
                        asked=(1000 + k,) if k < len(counts) - 1 else (),
                        asked_labels=(0,) if k < len(counts) - 1 else (),
                    )
                    for k, value in enumerate(row)
                ]
                writer(tmp_path, head(label, seed, len(counts), 100), cycles)
        return summarize(read(tmp_path))

    return make


def test_a_clear_gain_is_claimed_in_labels(summary_of: Callable[..., Summary]) -> None:
    # the strategy is at random's last accuracy with 200 labels, give or take what .001 is worth
    noise = (0.0, 0.001, -0.001, 0.0005)
    found = headline(
        summary_of(
            {
                "random": [[0.50, 0.60, 0.70]] * 4,
                "entropy": [[0.50, 0.70 + e, 0.80 + e] for e in noise],
            }
        )
    )
    assert found.claims
    assert found.sentence == "entropy saves 33% of the labels: it needs 200 where random needs 300."
    # a seed's effect e moves the need for .7 by 1000 e: s = .85, so 100 ± 3.18 · .85 / 2 labels
    assert found.details[0] == (
        "With these, entropy and random both reach 70.0%; the saving is 100 labels (95% interval 99 to 101)."
    )
    # areas: random .6, entropy .675 + .75 e; mean e = .000125
    assert found.details[1].startswith(
        "Averaged over 100 to 300 labels, entropy is 7.5 points above random (95% interval 7.4 to 7.6"
    )


def test_the_share_saved_is_that_of_the_two_numbers_shown(summary_of: Callable[..., Summary]) -> None:
    # random is at .7 with 100 labels, the strategy with 10 + 50 · .2 / .2475 = 50.4: 49.6% are saved, 51 of 100 is 49%
    curves = {"random": [[0.5, 0.6, 0.7]] * 3, "entropy": [[0.5, 0.7475, 0.8]] * 3}
    summary = summary_of(curves, counts=(10, 60, 100))
    assert headline(summary).sentence == "entropy saves 49% of the labels: it needs 51 where random needs 100."
    drawn = labels_saved(summary, False)
    assert drawn is not None
    assert "51 instead of 100: 49% fewer" in [text.get_text() for text in drawn.axes[0].texts]


def test_an_interval_that_covers_zero_claims_nothing(summary_of: Callable[..., Summary]) -> None:
    found = headline(
        summary_of(
            {
                "random": [[0.5, 0.60, 0.70], [0.5, 0.62, 0.70], [0.5, 0.61, 0.71]],
                "entropy": [[0.5, 0.66, 0.75], [0.5, 0.60, 0.69], [0.5, 0.63, 0.71]],
            }
        )
    )
    assert not found.claims
    assert found.sentence == "3 seeds do not show any strategy to be better than random."
    assert re.search(
        r"entropy, \+1\.3 points, averaged over 100 to 300 labels \(95% interval −\d\.\d to \d\.\d\)", found.details[0]
    )


def test_the_best_of_many_has_to_be_better_than_by_chance(summary_of: Callable[..., Summary]) -> None:
    # one strategy's own interval leaves out 0, but among ten such an interval is expected now and then
    random = [[0.5, 0.60, 0.70]] * 3
    lucky = [[0.5, 0.61, 0.71], [0.5, 0.618, 0.718], [0.5, 0.614, 0.714]]
    others = {f"other-{i}": random for i in range(9)}
    alone = headline(summary_of({"random": random, "lucky": lucky}))
    assert alone.claims
    among = headline(summary_of(others))  # the folder keeps random and lucky
    assert not among.claims
    assert among.sentence == "lucky led random by 1.1 points, but 3 seeds do not prove it."
    assert "when widened for 10 comparisons" in among.details[0]
    assert among.details[1].startswith(
        "10 strategies were compared with random. Shown to be above it: none; neither: lucky, other-0, "
    )


def test_one_seed_claims_nothing(summary_of: Callable[..., Summary]) -> None:
    found = headline(summary_of({"random": [[0.5, 0.6, 0.7]], "entropy": [[0.5, 0.8, 0.9]]}))
    assert not found.claims
    assert found.sentence == "One seed: no error bar, so no claim."
    assert found.details == ("Averaged over 100 to 300 labels, entropy is 15.0 points above random.",)


def test_two_seeds_claim_nothing_even_if_they_agree(summary_of: Callable[..., Summary]) -> None:
    found = headline(summary_of({"random": [[0.5, 0.6, 0.7]] * 2, "entropy": [[0.5, 0.8, 0.9]] * 2}))
    assert not found.claims
    assert found.sentence == "2 seeds: too few for a claim."
    assert found.details[0].endswith("entropy is 15.0 points above random (95% interval 15.0 to 15.0).")


def test_worse_than_random_is_said(summary_of: Callable[..., Summary]) -> None:
    found = headline(summary_of({"random": [[0.5, 0.7, 0.8]] * 3, "entropy": [[0.5, 0.6, 0.7]] * 3}))
    assert not found.claims
    assert found.details[0].startswith("Even the best mean is not above random: entropy, −7.5 points")


def test_without_random_there_is_nothing_to_hold_against(summary_of: Callable[..., Summary]) -> None:
    found = headline(summary_of({"entropy": [[0.5, 0.6, 0.7]] * 3, "margin": [[0.5, 0.6, 0.8]] * 3}))
    assert not found.claims
    assert found.sentence == "Nothing to hold the strategies against: no run is labelled “random”."
    assert found.details == ("The highest mean at a last label count is margin’s: 80.0% with 300 labels.",)


def test_only_random(summary_of: Callable[..., Summary]) -> None:
    assert headline(summary_of({"random": [[0.5, 0.6, 0.7]] * 3})).sentence.startswith("Only random was run")


def test_what_reads_the_truth_is_no_rival(summary_of: Callable[..., Summary]) -> None:
    found = headline(
        summary_of(
            {
                "random": [[0.5, 0.6, 0.7]] * 3,
                "oracle": [[0.5, 0.9, 0.95]] * 3,
                "entropy": [[0.5, 0.7, 0.8]] * 3,
            }
        )
    )
    assert found.sentence.startswith("entropy saves 33% of the labels: it needs 200")
    assert not any("oracle" in sentence for sentence in found.details)


def test_balance_is_held_against_its_plain_strategy(summary_of: Callable[..., Summary]) -> None:
    found = headline(
        summary_of(
            {
                "random": [[0.5, 0.6, 0.7]] * 3,
                "entropy": [[0.5, 0.60, 0.70], [0.5, 0.62, 0.72], [0.5, 0.58, 0.68]],
                "entropy+balance": [[0.5, 0.64, 0.74], [0.5, 0.66, 0.76], [0.5, 0.62, 0.72]],
                "kcenter": [[0.5, 0.60, 0.70], [0.5, 0.62, 0.72], [0.5, 0.58, 0.68]],
                "kcenter+balance": [[0.5, 0.60, 0.70], [0.5, 0.61, 0.73], [0.5, 0.59, 0.67]],
            }
        )
    )
    # .04 at 200 and at 300: (.02 · 100 + .04 · 100) / 200
    how_far = (
        "averaged over 100 to 300 labels (95% interval 3.0 to 3.0; 3.0 to 3.0 when widened for 2 comparisons, 3 seeds)"
    )
    assert f"entropy+balance is 3.0 points above entropy, {how_far}." in found.balance
    assert any(s.startswith("3 seeds do not tell kcenter+balance from kcenter (95% interval") for s in found.balance)


def test_balance_around_the_truth_is_not_judged_and_widens_nothing(summary_of: Callable[..., Summary]) -> None:
    summary = summary_of(
        {
            "random": [[0.5, 0.6, 0.7]] * 3,
            "entropy": [[0.5, 0.60, 0.70], [0.5, 0.62, 0.72], [0.5, 0.58, 0.68]],
            "entropy+balance": [[0.5, 0.64, 0.74], [0.5, 0.67, 0.76], [0.5, 0.62, 0.72]],
            "oracle": [[0.5, 0.8, 0.9]] * 3,
            "oracle+balance": [[0.5, 0.82, 0.92], [0.5, 0.83, 0.9], [0.5, 0.8, 0.9]],
        }
    )
    found = {line.label: line for line in summary.lines}
    assert (found["oracle+balance"].plain, found["oracle+balance"].over_plain) == ("oracle", None)
    judged = found["entropy+balance"].over_plain
    assert judged is not None
    assert judged.n == 1
    assert len(headline(summary).balance) == 1


def test_an_end_of_an_interval_is_zero_only_if_it_is(summary_of: Callable[..., Summary]) -> None:
    found = summary_of({"random": [[0.5, 0.6, 0.7]] * 3, "entropy": [[0.5, 0.6, 0.7]] * 3})
    ends = ((0.0004, 0.007, "0.04 to 0.7"), (-0.0004, 0.0, "−0.04 to 0.0"), (-0.014, -0.0, "−1.4 to 0.0"))
    for low, high, text in ends:
        assert span(Estimate(0.0, low, high, 3), found) == text


def test_a_metric_that_is_no_share_has_no_percent(summary_of: Callable[..., Summary]) -> None:
    found = summary_of({"random": [[5.0, 6.0, 7.0]] * 3, "entropy": [[5.0, 8.0, 9.0]] * 3}, metric="score")
    assert (found.metric, found.percent, found.scale) == ("score", False, 1.0)
    assert not any("points" in sentence for sentence in headline(found).details)


def test_metrics_are_named(experiment: Callable[..., Path]) -> None:
    found = read(experiment(labels=("random",), seeds=(0,), cycles=2))
    assert summarize(found).metric == "accuracy"
    assert summarize(found, "balanced_accuracy").metric == "balanced_accuracy"
    with pytest.raises(InputError, match="did you mean 'accuracy'"):
        summarize(found, "acuracy")


def test_a_strategy_one_seed_behind_is_compared_on_the_seeds_it_has(experiment: Callable[..., Path], cut: Any) -> None:
    folder = experiment(labels=("random", "entropy"), seeds=(0, 1, 2), cycles=4)
    cut(folder / "runs" / "entropy-seed2" / "ledger.jsonl", 2)
    found = summarize(read(folder))
    line = found.lines[1]
    assert line.over_random is not None
    assert line.over_random.gain.n_seeds == 2
    # no mean mixes two seeds with three: the third is left out at every count, and that is said
    assert line.n_seeds.tolist() == [2, 2, 2, 2]
    assert line.mean.tolist() == pytest.approx(line.curves.values[:2].mean(axis=0).tolist())
    assert found.missing == ("entropy is shown for the 2 of its 3 seeds that reached every label count.",)


def test_runs_that_stopped_early_are_compared_on_the_counts_that_they_share(
    experiment: Callable[..., Path], cut: Any
) -> None:
    folder = experiment(labels=("random", "entropy"), seeds=(0, 1, 2), cycles=4)
    for seed, cycles in ((0, 3), (1, 2)):
        cut(folder / "runs" / f"entropy-seed{seed}" / "ledger.jsonl", cycles)
    (folder / "runs" / "random-seed1" / "ledger.jsonl").unlink()
    found = summarize(read(folder))
    line = found.lines[1]
    assert line.n_seeds.tolist() == [3, 3, 0, 0]
    assert np.isnan(line.mean[2:]).all()
    assert line.over_random is not None
    assert (line.over_random.gain.over, line.over_random.gain.n_seeds) == ((200, 400), 2)
    assert found.missing == (
        "random has nothing measured for seed 1.",
        "entropy is shown up to 300 labels, which all of its seeds reached.",
    )


def test_random_ahead_of_a_strategy_is_told_with_the_counts_that_were_compared(
    summary_of: Callable[..., Summary],
) -> None:
    # both have .60 and more with 200 labels: the strategy, .50 to .65, with 100 + 100 · 10 / 15
    found = summary_of({"random": [[0.5, 0.6, 0.7]] * 3, "entropy": [[0.5, 0.65]] * 3})
    saving, gain = found.lines[1].saving, found.lines[1].over_random
    assert saving is not None
    assert (saving.n_labeled, saving.random_needs, saving.needs) == (200, 200, pytest.approx(500 / 3))
    assert gain is not None
    assert gain.gain.over == (100, 200)
    assert headline(found).details[1].startswith("Averaged over 100 to 200 labels, entropy is 2.5 points above random")


def test_labels_are_marked_as_saved_only_if_the_whole_interval_says_so(summary_of: Callable[..., Summary]) -> None:
    found = summary_of(
        {
            "random": [[0.5, 0.60, 0.70], [0.5, 0.61, 0.71], [0.5, 0.59, 0.69]],
            "better": [[0.5, 0.70, 0.80], [0.5, 0.71, 0.81], [0.5, 0.69, 0.79]],
            "unsure": [[0.5, 0.60, 0.69], [0.5, 0.58, 0.73], [0.5, 0.63, 0.66]],
            "worse": [[0.5, 0.55, 0.60], [0.5, 0.56, 0.61], [0.5, 0.54, 0.59]],
        }
    )
    table = next(table for table in tables(found) if table.name == "savings")
    assert {row.label: row.cells[0].sign for row in table.rows} == {"better": 1, "unsure": 0, "worse": -1}
    needs = {row.label: [cell.text for cell in row.cells[1:3]] for row in table.rows}
    assert needs["better"] == ["300", "200"]
    assert needs["worse"] == ["200", "300"]
    last = {row.label: (row.cells[-1].text, row.cells[-1].sign) for row in table.rows}
    assert last == {"better": ("100", 1), "worse": ("−100", -1), "unsure": ("none", 0)}


def test_what_balance_added_is_judged_among_all_balanced_strategies(summary_of: Callable[..., Summary]) -> None:
    # gains of 2, 3 and 4 points at the end: t = 5.2 (p = .035) is shown alone, but not as one of two
    plain = [[0.5, 0.6, 0.70], [0.5, 0.6, 0.71], [0.5, 0.6, 0.72]]
    better = [[0.5, 0.6, 0.72], [0.5, 0.6, 0.74], [0.5, 0.6, 0.76]]
    alone = headline(summary_of({"random": plain, "entropy": plain, "entropy+balance": better}))
    assert any(s.startswith("entropy+balance is 0.8 points above entropy") for s in alone.balance)
    among = headline(summary_of({"kcenter": plain, "kcenter+balance": plain[::-1]}))
    assert any(s.startswith("3 seeds do not tell entropy+balance from entropy") for s in among.balance)
