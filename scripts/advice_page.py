"""Makes the page on the adviser; what it claims comes from matrix.json and auto.json in benchmarks/results alone."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from askew.advice import BALANCED, RANDOM, Evidence, Gain, advise, evidence

RESULTS = Path(__file__).resolve().parents[1] / "benchmarks" / "results"
CLOSE = 0.5
"""Points by which `auto` may be below the best fixed strategy."""

TEXT = """# Which strategy?

<!-- install: light -->

```bash
askew advise --classes 10 --items 5000 --labels 50 --budget 50
```

The answer is a strategy, or random; how sure that is; why; and the measurements that say so. `--json` has all of them.

## In a call

The word `auto` in a strategy's place asks with that answer. What may be asked with are the arrays that are given. The
number of classes is that of the columns of `probs`, or of `classes=`, or as many as labels name so far.

```python
import numpy as np
import askew

rng = np.random.default_rng(0)
features = rng.normal(size=(500, 16))
labels = np.where(np.arange(500) < 50, np.arange(500) % 10, -1)
found = askew.query("auto", 20, features=features, labels=labels, details=True)
print(found.advice.plan, found.advice.confidence, found.advice.why)
np.save("x.npy", features)
np.save("y.npy", labels)
```

```bash
askew pick auto -n 20 --features x.npy --labels y.npy --out ask.csv --json
```

The JSON has the strategy that was asked with and, as `advice`, its plan, the confidence, the gain and why. `auto`
chooses parameters and balance itself, so they are refused beside it.

## In an experiment

<!-- install: features -->

An experiment on frozen features needs `pip install ".[features]"` in a clone of askew.

```toml
name = "advised"
data.source = "digits"
protocol = {{initial = 20, budget = 20, cycles = 4, seeds = 3}}

[learner]
features = "efficientnet-lite0"

[[strategies]]
strategy = "random"

[[strategies]]
strategy = "auto"
```

```bash
askew run advised.toml
askew advise runs/advised
```

The second command takes its numbers from the folder of an experiment, and also says what was gained there.

`auto` asks in every cycle with what `askew advise` says of that moment: of the classes, the pool, the labels so far,
the budget, and whether the learner gives features and probabilities. The ledger's line of each question has it as
`plan`, with the confidence, the gain and why. It depends on those numbers and on the evidence of this version of askew
alone, so a run that was stopped goes on with the same picks. What it chooses itself (parameters, balance, target) is
refused beside it.

## What was measured

`benchmarks/matrix.py` fills `benchmarks/results/matrix.json`: {n_cells} cells, each one data set, one balance of its
classes and one number b of labels per class, at the start and in each of {cycles} cycles. Pools have up to 2,000 items;
a logistic head is trained on 128 principal components of EfficientNet-Lite0's features, or on pixels (digits and
MNIST); every strategy is paired with random by seed. "Long-tailed" cuts the last half of the classes to a tenth.
The class balance of herding weighs {weight} · N / C, a share of the items of a class, since what herding gains with a
pick is a sum over the items that it covers.
`scripts/make_evidence.py` makes `src/askew/evidence.json` of it, which comes with askew.

{sets}

The last six are parts and unions of the others' pictures: they widen the range of classes, and are no new data.
`pictures-20` and `pictures-29` join data sets into one task that nobody has.

## The rule

Of the strategies that can be served, the one that gained most on random, in the mean over data sets, in the cells whose
labels per class are within a factor of 4 of those after this question; random if none gained. Herding is left out where
pool times budget is above 25 million: it takes about a minute of one core for 100 picks of 50,000 items.

- **shown**: the 95% interval of the gain over data sets is above 0.
- **not shown**: the mean is above 0 and the interval is not, or random is advised.
- **not known**: fewer or more labels per class than were measured, more than twice or less than half as many classes,
  no label yet, or no frozen features. What is then advised is what the nearest cells speak for, and nothing more is
  claimed of it.

## How `auto` does on data that it has not seen

`benchmarks/auto.py` runs it in every cell with the evidence of the other data sets alone: whatever shares a picture
with the data set is left out. Gains are points of accuracy above random, in the mean over cycles and over the b that
were measured, ± half of a 95% interval over seeds. The best fixed strategy is named with hindsight, from the very
numbers it is judged by, so chance helps it.

{judged}

{summary}

Two caveats. The candidates, the weight of the balance among them, were tried on these data sets, though each choice was
made without the data set that it is judged on. And the initial sets are those of the matrix: at random from a balanced
pool, even over the classes for a long-tailed one.

## What a long tail changes

A long tail changes the order of the strategies without a balance: k-center leads there more often. `auto` is not told
of it and does not estimate it; it chooses as if both kinds of pool were as likely. If it were told, by the same rule,
the gain would have changed by {told} points (± {told_half} over pools), put together from the strategies' own curves:
fewer cells would count then, and they are noisy. That is why no estimate of the tail was built. `askew advise --tail`
takes the cells of one kind alone.

## The thesis's law

