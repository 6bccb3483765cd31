"""Which strategy, or random: what our own measured matrix says of a state like this one, and where it says nothing.

The evidence is `evidence.json`, which `scripts/make_evidence.py` makes from `benchmarks/results/matrix.json`: for every
cell (a data set, balanced or long-tailed, b labels per class at the start and a cycle) how many points of accuracy each
strategy gained on random, a mean over the curve, paired by seed.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal

import numpy as np

from askew.arrays import Floats, is_whole
from askew.errors import InputError
from askew.intervals import half_width
from askew.plan import Balance, Plan
from askew.strategies.registry import get

Confidence = Literal["shown", "not shown", "not known"]

NAME = "auto"
"""What stands where a strategy's name stands, and leaves the choice to `advise`."""

RANDOM = "random"

BALANCED, LONG_TAILED = "balanced", "long-tailed"
"""The two kinds of pool that were measured: as the data set is, and with half of its classes cut to a tenth."""

MOST_CLASSES = 2.0
"""By what factor the number of classes may differ from those of the evidence."""

NEAR = 4.0
"""By what factor a cell's labels per class may differ to count; a single cell is too noisy to follow."""

HERDING_ITEM_PICKS = 25_000_000
"""N · n up to which herding is advised: it takes about a minute of one core for 100 picks of 50,000 items."""

HERDING = ("uherding", "maxherding")

LAW = (
    "In the thesis (section 5.4, Fig. 5.6) strategies beat random on self-supervised features from 1% of CIFAR-10, 50 "
    "labels per class, and the labels per class that they need grow with the number of classes"
)


@dataclass(frozen=True)
class Gain:
    """Points of accuracy above random: the mean, and half of its 95% interval; infinite for a single value."""

    mean: float
    half: float

    @classmethod
    def of(cls, differences: Sequence[float] | Floats) -> Gain:
        """Returns the gain of paired differences, one each seed, by Student's t.

        >>> Gain.of([1.0, 2.0, 3.0])
        Gain(mean=2.0, half=2.484)
        """
        values = np.asarray(differences, dtype=np.float64)
        n = len(values)
        half = float(half_width(values.std(ddof=1), n)) if n > 1 else math.inf
        return cls(round(float(values.mean()), 3), round(half, 3))

    def record(self) -> dict[str, float | None]:
        """Returns it as plain values for JSON, which has no infinity."""
        return {"mean": self.mean, "half": self.half if math.isfinite(self.half) else None}

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> Gain:
        """Returns the gain of what `record` gives."""
        return cls(record["mean"], math.inf if record["half"] is None else record["half"])


@dataclass(frozen=True)
class Option:
    """A strategy that was measured; its request needs the size of the pool.

    Attributes:
        strategy: its name in the registry.
        balance: the weight λ of its class balance, or None.
        of_a_class: λ is meant as a share of N / C, the items of a class in an even pool. What herding gains with a pick
            is a sum over the items that it covers, so a fixed λ would mean less in a larger pool.
    """

    strategy: str
    balance: float | None = None
    of_a_class: bool = False

    def plan(self, n_items: int, n_classes: int) -> Plan:
        """Returns the request for such a pool.

        >>> Option("uherding", 0.01, of_a_class=True).plan(50_000, 10).balance.weight
        50.0
        """
        if self.balance is None:
            return Plan(get(self.strategy))
        unit = n_items / n_classes if self.of_a_class else 1.0
        return Plan(get(self.strategy), balance=Balance(self.balance * unit))

    @property
    def needs(self) -> frozenset[str]:
        """The fields that its request reads."""
        return frozenset(self.plan(1, 1).needs)

    def record(self) -> dict[str, Any]:
        """Returns it as plain values for JSON; `Option(**record)` makes it again."""
        return dict(vars(self))


