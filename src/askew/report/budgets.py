"""Several experiments at once: where, among their budgets, a strategy is worth more than random."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile

from askew.errors import InputError, one_line
from askew.report.ledgers import RANDOM, Experiment
from askew.report.summary import Comparison, Line, Summary

VARIED = ("initial", "budget", "cycles", "seeds", "full")
"""Settings of the protocol in which the experiments of one setting may differ."""


@dataclass(frozen=True, eq=False)
class Setting:
    """Experiments that differ in nothing but their budgets.

    Attributes:
        name: what the names of its experiments begin with, such as "cifar10-frozen-budget".
        data: its data's settings, as text: settings with the same data are drawn into one panel.
        n_classes: how many classes it has.
        summaries: one an experiment, the smallest budget first.
    """

    name: str
    data: str
    n_classes: int
    summaries: tuple[Summary, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Every strategy that was compared with random, in the order of the reports."""
        return tuple(dict.fromkeys(line.label for summary in self.summaries for line in summary.compared))

    def comparisons(self, label: str) -> tuple[tuple[Summary, Comparison], ...]:
        """Returns what each experiment that ran a strategy says of it against random, the smallest budget first."""
        found = ((summary, _line(summary, label)) for summary in self.summaries)
        return tuple((summary, line.over_random) for summary, line in found if line and line.over_random)


@dataclass(frozen=True)
class Crossing:
    """Where a strategy stands against random over the budgets of a setting (Fig. 5.6 of the thesis).

    Attributes:
        below: the largest budget at which random is shown to be better; None if at none.
        above: the smallest budget from which on the strategy is shown to be better at every budget; None if at none.
        per_class: labels at the end of the experiment with `above`, for each class.
    """

    below: int | None
    above: int | None
    per_class: float | None


def budget_of(summary: Summary) -> int:
    """Returns the labels that an experiment asks for after each cycle.

    Raises:
        InputError: its configuration does not say.
    """
    found = _protocol(summary.experiment).get("budget")
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise InputError(f"{summary.experiment.folder}: its configuration has no budget")
    return found


def settings(summaries: Iterable[Summary]) -> tuple[Setting, ...]:
    """Returns the settings of several experiments, in the order given; each has another budget.

    Two experiments are of one setting if their data, their learner and their protocol but for `VARIED` are the same.

    Raises:
        InputError: two of one setting have the same budget, random was not run, or the metrics differ.
    """
    summaries = list(summaries)
    metrics = list(dict.fromkeys(summary.metric for summary in summaries))
    if len(metrics) > 1:
        raise InputError(f"experiments measured {' and '.join(metrics)}: name one metric that all have")
    groups: dict[str, list[Summary]] = {}
    for summary in summaries:
        if summary.random is None:
            raise InputError(f"{summary.experiment.folder}: random was not run: there is nothing to compare with")
        groups.setdefault(_key(summary.experiment), []).append(summary)
    return tuple(_setting(group) for group in groups.values())


def crossing(setting: Setting, label: str) -> Crossing:
    """Returns where a strategy is shown to be below and above random; a budget is judged as its own report does."""
    found = setting.comparisons(label)
    below = [budget_of(summary) for summary, one in found if one.sign < 0]
    above: Summary | None = None
    for summary, one in reversed(found):
        if one.sign <= 0:
            break
        above = summary
    if above is None:
        return Crossing(max(below, default=None), None, None)
    return Crossing(max(below, default=None), budget_of(above), above.n_labeled[-1] / setting.n_classes)


def _setting(group: Sequence[Summary]) -> Setting:
    ordered = sorted(group, key=budget_of)
    for a, b in pairwise(ordered):
        if budget_of(a) == budget_of(b):
            folders = f"{a.experiment.folder} and {b.experiment.folder}"
            raise InputError(f"{folders}: the same setting with the same budget, {budget_of(a)}: give one of them")
    first = ordered[0].experiment
    letters = zip(*(summary.experiment.name for summary in ordered), strict=False)
    shared = "".join(same[0] for same in takewhile(lambda same: len(set(same)) == 1, letters))
    name = shared.rstrip("-_. 0123456789") or shared or first.name
    return Setting(one_line(name, 40), json.dumps(first.config.get("data")), len(first.classes), tuple(ordered))


def _key(experiment: Experiment) -> str:
    """Returns what experiments of one setting share, as text."""
    protocol = {name: value for name, value in _protocol(experiment).items() if name not in VARIED}
    shared = [experiment.dataset, experiment.classes, *(experiment.config.get(part) for part in ("data", "learner"))]
    return json.dumps([*shared, protocol], sort_keys=True)


def _protocol(experiment: Experiment) -> dict[str, object]:
    found = experiment.config.get("protocol")
    return dict(found) if isinstance(found, dict) else {}


def _line(summary: Summary, label: str) -> Line | None:
    return next((line for line in summary.lines if line.label == label and label != RANDOM), None)
