"""What the page says of the simulated project is what was measured, and it holds what was promised."""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOUND = json.loads((ROOT / "benchmarks" / "results" / "project_simulation.json").read_text(encoding="utf-8"))


def test_a_quarter_of_the_labels_comes_within_two_points_of_all() -> None:
    last = FOUND["project"][-1]
    assert last["n_asked"] <= FOUND["n_pictures"] / 4
    below = 100 * (FOUND["everything"]["accuracy"] - last["accuracy"])
    assert below <= 2
    assert round(below, 2) == FOUND["points_below_everything"]
    assert last["accuracy"] > FOUND["random"][-1]["accuracy"]
    assert FOUND["random"][-1]["n_labeled"] == last["n_labeled"]


def test_the_page_says_what_was_measured() -> None:
    text = " ".join((ROOT / "docs" / "projects.md").read_text(encoding="utf-8").split())
    last, random, every = FOUND["project"][-1], FOUND["random"][-1], FOUND["everything"]
    for said in (
        f"a script answered {last['n_asked']:,} questions",
        f"right for {100 * last['accuracy']:.1f}% of 10,000",
        f"drawn at random gave {100 * random['accuracy']:.1f}%",
        f"all {every['n_labeled']:,} labels gave {100 * every['accuracy']:.1f}%",
        f"within {FOUND['points_below_everything']:.1f} points",
    ):
        assert said in text, said
