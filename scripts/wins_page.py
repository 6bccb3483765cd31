"""Makes what the pages say was measured: which strategy beats which, and each strategy's row of the matrix.

A setting is one data set, one budget and one learner: a cell of benchmarks/results/matrix.json, or an experiment
that is published in results/. `areas` computes of an experiment the area under every learning curve, seed by seed;
`scripts/publish_results.py` writes it to results/areas.json. `page`, `figure` and `row` write from both files;
`scripts/make_docs.py` calls them.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from askew.report.ledgers import Experiment
from askew.report.measures import Curves, Estimate, area, interval
from askew.report.summary import Summary
from askew.strategies.registry import strategies

ROOT = Path(__file__).resolve().parents[1]
AREAS = ROOT / "results" / "areas.json"
MATRIX = ROOT / "benchmarks" / "results" / "matrix.json"
RANDOM = "random"
FEWEST_SEEDS = 3
FEW = 10
"""Strategies that were run in fewer settings stand last."""
PROBE = "a logistic head on features"

TEXT = """# Which strategy beats which

Row against column: the share of settings in which the row is shown to be better. A setting is one data set, one
budget and one learner, in which both were run on the same seeds. The row wins if the 95% interval of the difference
of the areas under their learning curves, paired by seed, lies above 0; {fewest} seeds or more. Each pair is judged
alone in each setting: of two equal strategies each wins about one setting in forty by chance. Such a matrix is how
the BADGE paper (Ash et al., 2020) compares strategies.

![share of settings in which the row beats the column](../images/pairwise-wins.svg)