@dataclass(frozen=True)
class Cell:
    """What was measured: one data set, one balance of its classes, one budget.

    Attributes:
        dataset: its name.
        sources: the data sets that its items are from: itself, or those that it is a part or a union of.
        tail: "balanced" or "long-tailed", the pool.
        n_classes: C.
        n_items: N, the size of the pool.
        per_class: b, labels per class at the start and in each cycle.
        cycles: questions asked.
        n_seeds: how often it was repeated.
        random: accuracy of random in percent, a mean over the curve.
        gains: name of a strategy to its gain.
    """

    dataset: str
    sources: tuple[str, ...]
    tail: str
    n_classes: int
    n_items: int
    per_class: int
    cycles: int
    n_seeds: int
    random: float
    gains: Mapping[str, Gain]

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> Cell:
        """Returns the cell of what `record` gives."""
        gains = {name: Gain.read(gain) for name, gain in record["gains"].items()}
        return cls(**{**record, "sources": tuple(record["sources"]), "gains": gains})

    def record(self) -> dict[str, Any]:
        """Returns it as plain values for JSON."""
        gains = {name: gain.record() for name, gain in self.gains.items()}
        return {**vars(self), "sources": list(self.sources), "gains": gains}

    @property
    def reach(self) -> float:
        """Labels per class after a question, a mean over the cell's."""
        return self.per_class * (self.cycles + 3) / 2

    @property
    def ends(self) -> tuple[float, float]:
        """Labels per class after its first and its last question."""
        return 2.0 * self.per_class, float(self.per_class * (self.cycles + 1))


@dataclass(frozen=True)
class Evidence:
    """The cells, and the strategies that were compared in them, by name."""

    options: Mapping[str, Option]
    cells: tuple[Cell, ...]

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Evidence:
        """Returns the evidence of a JSON object such as `evidence.json` holds."""
        return cls(
            {name: Option(**one) for name, one in record["strategies"].items()}, tuple(map(Cell.read, record["cells"]))
        )

    def without(self, *sources: str) -> Evidence:
        """Returns the evidence of what shares no item with these data sets."""
        return Evidence(self.options, tuple(cell for cell in self.cells if not set(sources) & set(cell.sources)))


