"""Makes the page on the forecast; what it says of its intervals comes from benchmarks/results/forecast.json alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[1] / "benchmarks" / "results" / "forecast.json"

TEXT = """# What the next labels are likely to bring

<!-- install: light -->

Write the accuracies so far as `curve.csv`, and ask whether 400 more labels are worth it:

```python
import numpy as np

curve = [(100, 0.60), (200, 0.70), (400, 0.78), (800, 0.84)]
np.savetxt("curve.csv", curve, delimiter=",", header="n_labeled,accuracy", comments="")
```

```bash
askew forecast curve.csv --n-test 2000 --next 400 --gain 1 --target 90
```

An experiment's folder, finished or not, serves as well, and then each strategy is forecast from all of its seeds.
Its [report](reports.md#what-the-next-labels-are-likely-to-bring) has a table of that. In Python it is a function of
arrays:

```python
from askew.forecast import forecast, labels_to_reach

found = forecast([100, 200, 400, 800], [0.60, 0.70, 0.78, 0.84], [1200, 1600], n_test=2000)
print(found.median, found.low, found.high, found.gain, found.enough(0.01))
print(labels_to_reach([100, 200, 400, 800], [0.60, 0.70, 0.78, 0.84], 0.9, n_test=2000))
```

There are two intervals. `low` and `high` are of the accuracy that will be **measured**, with the luck of that
training and of a finite test set. `gain_low` and `gain_high` are of what the **curve itself** rises. `--json`
prints both for each of `next`, as shares: `labels` to come, `median`, `low`, `high`, `gain`, `gain_low`,
`gain_high`, with `--gain` also `stop`; with `--target` `reach`, where null is a count that is out of sight.

## When to stop

**Stop when the upper end of the gain's interval lies below the gain that the labels are worth.** With the usual
interval of 80% the model gives one chance in ten that they would have brought more. A wide interval never says
stop: little is known then, and the next cycle tells more than the forecast.

## The model

```text
ln e(n) = f(u) + noise         e = 1 - accuracy, u = ln(n / n1), n1 the first label count
f(u)  = a + b u + q W(u)       a ~ N(ln e1, 2^2), b ~ N(-0.4, 0.4^2), W a Wiener process integrated from 0
noise ~ N(0, c^2 (1/e - 1) / n_test)
```

With q = 0 this is a power law; q lets its exponent drift. c is how loud the measurements are beside the binomial
noise of the test set. Both are averaged over a grid by their marginal likelihood and a prior: ln c ~ N(ln 0.8,
0.5^2), q half-normal with 0.6. Without `n_test` 1,000 is taken. Several seeds tell c by how far they stray from
their seed's and their cycle's means.

## How often the intervals held

Each curve of {n_experiments} experiments was cut after two label counts, three and so on, and the next count, and
the double where it was measured, were forecast from what was left: `benchmarks/forecast.py`. The prior was chosen
on {chosen}, by the density at what came. On the {n_judged} other experiments, {forecasts} forecasts:

{judged}

The 80% intervals held what came in **{held}%**; it came below in {below}% and above in {above}%. With a wanted gain
of one point the rule said stop {stops} times; {missed} times more than a point was measured after it, the luck of
measuring included. The mean measured gain was {after} points.

**How often they held differs much between experiments**, from {least}% ({least_name}) to {most}% ({most_name}).
Curves that fall fast towards few errors on a small test set were taken for slower ones, and curves of frozen
features are smoother than the prior expects. All forecasts of each experiment together, those on which the prior
was chosen in italics:

{experiments}

Two caveats. The forecasts of one experiment depend on each other, so these shares are less sure than their numbers
suggest. And these experiments were not all unseen: the form of the noise was changed once after a look at most of
them. {n_blind} were measured after that ({blind}): there the 80% intervals held what came in {blind_held}% of
{blind_forecasts:,} forecasts."""

BLIND = (
    *("cifar10-scratch-budget-100", "cifar10-scratch-budget-500"),
    *(f"cifar10-simsiam-budget-{n}" for n in (50, 100, 500, 1000, 5000)),
)
"""Experiments that were measured after the form of the noise was settled."""


def page() -> str:
    """Returns the page."""
    record = json.loads(FILE.read_text(encoding="utf-8"))
    judged, every = record["judged"], record["experiments"]
    rest = {name: every[name]["all"]["held_80"] for name in record["judged_on"]}
    blind = [every[name]["all"] for name in BLIND]
    blind_forecasts = sum(of["forecasts"] for of in blind)
    least, most = min(rest, key=lambda name: rest[name]), max(rest, key=lambda name: rest[name])
    return TEXT.format(
        n_experiments=len(every),
        n_judged=len(rest),
        chosen=", ".join(f"`{name}`" for name in record["chosen_on"]),
        forecasts=f"{judged['all']['forecasts']:,}",
        judged=_table("forecast", {kind: of for kind, of in judged.items() if kind != "all"}),
        held=_percent(judged["all"]["held_80"]),
        below=_percent(judged["all"]["came_below"]),
        above=_percent(judged["all"]["came_above"]),
        stops=judged["all"]["said_stop"],
        missed=judged["all"]["stop_missed_gain"],
        after=judged["all"]["mean_gain_points_after_stop"],
        n_blind=len(blind),
        blind=", ".join(f"`{name}`" for name in BLIND),
        blind_held=_percent(sum(of["forecasts"] * of["held_80"] for of in blind) / blind_forecasts),
        blind_forecasts=blind_forecasts,
        least=_percent(rest[least]),
        least_name=least,
        most=_percent(rest[most]),
        most_name=most,
        experiments=_table(
            "experiment",
            {(name if name in rest else f"*{name}*"): of["all"] for name, of in every.items()},
        ),
    )


def _table(first: str, rows: dict[str, dict[str, Any]]) -> str:
    lines = [
        f"| {first} | forecasts | 80% held | 50% held | median width, points | median error, points |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, of in rows.items():
        held = f"{_percent(of['held_80'])}% | {_percent(of['held_50'])}%"
        lines.append(
            f"| {name} | {of['forecasts']:,} | {held} | {of['median_width_points']:.1f} | "
            f"{of['median_error_points']:.1f} |"
        )
    return "\n".join(lines)


def _percent(share: float) -> str:
    return f"{100 * share:.0f}"
