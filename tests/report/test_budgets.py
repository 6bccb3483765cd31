"""Several experiments at once: what makes up one setting, where a strategy begins to win, and what is drawn of it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex

from askew.cli.main import main
from askew.errors import InputError
from askew.report.budget_figures import all_curves, budget_gains
from askew.report.budgets import Crossing, Setting, budget_of, crossing, settings
from askew.report.compare import compared, rows, sentences, write
from askew.report.ledgers import read
from askew.report.measures import area, finished
from askew.report.style import PAPER, SERIES, style
from askew.report.summary import Summary, summarize

GAINS = {10: -0.05, 100: 0.0, 500: 0.06}
"""How far the made-up entropy is above random at each budget; margin is as far the other way."""

Make = Callable[..., Path]


@pytest.fixture
def study(experiment: Make) -> Callable[..., Path]:
    def make(name: str, budget: int, gain: float = 0.0, seeds: int = 4, **config: Any) -> Path:
        folder = experiment(
            name,
            labels=("random", "entropy", "margin"),
            strength={"entropy": gain, "margin": -gain},
            seeds=tuple(range(seeds)),
            cycles=4,
            budget=budget,
            thumbnails=False,
            full=False,
        )
        about = json.loads((folder / "experiment.json").read_text(encoding="utf-8"))
        about["name"] = name
        about["config"] |= {"data": {"source": "made-up"}, "learner": {"preset": "quick"}} | config
        (folder / "experiment.json").write_text(json.dumps(about), encoding="utf-8")
        return folder

    return make


@pytest.fixture
def three(study: Callable[..., Path]) -> tuple[Setting, ...]:
    return compared([study(f"pool-{budget}", budget, gain) for budget, gain in reversed(GAINS.items())])


def summary_of(folder: Path) -> Summary:
    return summarize(read(folder))


def test_experiments_that_differ_in_their_budget_only_are_one_setting(three: tuple[Setting, ...]) -> None:
    (setting,) = three
    assert setting.name == "pool"
    assert [budget_of(summary) for summary in setting.summaries] == [10, 100, 500]
    assert setting.labels == ("entropy", "margin")


def test_other_data_another_learner_or_another_initial_set_is_another_setting(study: Callable[..., Path]) -> None:
    folders = [
        study("plain-10", 10),
        study("tail-10", 10, data={"source": "made-up", "long_tail": {"imbalance": 0.1}}),
        study("probe-10", 10, learner={"features": "efficientnet-lite0"}),
        study("plain-100", 100),
        study("uniform-10", 10, protocol={"initial": 20, "budget": 10, "cycles": 4, "initial_set": "uniform"}),
    ]
    found = compared(folders)
    names = [[summary.experiment.name for summary in setting.summaries] for setting in found]
    assert names == [["plain-10", "plain-100"], ["tail-10"], ["probe-10"], ["uniform-10"]]
    assert [setting.name for setting in found] == ["plain", "tail", "probe", "uniform"]


def test_a_crossing_is_the_smallest_budget_from_which_on_all_are_won(three: tuple[Setting, ...]) -> None:
    (setting,) = three
    last = setting.summaries[-1].n_labeled[-1]
    assert crossing(setting, "entropy") == Crossing(below=10, above=500, per_class=last / 10)
    assert crossing(setting, "margin") == Crossing(below=500, above=None, per_class=None)


def test_a_win_that_is_lost_at_a_larger_budget_is_no_crossing(study: Callable[..., Path]) -> None:
    (setting,) = compared([study("a-10", 10, 0.06), study("a-100", 100, 0.0)])
    assert crossing(setting, "entropy") == Crossing(below=None, above=None, per_class=None)


def test_a_budget_is_judged_as_its_own_report_does(three: tuple[Setting, ...]) -> None:
    for summary, one in three[0].comparisons("entropy"):
        alone = summary_of(summary.experiment.folder)
        (line,) = (line for line in alone.lines if line.label == "entropy")
        assert line.over_random == one


def test_the_table_holds_the_paired_mean_of_the_curves(three: tuple[Setting, ...]) -> None:
    found = {(row[2], row[5]): row[6] for row in rows(three)}
    assert len(found) == 6
    for summary in three[0].summaries:
        curves = {line.label: line.curves for line in summary.lines}
        both = finished(curves["entropy"], curves["random"])
        assert both is not None
        by_hand = float(np.mean(area(both[0]) - area(both[1])))
        assert found[budget_of(summary), "entropy"] == pytest.approx(by_hand, abs=1e-12)


def test_what_is_said_names_where_it_begins_and_brackets_what_is_not_shown(three: tuple[Setting, ...]) -> None:
    text = "\n".join(sentences(three))
    entropy = next(line for line in text.splitlines() if line.strip().startswith("entropy:"))
    assert "shown to be better from 500 a cycle on" in entropy
    assert "random is shown to be better up to 10 a cycle" in entropy
    assert entropy.count("(+") + entropy.count("(−") == 1, entropy


def test_a_panel_is_a_strategy_and_a_filled_marker_is_a_difference_that_is_shown(three: tuple[Setting, ...]) -> None:
    with style():
        figure = budget_gains(three)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["entropy", "margin"]
    ax = figure.axes[0]
    markers = [line for line in ax.lines if line.get_marker() != "None"]
    assert [to_hex(line.get_markerfacecolor()) for line in markers] == [SERIES[0], PAPER, SERIES[0]]
    means = [100 * one.gain.mean for _, one in three[0].comparisons("entropy")]
    assert np.allclose([line.get_ydata()[0] for line in markers], means)
    ends = [segment[:, 1] for segment in ax.collections[0].get_segments()]
    wanted = [(100 * one.widened.low, 100 * one.widened.high) for _, one in three[0].comparisons("entropy")]
    assert np.allclose(ends, wanted)


def test_settings_with_one_pool_share_a_panel_solid_and_dashed(study: Callable[..., Path]) -> None:
    probe = study("probe-10", 10, learner={"features": "efficientnet-lite0"})
    found = compared([study("scratch-10", 10), probe, study("other-10", 10, data={"source": "another"})])
    with style():
        figure = all_curves(found)
    first, second = figure.axes
    assert len(first.lines) == 6
    assert len(second.lines) == 3
    entropy = [line for line in first.lines if to_hex(line.get_color()) == SERIES[0]]
    assert {line.is_dashed() for line in entropy} == {False, True}
    key = dict(zip([t.get_text() for t in figure.legends[0].get_texts()], figure.legends[0].get_lines(), strict=True))
    assert [key[name].is_dashed() for name in ("scratch", "probe", "other")] == [False, True, False]


def test_what_cannot_stand_beside_each_other_is_refused(study: Callable[..., Path], experiment: Make) -> None:
    one, again = study("a-10", 10), study("b-10", 10)
    with pytest.raises(InputError, match="the same setting with the same budget, 10"):
        compared([one, again])
    with pytest.raises(InputError, match="two or more"):
        compared([one])
    alone = experiment(labels=("entropy",), cycles=2, thumbnails=False, full=False)
    with pytest.raises(InputError, match="random was not run"):
        settings([summary_of(alone)])


def test_the_same_ledgers_give_the_same_files_and_what_others_wrote_stays(
    three: tuple[Setting, ...], tmp_path: Path
) -> None:
    out = write(three, tmp_path / "out")
    files = {path.name: path.read_bytes() for path in out.iterdir()}
    assert {"budget-gains.svg", "budget-gains.png", "curves.svg", "curves.png", "budget-gains.csv"} <= set(files)
    assert len(list(csv.DictReader((out / "budget-gains.csv").read_text(encoding="utf-8").splitlines()))) == 6
    write(three, out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == files
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="holds no comparison"):
        write(three, tmp_path / "mine")
    assert (tmp_path / "mine" / "notes.txt").read_text(encoding="utf-8") == "mine"


def test_the_command_prints_it_and_writes_only_where_it_is_told_to(
    study: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [str(study(f"pool-{budget}", budget, gain)) for budget, gain in GAINS.items()]
    before = sorted(tmp_path.iterdir())
    assert main(["compare", *folders]) == 0
    assert "pool: points above random" in capsys.readouterr().out
    assert sorted(tmp_path.iterdir()) == before
    assert main(["compare", *folders, "--out", str(tmp_path / "figures")]) == 0
    assert (tmp_path / "figures" / "curves.svg").is_file()
    assert main(["compare", folders[0]]) == 2
    assert "two or more" in capsys.readouterr().err
