"""The last lines of the demo: what is shown comes first, each experiment in the words of its report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from askew.cli.demo import conclusion
from askew.report.headline import headline
from askew.report.ledgers import read
from askew.report.summary import summarize


@pytest.fixture
def parts(experiment: Callable[..., Path]) -> tuple[Path, Path]:
    """Two experiments: of one seed, which shows nothing, and one in which entropy is above random."""
    made = {"labels": ("random", "entropy"), "cycles": 4, "thumbnails": False, "full": False}
    return (
        experiment("nothing", seeds=(0,), **made),
        experiment("something", seeds=(0, 1, 2, 3), noise=0.0005, strength={"entropy": 0.05}, **made),
    )


def test_what_is_shown_comes_first(parts: tuple[Path, Path]) -> None:
    nothing, something = parts
    heads = [headline(summarize(read(folder))) for folder in parts]
    assert [head.claims for head in heads] == [False, True]
    for order in ([nothing, something], [something, nothing]):
        assert conclusion(order) == [
            f"  {heads[1].sentence}",
            f"    {something / 'report' / 'index.html'}",
            f"  {heads[0].sentence}",
            f"    {nothing / 'report' / 'index.html'}",
        ]


def test_a_part_without_a_measured_cycle_is_left_out(
    parts: tuple[Path, Path], experiment: Callable[..., Path], cut: Callable[[Path, int], None]
) -> None:
    empty = experiment("empty", labels=("random",), seeds=(0,), cycles=2, thumbnails=False, full=True)
    cut(empty / "runs" / "random-seed0" / "ledger.jsonl", 0)
    assert conclusion([empty, parts[0]]) == conclusion([parts[0]])