{n_cells} settings are cells of `benchmarks/results/matrix.json` ([what they are](../advice.md#what-was-measured):
pools of up to 2,000 items, {probe}), and {n_published} are experiments of `results/`. **Settings of one data set
are not independent**: they share its pictures, so a share is a count of what was seen and no estimate for other
data. "wins" and "losses" are shares of all comparisons of a strategy with another. Strategies were not all run in
the same settings, so these two columns are no ranking; those of fewer than {few} settings stand last, and little is
known of them.

{summary}

## All pairs

In each cell: settings that the row won, of all in which both were run. "–": never in one setting.

{pairs}

A strategy with `+balance` asked with class balance. What each gained over random, setting by setting, stands on its
own page.
"""


@dataclass(frozen=True)
class Setting:
    """One data set, budget and learner.

    Attributes:
        group: the data, and whether their classes are balanced.
        budget: what is different among the settings of a group, such as labels per class.
        learner: what was trained.
        areas: name of a strategy to seed to the area under its curve, a share.
    """

    group: str
    budget: str
    learner: str
    areas: Mapping[str, Mapping[str, float]]


def areas(summary: Summary) -> dict[str, Any]:
    """Returns what is kept of a published experiment: what it is, and the area under each curve, seed by seed.

    Kept are strategies that a person could use, each plain or with the balance of probabilities by L1, with the
    parameters that they have by themselves; of several variants the first.
    """
    experiment = summary.experiment
    kept: dict[str, dict[str, float]] = {}
    for line in summary.lines:
        name = _name(experiment, line.label)
        if name is not None and not line.knows_truth and name not in kept:
            found = zip(line.curves.seeds.tolist(), area(line.curves).tolist(), strict=True)
            kept[name] = {str(seed): round(value, 6) for seed, value in found if np.isfinite(value)}
    tail = (experiment.config.get("data") or {}).get("long_tail") or {}
    arriving = ", a pool that arrives" if experiment.config.get("pool") else ""
    return {
        "dataset": experiment.dataset,
        "imbalance": tail.get("imbalance", 1),
        "learner": _learner(experiment.config.get("learner") or {}) + arriving,
        "first_labels": summary.n_labeled[0],
        "last_labels": summary.n_labeled[-1],
        "n_items": experiment.n_items,
        "areas": kept,
    }


def _name(experiment: Experiment, label: str) -> str | None:
    """Returns the name under which a label is compared across experiments, or None if it is a variant."""
    header = next((run.header for run in experiment.of(label) if run.header is not None), None)
    if header is None or header.strategy not in strategies():
        return None
    defaults = strategies()[header.strategy].parameters
    if any(value != defaults.get(name) for name, value in header.parameters.items()):
        return None
    if header.balance is None:
        return label if label == header.strategy else None
    plain = all(header.balance.get(key, value) == value for key, value in {"by": "probs", "distance": "l1"}.items())
    balanced = f"{header.strategy}+balance"
    return balanced if plain and label in (balanced, f"{balanced}-auto") else None


def _learner(learner: Mapping[str, Any]) -> str:
    if learner.get("features"):
        return f"a head on {learner['features'].partition(':')[0]} features"
    return str(learner.get("estimator") or f"{learner.get('backbone', 'small-convnet')} from scratch")


@functools.cache
def settings() -> tuple[Setting, ...]:
    """Returns every setting that was measured: the cells of the matrix, then the published experiments."""
    cells = json.loads(MATRIX.read_text(encoding="utf-8"))["cells"]
    published = json.loads(AREAS.read_text(encoding="utf-8"))
    return (*(_of_cell(name, cell) for name, cell in cells.items()), *map(_of_published, published.values()))


def _of_cell(name: str, cell: Mapping[str, Any]) -> Setting:
    dataset, classes, per_class = name.split("/")
    found: dict[str, dict[str, float]] = {}
    for seed, curves in cell["curves"].items():
        for label, values in curves.items():
            if len(values) == len(curves[RANDOM]):
                curve = Curves(np.arange(len(values)), np.array([values]), np.array([int(seed)]))
                found.setdefault(label, {})[seed] = float(area(curve)[0])
    return Setting(f"{dataset}, {classes}", f"{per_class} per class", PROBE, found)


def _of_published(one: Mapping[str, Any]) -> Setting:
    classes = "balanced" if one["imbalance"] == 1 else f"long-tailed ({one['imbalance']:g})"
    budget = f"{one['first_labels']:,} to {one['last_labels']:,} labels of {one['n_items']:,}"
    return Setting(f"{one['dataset']}, {classes}", budget, one["learner"], one["areas"])


def difference(setting: Setting, a: str, b: str) -> Estimate | None:
    """Returns how far `a` is above `b` in a setting, paired by seed, as a share; None with fewer than three seeds."""
    both = sorted(set(setting.areas.get(a, {})) & set(setting.areas.get(b, {})))
    if len(both) < FEWEST_SEEDS:
        return None
    values = np.array([[setting.areas[a][seed] - setting.areas[b][seed]] for seed in both])
    mean, low, high, n_seeds = interval(values)
    return Estimate(float(mean[0]), float(low[0]), float(high[0]), int(n_seeds[0]))


def names() -> tuple[str, ...]:
    """Returns the strategies that were run in a setting with random, plain ones before their balanced variants."""
    found = {name for setting in settings() if RANDOM in setting.areas for name in setting.areas}
    return tuple(sorted(found, key=lambda name: (name != RANDOM, name)))


@functools.cache
def wins() -> Mapping[tuple[str, str], tuple[int, int]]:
    """Returns (row, column) to the settings that the row won, and those in which both were run."""
    found = {}
    for a in names():
        for b in names():
            signs = [one.sign for setting in settings() if (one := difference(setting, a, b)) is not None]
            found[a, b] = (signs.count(1), len(signs))
    return found


def share(a: str, b: str) -> float | None:
    """Returns the share of settings in which `a` beats `b`, or None if they were never in one."""
    won, of = wins()[a, b]
    return won / of if of and a != b else None


def pooled(name: str, *, lost: bool = False) -> float:
    """Returns the share of all comparisons of a strategy that it won, or lost."""
    pairs = [wins()[(b, name) if lost else (name, b)] for b in names() if b != name]
    return sum(won for won, _ in pairs) / sum(of for _, of in pairs)


def ranked() -> tuple[str, ...]:
    """Returns the names by what they win less what they lose, most first; those of few settings after the others."""
    return tuple(sorted(names(), key=lambda name: (n_settings(name) < FEW, pooled(name, lost=True) - pooled(name))))


def page() -> str:
    """Returns the page of the pairwise wins."""
    order = ranked()
    cells = sum(setting.learner == PROBE for setting in settings())
    summary = [
        [f"`{name}`", f"{100 * pooled(name):.0f}%", f"{100 * pooled(name, lost=True):.0f}%", f"{n_settings(name)}"]
        for name in order
    ]
    return TEXT.format(
        fewest=FEWEST_SEEDS,
        few=FEW,
        n_cells=cells,
        n_published=len(settings()) - cells,
        probe=PROBE,
        summary=_table(["strategy", "wins", "losses", "settings"], summary),
        pairs=_table(["row wins", *(f"`{name}`" for name in order)], [_pairs(name, order) for name in order]),
    )


def n_settings(name: str) -> int:
    """Returns in how many settings a strategy was run."""
    return sum(name in setting.areas for setting in settings())


def _pairs(name: str, order: Sequence[str]) -> list[str]:
    found = [(wins()[name, other], other) for other in order]
    cells = ["" if other == name else f"{won}/{of}" if of else "–" for (won, of), other in found]
    return [f"`{name}`", *cells]


CELL, LEFT, TOP, RIGHT = 46, 150, 140, 90
"""Sizes of the figure in pixels: a cell's side, and the room for names on three sides."""


def figure() -> str:
    """Returns the figure as SVG: a cell for each pair, darker the more often the row wins."""
    order = ranked()
    side = CELL * len(order)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + side + RIGHT} {TOP + side + 40}" role="img" '
        'font-family="sans-serif" font-size="13">',
        "<title>Share of settings in which the row beats the column, in percent</title>",
        f'<rect width="{LEFT + side + RIGHT}" height="{TOP + side + 40}" fill="#ffffff"/>',
    ]
    for i, name in enumerate(order):
        x = LEFT + CELL * i + CELL // 2 + 4
        parts.append(f'<text x="{LEFT - 8}" y="{TOP + CELL * i + 28}" text-anchor="end" fill="#1f2328">{name}</text>')
        parts.append(f'<text transform="translate({x},{TOP - 8}) rotate(-55)" fill="#1f2328">{name}</text>')
        parts += [_square(name, other, i, j) for j, other in enumerate(order)]
    parts.append(
        f'<text x="{LEFT}" y="{TOP + side + 24}" fill="#57606a">percent of settings in which the row beats the column; '
        f"(0): in fewer than {FEW} settings; –: in none</text>"
    )
    return "\n".join([*parts, "</svg>", ""])