Section 5.4 of the thesis (Fig. 5.6): the labels per class that strategies need before they beat random grow with the
number of classes; with CIFAR-10's ten, it saw that from 1% of the data, 50 labels per class. Our matrix, balanced
pools, `margin` less random in points, by the b labels per class of each cycle:

{law}

{law_words}
"""


@dataclass(frozen=True)
class Row:
    """How `auto` did on one data set, balanced or long-tailed."""

    dataset: str
    tail: str
    seeds: int
    auto: Gain
    best: str
    fixed: float
    behind: Gain
    used: tuple[str, ...]


def judged(matrix: Mapping[str, Any], auto: Mapping[str, Any]) -> list[Row]:
    """Returns a row for each data set and tail that `auto` ran on, over the seeds that all its cells have."""
    groups: dict[tuple[str, str], list[str]] = {}
    for key in auto["cells"]:
        dataset, tail, _ = key.split("/")
        groups.setdefault((dataset, tail), []).append(key)
    return [_row(dataset, tail, keys, matrix, auto) for (dataset, tail), keys in groups.items()]


def _row(dataset: str, tail: str, keys: Sequence[str], matrix: Mapping[str, Any], auto: Mapping[str, Any]) -> Row:
    fixed = [matrix["cells"][key]["curves"] for key in keys]
    seeds = sorted(set.intersection(*(set(auto["cells"][key]) for key in keys), *(set(curves) for curves in fixed)))
    names = [name for name in matrix["strategies"] if all(name in curves[s] for curves in fixed for s in seeds)]

    def over_budgets(curve_of: Any) -> np.ndarray:
        return np.array([np.mean([points(curve_of(i, seed)) for i in range(len(keys))]) for seed in seeds])

    means = {name: over_budgets(lambda i, seed, name=name: fixed[i][seed][name]) for name in names}
    mine = over_budgets(lambda i, seed: auto["cells"][keys[i]][seed]["curve"])
    best = max(names, key=lambda name: float(means[name].mean()))
    used = {name for key in keys for seed in seeds for name in auto["cells"][key][seed]["asked_with"]}
    return Row(
        dataset,
        tail,
        len(seeds),
        Gain.of(mine - means[RANDOM]),
        best,
        float((means[best] - means[RANDOM]).mean()),
        Gain.of(mine - means[best]),
        tuple(sorted(used)),
    )


def points(curve: Sequence[float]) -> float:
    """Returns the mean accuracy of a curve in percent, without the initial set's."""
    return 100 * float(np.mean(curve[1:]))


def told_more(matrix: Mapping[str, Any], known: Evidence) -> Gain:
    """Returns what knowing the tail is worth: the rule's gain told of it less untold, over data sets and tails.

    Both are put together from the strategies' own curves, cycle by cycle, so it costs no training: what a strategy
    would have found after another one's labels is taken to be what it found after its own.
    """
    differences: dict[tuple[str, str], list[float]] = {}
    for key, cell in matrix["cells"].items():
        dataset, tail, per_class = key.split("/")
        rest, n = known.without(*cell["sources"]), int(per_class) * cell["n_classes"]
        curves = [one for one in cell["curves"].values() if all(name in one for name in rest.options)]
        for cycle in range(matrix["cycles"]):
            state = (cell["n_classes"], cell["n_items"], n * (cycle + 1), n)
            told, untold = advise(*state, tail=tail, known=rest).name, advise(*state, known=rest).name
            found = [100 * (one[told][cycle + 1] - one[untold][cycle + 1]) for one in curves]
            differences.setdefault((dataset, tail), []).append(float(np.mean(found)) if found else 0.0)
    return Gain.of([float(np.mean(values)) for values in differences.values()])


@functools.cache
def page() -> str:
    """Returns the page."""
    matrix, auto = (json.loads((RESULTS / name).read_text(encoding="utf-8")) for name in ("matrix.json", "auto.json"))
    rows = judged(matrix, auto)
    told = told_more(matrix, evidence())
    return TEXT.format(
        n_cells=len(matrix["cells"]),
        cycles=matrix["cycles"],
        weight=matrix["strategies"]["uherding+balance"]["balance"],
        sets=sets_table(matrix),
        judged=judged_table(rows),
        summary=summary(rows, matrix),
        told=f"{told.mean:+.1f}",
        told_half=f"{told.half:.1f}",
        law=law_table(matrix),
        law_words=law_words(matrix),
    )


def sets_table(matrix: Mapping[str, Any]) -> str:
    """Lists the data sets of the matrix."""
    lines = ["| data set | classes | pictures of | b | seeds |", "|---|---:|---|---|---:|"]
    for name, keys in by_dataset(matrix).items():
        cells = [matrix["cells"][key] for key in keys]
        budgets = ", ".join(str(b) for b in sorted({int(key.split("/")[2]) for key in keys}))
        sources = ", ".join(cells[0]["sources"]) if cells[0]["sources"] != [name] else "its own"
        fewest, most = (f(len(cell["curves"]) for cell in cells) for f in (min, max))
        seeds = str(most) if fewest == most else f"{fewest} to {most}"
        lines.append(f"| {name} | {cells[0]['n_classes']} | {sources} | {budgets} | {seeds} |")
    return "\n".join(lines)


