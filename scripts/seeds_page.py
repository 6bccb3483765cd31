"""Makes the page on how many seeds an experiment needs, from the spread over seeds of the experiments in results/.

`measured` computes the spread from the published ledgers; `scripts/publish_results.py` writes it to results/seeds.json.
`page` writes docs/seeds.md from that file; `scripts/make_docs.py` calls it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from scipy.optimize import brentq
from scipy.stats import nct, t

from askew.intervals import CONFIDENCE, half_width
from askew.report.measures import Estimate
from askew.report.summary import Summary

FILE = Path(__file__).resolve().parents[1] / "results" / "seeds.json"
COUNTS = (3, 4, 5, 6, 10, 20)
"""Numbers of seeds that the page shows."""
OFTEN = 0.8
"""How often a gain of the second table is shown."""

TEXT = """# How many seeds

An experiment repeats every strategy with several seeds, because one run says little: another initial set or another
training may turn the result round. From *n* seeds the report computes a gain and its interval
([reports](reports.md)):

```text
interval = gain ± half-width,   half-width = t · s / √n
```

*s* is the spread of the gain from seed to seed, and *t* comes from Student's distribution. Few seeds are hit twice:
√*n* is small, and *t* is large because *s* is known badly. In units of *s*:

{factors}

A gain is claimed only if its interval leaves out 0. So a gain smaller than the half-width is not claimed, however
real it is.

## What our own experiments could show

This is the spread that was measured in the experiments of `results/`, for the gain over random averaged over the
label counts. It is pooled over the strategies. The half-width follows for any number of seeds; all are in points of
accuracy:

{widths}

An experiment claims a true gain of the size of the half-width in little more than half of all cases. To be claimed in
{often}% of them, a gain must be this large:

{gains}

Both tables are for one comparison. With several strategies the report widens intervals, so that the chance of any
false claim stays at 5%. With {n_comparisons} strategies the half-width of the first that is judged grows by the
factor {widened_few:.2f} at {few} seeds and {widened_many:.2f} at {many}.

## What to take

- **Three seeds** find mistakes in a configuration, and large differences.
- **Five or six** showed the gains that this repository claims.
- **Ten** halve the half-width of four. Two good strategies differ by little, so take ten or more to tell them apart.
- **Compare fewer strategies.** Each one more widens all intervals.
- **Take the number before you look.** Seeds may be added to a finished experiment: raise `seeds` and run the same
  command. But who adds seeds until an interval leaves out 0 will claim something in the end, true or not.
"""


def measured(summaries: Mapping[str, Summary]) -> dict[str, Any]:
    """Returns for each experiment how many seeds and strategies it has, and the spread of their gains over random."""
    found = {}
    for name, summary in summaries.items():
        gains = [line.over_random.gain for line in summary.rivals if line.over_random is not None]
        found[name] = {
            "dataset": summary.experiment.dataset,
            "first_labels": summary.n_labeled[0],
            "last_labels": summary.n_labeled[-1],
            "n_seeds": len(summary.experiment.seeds),
            "n_strategies": len(gains),
            "spread_points": round(summary.scale * pooled(gains), 3),
        }
    return found


def pooled(gains: Iterable[Estimate]) -> float:
    """Returns the standard deviation over seeds of a gain, pooled over several gains; their intervals hold it."""
    parts = [((gain.high - gain.low) / 2 / half_width(1.0, gain.n_seeds), gain.n_seeds - 1) for gain in gains]
    return math.sqrt(sum(s * s * freedom for s, freedom in parts) / sum(freedom for _, freedom in parts))


def shown_often(spread: float, n_seeds: int) -> float:
    """Returns the true gain whose interval lies above 0 in a share `OFTEN` of all experiments, for normal gains."""
    freedom, limit = n_seeds - 1, float(t.ppf((1 + CONFIDENCE) / 2, n_seeds - 1))
    shift = brentq(lambda shift: float(nct.sf(limit, freedom, shift)) - OFTEN, 0.0, 10 * limit)
    return float(shift) * spread / math.sqrt(n_seeds)


def page() -> str:
    """Returns the page."""
    found = json.loads(FILE.read_text(encoding="utf-8"))
    most = max(one["n_strategies"] for one in found.values())
    few, many = COUNTS[0], COUNTS[-2]
    widened = [half_width(1.0, n, 1 - (1 - CONFIDENCE) / most) / half_width(1.0, n) for n in (few, many)]
    return TEXT.format(
        factors=_table(
            ["seeds", *map(str, COUNTS)], [["half-width / s", *(f"{half_width(1.0, n):.2f}" for n in COUNTS)]]
        ),
        widths=_by_experiment(found, half_width),
        gains=_by_experiment(found, shown_often),
        often=round(100 * OFTEN),
        n_comparisons=most,
        few=few,
        many=many,
        widened_few=widened[0],
        widened_many=widened[1],
    )


def _by_experiment(found: Mapping[str, Any], of: Any) -> str:
    rows = [
        [
            f"{name} ({one['dataset']}, {one['first_labels']:,} to {one['last_labels']:,} labels)",
            f"{one['spread_points']:.1f}",
            *(f"{of(one['spread_points'], n):.1f}" for n in COUNTS),
        ]
        for name, one in found.items()
    ]
    return _table(["experiment", "s", *(f"{n} seeds" for n in COUNTS)], rows)


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|---" + "|---:" * (len(header) - 1) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])