@functools.cache
def evidence() -> Evidence:
    """Returns the evidence that comes with askew."""
    return Evidence.of(json.loads((resources.files("askew") / "evidence.json").read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Advice:
    """What to ask with, and why.

    Attributes:
        name: of the strategy, as the evidence calls it, such as "margin+balance"; "random" if nothing is better.
        plan: the request that it is.
        confidence: "shown": its gain's 95% interval over data sets is above 0; "not shown": its mean is the best, or
            random is advised; "not known": the state is outside of the evidence, and what is advised is only what the
            nearest cells speak for.
        gain: over random, a mean over the data sets of `cells`; None for random.
        why: in a sentence or two.
        cells: the evidence.
    """

    name: str
    plan: Plan
    confidence: Confidence
    gain: Gain | None
    why: str
    cells: tuple[Cell, ...]

    def record(self) -> dict[str, Any]:
        """Returns it as plain values for JSON."""
        return {
            "strategy": self.plan.strategy.name,
            "balance": None if self.plan.balance is None else self.plan.balance.weight,
            "confidence": self.confidence,
            "gain": None if self.gain is None else self.gain.record(),
            "why": self.why,
            "evidence": [cell.record() for cell in self.cells],
        }

    def in_short(self) -> dict[str, Any]:
        """Returns the plan and why it was chosen, without the evidence: what a ledger keeps."""
        gain = None if self.gain is None else self.gain.record()
        return {**self.plan.record(), "confidence": self.confidence, "gain": gain, "why": self.why}


def advise(
    n_classes: int,
    n_items: int,
    n_labeled: int,
    budget: int,
    *,
    gives: Collection[str] = ("features", "probs"),
    tail: Literal["balanced", "long-tailed"] | None = None,
    known: Evidence | None = None,
) -> Advice:
    """Returns which strategy to ask the next labels with.

    Of the strategies that can be served, it is the one with the largest mean gain on random over the data sets, in the
    cells whose labels per class are near (within a factor of 4) to those after the question; random if none has gained.
    Outside of the evidence, in labels per class or in classes, the confidence is "not known", and so it is without a
    label or without features.

    Args:
        n_classes: C.
        n_items: N, the size of the pool, labelled items too.
        n_labeled: labels so far.
        budget: n, labels to ask next.
        gives: which of "features" and "probs" there are; without a label there are no probs.
        tail: what is known of the pool's classes; None means nothing, and both kinds count.
        known: other evidence than what comes with askew.

    Raises:
        InputError: a number that is not whole or out of range.
    """
    _check(n_classes, n_items, n_labeled, budget)
    found = evidence() if known is None else known
    reach = (n_labeled + budget) / n_classes
    cells = [cell for cell in found.cells if tail in (None, cell.tail)]
    distances = [abs(math.log(cell.reach / reach)) for cell in cells]
    within = max(math.log(NEAR), min(distances)) + 1e-9
    near = tuple(cell for cell, distance in zip(cells, distances, strict=True) if distance <= within)
    served = set(gives) - (set() if n_labeled else {"probs"})
    gains = {
        name: gain
        for name, option in found.options.items()
        if name != RANDOM
        and served.issuperset(option.needs)
        and not (option.strategy in HERDING and n_items * budget > HERDING_ITEM_PICKS)
        and (gain := over_datasets(near, name)) is not None
    }
    best = max(gains, key=lambda name: gains[name].mean, default=RANDOM)
    if best != RANDOM and gains[best].mean <= 0:
        best = RANDOM
    outside = _outside(cells, n_classes, n_labeled, reach, gives)
    gain = gains.get(best)
    shown = gain is not None and gain.mean - gain.half > 0
    confidence: Confidence = "not known" if outside else "shown" if shown else "not shown"
    plan = found.options[best].plan(n_items, n_classes)
    return Advice(best, plan, confidence, gain, _why(best, gain, near, outside), near)


@dataclass(frozen=True)
class Auto:
    """Stands where a `Plan` stands, and becomes one by `advise` at each question."""

    known: Evidence | None = None

    def settle(self, n_classes: int, n_items: int, n_labeled: int, n: int, gives: Collection[str]) -> Advice:
        """Returns what to ask the next n labels with; it depends on its arguments and the evidence alone.

        With a single class there is nothing to tell apart: random.
        """
        if n_classes < 2:
            return Advice(RANDOM, Plan(get(RANDOM)), "not known", None, "there is a single class", ())
        return advise(n_classes, n_items, n_labeled, n, gives=gives, known=self.known)

    def record(self) -> dict[str, Any]:
        """Returns what stands in a ledger's first line."""
        return {"strategy": NAME, "parameters": {}, "balance": None, "spacing": None}


def _check(n_classes: int, n_items: int, n_labeled: int, budget: int) -> None:
    for name, value, least in (
        ("n_classes", n_classes, 2),
        ("n_items", n_items, 1),
        ("n_labeled", n_labeled, 0),
        ("budget", budget, 1),
    ):
        if not (is_whole(value) and value >= least):
            raise InputError(f"{name}: expected a whole number from {least}, got {value!r}")
    if n_labeled + budget > n_items:
        raise InputError(
            f"budget: {budget} labels more than the {n_labeled} there are, but the pool has {n_items} items: ask fewer"
        )


def over_datasets(cells: Sequence[Cell], name: str) -> Gain | None:
    """Returns a strategy's gain over data sets, each the mean of its cells; None if no cell has it."""
    by_set: dict[str, list[float]] = {}
    for cell in cells:
        if name in cell.gains:
            by_set.setdefault(cell.dataset, []).append(cell.gains[name].mean)
    return Gain.of([float(np.mean(values)) for values in by_set.values()]) if by_set else None


def _outside(cells: Sequence[Cell], n_classes: int, n_labeled: int, reach: float, gives: Collection[str]) -> str:
    """Says in what a state is outside of the evidence; nothing if it is not."""
    if "features" not in gives:
        return "there are no frozen features, and what was measured is a linear head on such"
    if n_labeled == 0:
        return "nothing is labelled yet, and what was measured began with labels drawn at random"
    fewest, most = min(cell.n_classes for cell in cells), max(cell.n_classes for cell in cells)
    if not fewest / MOST_CLASSES <= n_classes <= most * MOST_CLASSES:
        classes = str(most) if fewest == most else f"{fewest} to {most}"
        return f"{n_classes} classes, and what was measured has {classes}"
    low, high = min(cell.ends[0] for cell in cells), max(cell.ends[1] for cell in cells)
    if not low <= reach <= high:
        return f"{reach:.3g} labels per class after this question, and what was measured has {low:g} to {high:g}"
    return ""


def _why(best: str, gain: Gain | None, cells: Sequence[Cell], outside: str) -> str:
    sets = list(dict.fromkeys(cell.dataset for cell in cells))
    budgets = ", ".join(str(one) for one in sorted({cell.per_class for cell in cells}))
    near = f"{budgets} labels per class and cycle on {', '.join(sets)}"
    if gain is None:
        words = f"nothing that can be served gained on random at {near}"
    else:
        words = f"{best} gained most on random at {near}: {gain.mean:+.1f} ± {gain.half:.1f} points over data sets"
    return f"Not known: {outside}. The nearest evidence: {words}. {LAW}." if outside else f"{words}. {LAW}."