def judged_table(rows: Sequence[Row]) -> str:
    """Writes how `auto` did."""
    lines = [
        "| pool | seeds | `auto` | best fixed strategy | `auto` less the best | asked with |",
        "|---|---:|---:|---|---:|---|",
    ]
    lines += [
        f"| {row.dataset}, {row.tail} | {row.seeds} | {signed(row.auto)} | {row.best} {row.fixed:+.1f} | "
        f"{signed(row.behind)} | {', '.join(row.used)} |"
        for row in rows
    ]
    return "\n".join(lines)


def summary(rows: Sequence[Row], matrix: Mapping[str, Any]) -> str:
    """Says how `auto` did in the mean, on all pools and on those of data sets that are no part or union of others."""
    sources = {key.split("/")[0]: cell["sources"] for key, cell in matrix["cells"].items()}
    own = [row for row in rows if sources[row.dataset] == [row.dataset]]
    worse = [f"{row.dataset}, {row.tail}" for row in rows if row.auto.mean + row.auto.half < 0]
    last = min(rows, key=lambda row: row.behind.mean)
    lines = [f"- {_mean(rows, f'all {len(rows)} pools')}"]
    if 0 < len(own) < len(rows):
        lines.append(f"- {_mean(own, f'the {len(own)} pools of data sets that are no part or union of others')}")
    lines += [
        f"- Worse than random by more than its interval: {'; '.join(worse) if worse else 'on none'}.",
        f"- Furthest behind: {last.dataset}, {last.tail}, where {last.best} leads by {-last.behind.mean:.1f} points.",
    ]
    return "\n".join(lines)


def _mean(rows: Sequence[Row], where: str) -> str:
    behind = float(np.mean([row.behind.mean for row in rows]))
    close = sum(row.behind.mean >= -CLOSE for row in rows)
    return (
        f"On {where} `auto` gained {np.mean([row.auto.mean for row in rows]):.1f} on random in the mean and stood "
        f"{abs(behind):.1f} {'behind' if behind < 0 else 'before'} the best fixed strategy of each; on {close} of "
        f"{len(rows)} it was within {CLOSE} points of it, or above."
    )


def law_table(matrix: Mapping[str, Any]) -> str:
    """Writes what `margin` gained on random on balanced pools, the data sets by their number of classes."""
    budgets = sorted({int(key.split("/")[2]) for key in matrix["cells"]})
    head = " | ".join(f"b = {b}" for b in budgets)
    lines = [f"| data set | classes | {head} |", "|---|---:|" + "---:|" * len(budgets)]
    for name, n_classes in by_classes(matrix):
        found = [margin_gain(matrix, name, b) for b in budgets]
        cells = " | ".join("" if gain is None else signed(gain) for gain in found)
        lines.append(f"| {name} | {n_classes} | {cells} |")
    return "\n".join(lines)


def law_words(matrix: Mapping[str, Any]) -> str:
    """Says from which b on the gain's interval lies above 0."""
    first, never = [], []
    for name, n_classes in by_classes(matrix):
        found = {b: margin_gain(matrix, name, b) for b in sorted({int(key.split("/")[2]) for key in matrix["cells"]})}
        shown = [b for b, gain in found.items() if gain is not None and gain.mean - gain.half > 0]
        if shown:
            first.append(f"b = {min(shown)} on {name} ({n_classes} classes)")
        else:
            never.append(name)
    begin = f"The interval lies above 0 from {', '.join(first)}" if first else "The interval lies above 0 nowhere"
    rest = f", and at no b on {', '.join(never)}" if first and never else ""
    return f"{begin}{rest}. With so few data sets and seeds this neither confirms nor refutes the law."


def margin_gain(matrix: Mapping[str, Any], dataset: str, per_class: int) -> Gain | None:
    """Returns what `margin` gained on random in a balanced cell; None if it was not measured."""
    cell = matrix["cells"].get(f"{dataset}/{BALANCED}/{per_class}")
    if cell is None:
        return None
    return Gain.of([points(one["margin"]) - points(one[RANDOM]) for one in cell["curves"].values() if "margin" in one])


def by_dataset(matrix: Mapping[str, Any]) -> dict[str, list[str]]:
    """Returns the cells' keys of each data set."""
    found: dict[str, list[str]] = {}
    for key in matrix["cells"]:
        found.setdefault(key.split("/")[0], []).append(key)
    return found


def by_classes(matrix: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Lists the data sets with their number of classes, the fewest first."""
    found = [(name, matrix["cells"][keys[0]]["n_classes"]) for name, keys in by_dataset(matrix).items()]
    return sorted(found, key=lambda one: one[1])


def signed(gain: Gain) -> str:
    """Writes a gain with its half interval, if it has one.

    >>> signed(Gain(1.25, 0.5)), signed(Gain(-1.0, float("inf")))
    ('+1.2 ± 0.5', '-1.0')
    """
    return f"{gain.mean:+.1f} ± {gain.half:.1f}" if np.isfinite(gain.half) else f"{gain.mean:+.1f}"