def _square(name: str, other: str, i: int, j: int) -> str:
    """Returns one cell: white is never, dark blue always; one of few settings is in brackets, without a colour."""
    x, y, won = LEFT + CELL * j, TOP + CELL * i, share(name, other)
    few = wins()[name, other][1] < FEW
    depth = 0.0 if won is None or few else won
    red, green, blue = (round(255 + (end - 255) * depth) for end in (8, 48, 107))
    fill = "#f0f1f3" if name == other else f"#{red:02x}{green:02x}{blue:02x}"
    text = "" if name == other else "–" if won is None else f"({100 * won:.0f})" if few else f"{100 * won:.0f}"
    ink = "#57606a" if few else "#ffffff" if depth > 0.62 else "#1f2328"
    return (
        f'<rect x="{x}" y="{y}" width="{CELL - 2}" height="{CELL - 2}" fill="{fill}" stroke="#d0d7de"/>'
        f'<text x="{x + CELL // 2 - 1}" y="{y + 28}" text-anchor="middle" fill="{ink}">{text}</text>'
    )


def row(strategy: str) -> str:
    """Returns the part of a strategy's page that says what was measured of it, plain and with balance."""
    found = [name for name in (strategy, f"{strategy}+balance") if name in names() and name != RANDOM]
    if strategy == RANDOM:
        return (
            "\n\n## What was measured\n\nAll others are held against it. How often each is shown to be better: "
            "[which strategy beats which](wins.md).\n"
        )
    if not found:
        return (
            "\n\n## What was measured\n\nNot measured: no experiment of `results/` and no cell of "
            "`benchmarks/results/matrix.json` has it beside random, so nothing is said of when to use it.\n"
        )
    parts = ["\n\n## What was measured"]
    for name in found:
        parts += [_when(name), *_gains(name)]
    parts.append(
        "Points of accuracy above random, in the mean over the learning curve; bold if the 95% interval over seeds, "
        "paired, leaves out 0. Each is judged alone: of forty settings without a difference, two are bold by chance. "
        "Against the others: [which strategy beats which](wins.md)."
    )
    return "\n\n".join(parts) + "\n"


def _when(name: str) -> str:
    """Says when to use a strategy, as far as its settings show it: how many it was shown above and below random in."""
    groups: dict[str, list[int]] = {}
    for setting in settings():
        one = difference(setting, name, RANDOM)
        if one is not None:
            tailed = "long-tailed pools" if "long-tailed" in setting.group else "balanced pools"
            groups.setdefault(tailed, []).append(one.sign)
    said = "; ".join(
        f"{signs.count(1)} of {len(signs)} settings with {group} ({signs.count(-1)} below)"
        for group, signs in sorted(groups.items())
    )
    return f"**When to use `{name}`**: shown above random in {said}."


def _gains(name: str) -> list[str]:
    """Returns the tables of a strategy's gains over random: the matrix by labels per class, then the experiments."""
    budgets = list(dict.fromkeys(setting.budget for setting in settings() if setting.learner == PROBE))
    matrix: dict[str, dict[str, str]] = {}
    experiments = []
    for setting in settings():
        one = difference(setting, name, RANDOM)
        if one is not None and setting.learner == PROBE:
            matrix.setdefault(setting.group, {})[setting.budget] = _points(one)
        elif one is not None:
            experiments.append([f"{setting.group}; {setting.learner}", setting.budget, _points(one)])
    cells = [[group, *(found.get(budget, "") for budget in budgets)] for group, found in matrix.items()]
    tables = [_table([f"`{name}`: {PROBE}", *budgets], cells)] if cells else []
    return [*tables, _table([f"`{name}`: experiments", "labels", "gain"], experiments)] if experiments else tables


def _points(one: Estimate) -> str:
    text = f"{100 * one.mean:+.1f}".replace("-", "−")
    return f"**{text}**" if one.sign else text


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|---" + "|---:" * (len(header) - 1) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(one) + " |" for one in rows)])
