"""The page of the adviser: its figures against cases worked out by hand, and that it judges the evidence there is."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import advice_page
import pytest
from make_evidence import EVIDENCE, MATRIX

from askew.advice import Evidence, Gain, Option


def curves(**by_name: float) -> dict[str, list[float]]:
    return {name: [0.9, level, level + 0.02] for name, level in by_name.items()}


MATRIX_OF_TWO: dict[str, Any] = {
    "cycles": 2,
    "strategies": {"random": {}, "kcenter": {}, "margin": {}, "entropy": {}},
    "cells": {
        "a/balanced/1": {
            "n_classes": 2,
            "n_items": 100,
            "sources": ["a"],
            "curves": {
                "0": curves(random=0.50, kcenter=0.56, margin=0.51, entropy=0.9),
                "1": curves(random=0.50, kcenter=0.58, margin=0.52),
            },
        },
        "a/balanced/10": {
            "n_classes": 2,
            "n_items": 100,
            "sources": ["a"],
            "curves": {
                "0": curves(random=0.60, kcenter=0.58, margin=0.61),
                "1": curves(random=0.60, kcenter=0.60, margin=0.63),
            },
        },
    },
}


def auto(level: float, *names: str) -> dict[str, Any]:
    return {"curve": [0.9, level, level + 0.02], "asked_with": list(names)}


AUTO: dict[str, Any] = {
    "cells": {
        "a/balanced/1": {"0": auto(0.55, "kcenter", "kcenter"), "1": auto(0.56, "kcenter", "margin")},
        "a/balanced/10": {"0": auto(0.61, "margin", "margin"), "1": auto(0.62, "margin", "margin")},
    }
}


def test_auto_is_held_against_random_and_the_best_strategy_over_the_budgets() -> None:
    """Seed 0: auto (5 + 1)/2 = 3, k-center (6 − 2)/2 = 2, margin 1; seed 1: auto (6 + 2)/2 = 4, k-center 4, margin 2.5.

    Entropy has one seed of one cell, so it is no rival, however high.
    """
    (row,) = advice_page.judged(MATRIX_OF_TWO, AUTO)
    assert (row.dataset, row.tail, row.seeds, row.best) == ("a", "balanced", 2, "kcenter")
    assert (row.auto, row.behind) == (Gain.of([3.0, 4.0]), Gain.of([1.0, 0.0]))
    assert row.fixed == pytest.approx(3.0)
    assert row.used == ("kcenter", "margin")
    line = "| a, balanced | 2 | +3.5 ± 6.4 | kcenter +3.0 | +0.5 ± 6.4 | kcenter, margin |"
    assert advice_page.judged_table([row]).splitlines()[2] == line
    assert advice_page.summary([row], MATRIX_OF_TWO).splitlines() == [
        "- On all 1 pools `auto` gained 3.5 on random in the mean and stood 0.5 before the best fixed strategy of "
        "each; on 1 of 1 it was within 0.5 points of it, or above.",
        "- Worse than random by more than its interval: on none.",
        "- Furthest behind: a, balanced, where kcenter leads by -0.5 points.",
    ]


def test_the_law_is_the_first_budget_at_which_the_interval_of_margin_lies_above_0() -> None:
    assert advice_page.margin_gain(MATRIX_OF_TWO, "a", 1) == Gain.of([1.0, 2.0])
    assert advice_page.margin_gain(MATRIX_OF_TWO, "a", 3) is None
    assert "above 0 nowhere." in advice_page.law_words(MATRIX_OF_TWO)
    sure = json.loads(json.dumps(MATRIX_OF_TWO))
    for seed, level in (("0", 0.610), ("1", 0.611)):
        sure["cells"]["a/balanced/10"]["curves"][seed] = curves(random=0.60, margin=level)
    assert "from b = 10 on a (2 classes)." in advice_page.law_words(sure)


def test_what_knowing_the_tail_is_worth_is_the_rule_told_less_untold() -> None:
    """Of the other data set, kcenter gained 4 where balanced and −6 where long-tailed; margin 0.5 in both.

    Untold the rule takes margin (0.5 against −1); told of a balanced pool it takes kcenter. On data set a that is
    (6 + 8)/2 − (1 + 2)/2 = 5.5 points more at b = 1, and (−2 + 0)/2 − (1 + 3)/2 = −3 at b = 10.
    """
    record = {
        "strategies": {name: Option(name).record() for name in ("random", "kcenter", "margin")},
        "cells": [
            {
                "dataset": "b", "sources": ["b"], "tail": tail, "n_classes": 2, "n_items": 100, "per_class": b,
                "cycles": 2, "n_seeds": 2, "random": 50.0,
                "gains": {"kcenter": Gain(gain, 1.0).record(), "margin": Gain(0.5, 1.0).record()},
            }
            for b in (1, 10)
            for tail, gain in (("balanced", 4.0), ("long-tailed", -6.0))
        ],
    }  # fmt: skip
    found = advice_page.told_more(MATRIX_OF_TWO, Evidence.of(record))
    assert found.mean == pytest.approx((5.5 - 3.0) / 2)


def test_auto_was_judged_with_the_evidence_that_there_is() -> None:
    judged = json.loads((advice_page.RESULTS / "auto.json").read_text(encoding="utf-8"))
    assert judged["evidence"] == hashlib.sha256(EVIDENCE.read_bytes()).hexdigest()
    cells = json.loads(MATRIX.read_text(encoding="utf-8"))["cells"]
    assert set(judged["cells"]) <= set(cells)
    for key, seeds in judged["cells"].items():
        for seed, one in seeds.items():
            assert one["curve"][0] == cells[key]["curves"][seed]["random"][0], (key, seed)
