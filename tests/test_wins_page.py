"""What the pages say was measured of strategies is what the ledgers and the matrix hold, counted a second way."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import numpy as np
import pytest
from scipy import stats

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def made() -> ModuleType:
    import wins_page

    return wins_page


def test_a_pair_of_the_matrix_is_counted_as_by_hand(made: ModuleType) -> None:
    """Margin against random in the matrix's cells: the trapezoid rule and the interval of SciPy's t test."""
    cells = json.loads((ROOT / "benchmarks" / "results" / "matrix.json").read_text(encoding="utf-8"))["cells"]
    won = lost = of = 0
    for cell in cells.values():
        pairs = [(curves["margin"], curves["random"]) for curves in cell["curves"].values()]
        gains = [float(np.trapezoid(np.subtract(a, b)) / (len(a) - 1)) for a, b in pairs]
        if len(gains) >= 3:
            low, high = stats.ttest_1samp(gains, 0.0).confidence_interval(0.95)
            won, lost, of = won + (low > 0), lost + (high < 0), of + 1
    found = [
        one
        for setting in made.settings()
        if setting.learner == made.PROBE and (one := made.difference(setting, "margin", "random")) is not None
    ]
    assert (sum(one.sign > 0 for one in found), sum(one.sign < 0 for one in found), len(found)) == (won, lost, of)


def test_the_area_of_a_published_run_is_that_of_its_ledger(made: ModuleType) -> None:
    folder = ROOT / "results" / "fashion-desk"
    points: dict[int, float] = {}
    run: dict[str, object] = {}
    for line in gzip.decompress((folder / "ledgers.jsonl.gz").read_bytes()).splitlines():
        record = json.loads(line)
        run = record.get("run", run)
        if "asked" in record and (run["label"], run["seed"]) == ("margin", 3):
            points[record["asked"]["n_labeled"]] = record["asked"]["metrics"]["accuracy"]
    counts = sorted(points)
    by_hand = np.trapezoid([points[n] for n in counts], counts) / (counts[-1] - counts[0])
    kept = json.loads(made.AREAS.read_text(encoding="utf-8"))["fashion-desk"]["areas"]
    assert kept["margin"]["3"] == pytest.approx(float(by_hand), abs=1e-6)
    assert "oracle" not in kept


def test_of_two_strategies_one_wins_or_none(made: ModuleType) -> None:
    for a in made.names():
        assert made.wins()[a, a][0] == 0
        for b in made.names():
            (won, of), (lost, as_many) = made.wins()[a, b], made.wins()[b, a]
            assert of == as_many
            assert won + lost <= of


def test_two_seeds_are_no_comparison(made: ModuleType) -> None:
    setting = made.Setting("x", "1", "y", {"a": {"0": 0.5, "1": 0.6, "2": 0.7}, "b": {"0": 0.1, "1": 0.2}})
    assert made.difference(setting, "a", "b") is None
    assert made.difference(setting, "a", "c") is None


def test_the_figure_has_the_numbers_of_the_table(made: ModuleType) -> None:
    order = made.ranked()
    texts = [one.text or "" for one in ElementTree.fromstring(made.figure()).iter("{http://www.w3.org/2000/svg}text")]
    n = len(order)
    shown = [texts[i * (n + 2) + 2 : (i + 1) * (n + 2)] for i in range(n)]
    rows = [line for line in made.page().split("## All pairs")[1].splitlines() if line.startswith("| `")]
    assert len(rows) == n
    for name, numbers, line in zip(order, shown, rows, strict=True):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert cells[0] == f"`{name}`"
        for number, cell in zip(numbers, cells[1:], strict=True):
            if match := re.fullmatch(r"(\d+)/(\d+)", cell):
                assert number.startswith("(") == (int(match[2]) < made.FEW)
                assert abs(int(number.strip("()")) - 100 * int(match[1]) / int(match[2])) <= 0.5
            else:
                assert number == cell


def test_what_was_not_measured_is_said_so_and_no_advice_is_given(made: ModuleType) -> None:
    assert "Not measured" in made.row("temporal_coherence")
    assert "When to use" not in made.row("temporal_coherence")
    text = made.row("margin")
    found = re.search(
        r"\*\*When to use `margin`\*\*: shown above random in (\d+) of (\d+) settings with balanced", text
    )
    assert found is not None
    signs = [
        one.sign
        for setting in made.settings()
        if "balanced" in setting.group and (one := made.difference(setting, "margin", "random")) is not None
    ]
    assert (int(found[1]), int(found[2])) == (signs.count(1), len(signs))
