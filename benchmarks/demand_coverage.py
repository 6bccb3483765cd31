"""Coverage that counts most what the demand still wants: forms of it tried on some data sets, one judged on others.

    python benchmarks/demand_coverage.py find [--sets cifar10 …] [--seeds 5] [--data-root FOLDER]
    python benchmarks/demand_coverage.py judge [--sets waste …] [--seeds 10] [--waste FOLDER] [--form NAME]

Every form picks, one after the other, the item of the largest Σ_j u_j (q_j · v) max(0, k(x, j) − m_j): UHerding's
coverage with u_j, k and m_j as in `askew.strategies.uherding`, and beside it how much the classes of j are wanted, v,
under its probabilities q. `Form` has what differs. Pools, heads and features are those of `benchmarks/matrix.py`; a
pool has at most 2,000 items, b labels per class at the start, and as many more in each of 4 cycles. Of each curve the
accuracy and the mean over the classes of their accuracies are kept. The file is written after every seed of a cell, and
the same command goes on where it stopped. `scripts/demand_page.py` makes the page of the documentation from it.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from common import RESULTS, environment
from matrix import CYCLES, MOST_OF_POOL, OPTIONS, POOL, Table, digits, mnist, pictures, shortened

from askew.data.longtail import long_tail
from askew.files import whole_file
from askew.kernels.calibration import cross_validated_temperature
from askew.kernels.similarity import least_distance
from askew.learn.probe import LinearProbe
from askew.pick.balance import demand
from askew.plan import Plan
from askew.pool import Pool
from askew.predictions import Predictions
from askew.query import query, select
from askew.seeding import generator, number
from askew.strategies.uherding import doubt

OUT = RESULTS / "demand_coverage.json"
BUDGETS = (3, 10)
TAILS = {"find": (1.0, 0.1, 0.05), "judge": (1.0, 0.1)}
"""What the last half of the classes keeps of their items; 1 leaves the data as they are."""

AHEAD = 64
"""Items whose gains are computed at a time."""

RIVALS = ("margin", "entropy", "uherding")
COMPARED = (*RIVALS, *(f"{name}+balance" for name in RIVALS))


@dataclass(frozen=True)
class Form:
    """What one form does: v_c = (R_c / mean Ω + `floor`) / (M_c / mean M)^`share`.

    Ω is the demand of the classes (Eq. 4.4 of the thesis) and M_c = Σ_j q_jc, what the pool seems to hold of a class.

    Attributes:
        temper: q is p^(1/T), normalised, with UHerding's temperature T; else p as it is.
        width: of the kernel, as a multiple of UHerding's.
        falls: R is what Ω leaves after the picks so far by their q, not below 0; else R is Ω for the whole batch.
        demand: whether v has R at all; without, it is 1 in its place.
        floor: how much is wanted of a class that has all it was to have.
        share: how far coverage is of each class' own share of the pool rather than of the pool.
        doubtful: whether u is in the sum.
    """

    temper: bool = True
    width: float = 1.0
    falls: bool = False
    demand: bool = True
    floor: float = 0.0
    share: float = 0.0
    doubtful: bool = True


FORMS = {
    "plain": Form(demand=False),
    "wide": Form(demand=False, width=2.0),
    "demand": Form(),
    "raw": Form(temper=False),
    "falling": Form(falls=True),
    "raw falling": Form(temper=False, falls=True),
    "floor": Form(floor=1.0),
    "falling floor": Form(falls=True, floor=1.0),
    "demand wide": Form(width=2.0),
    "even": Form(demand=False, share=1.0),
    "even wide": Form(demand=False, share=1.0, width=2.0),
    "even floor": Form(floor=1.0, share=0.5),
    "half even": Form(demand=False, share=0.5),
    "even demand": Form(share=0.5),
    "demand certain": Form(doubtful=False),
    "falling floor even": Form(falls=True, floor=1.0, share=0.5),
}


@dataclass(frozen=True, eq=False)
class Asked:
    """What a form is asked with: a pool, its features and probabilities, who is labelled, and how many are wanted."""

    features: np.ndarray
    probs: np.ndarray
    pool: Pool
    n: int


def wanted(form: Form, probs: np.ndarray, counts: np.ndarray, n: int) -> Callable[[np.ndarray], np.ndarray]:
    """Returns what gives (C,) v from the (C,) sums of q of the picks so far; it never grows with these."""
    omega = demand(counts, n)
    unit = float(omega.mean())
    mass = np.maximum(probs.sum(axis=0), 1e-9)
    scale = (mass / mass.mean()) ** form.share

    def of(taken: np.ndarray) -> np.ndarray:
        if not form.demand:
            return 1 / scale
        left = np.maximum(omega - taken, 0) if form.falls else omega
        return (left / unit + form.floor) / scale

    return of


def picks(form: Form, asked: Asked) -> np.ndarray:
    """Returns the (n,) picks of a form: an exact greedy choice, in which old gains are bounds of what they are now."""
    pool, unlabeled = asked.pool, asked.pool.unlabeled
    unit = asked.features.astype(np.float64)
    unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-12)
    rows = asked.features[pool.labeled].astype(np.float64)
    temperature = cross_validated_temperature(rows, pool.labels[pool.labeled])
    width = (least_distance(asked.features, pool.labeled) or 1.0) * form.width
    probs = asked.probs[unlabeled].astype(np.float64)
    doubts = doubt(probs, temperature) if form.doubtful else np.ones(len(probs))
    if form.temper:
        probs = np.maximum(probs, 1e-12) ** (1 / temperature)
        probs /= probs.sum(axis=1, keepdims=True)
    kernel = np.exp((unit[unlabeled] @ unit[unlabeled].T - 1) * (2 / width**2))
    covered = np.exp((unit[pool.labeled] @ unit[unlabeled].T - 1) * (2 / width**2)).max(axis=0)
    want, taken = wanted(form, probs, pool.counts(probs.shape[1]), asked.n), np.zeros(probs.shape[1])
    central = unit[unlabeled] @ unit.mean(axis=0)
    chosen: list[int] = []
    upper, weights = np.full(len(unlabeled), np.inf), doubts * (probs @ want(taken))
    while len(chosen) < asked.n:
        best = _best(kernel, covered, weights, upper, central)
        chosen.append(best)
        upper[best] = -np.inf
        taken += probs[best]
        covered = np.maximum(covered, kernel[best])
        weights = doubts * (probs @ want(taken))
    return unlabeled[np.array(chosen)]


def _best(kernel: np.ndarray, covered: np.ndarray, weights: np.ndarray, upper: np.ndarray, central: np.ndarray) -> int:
    """Returns the position of the largest gain, the most central of equal ones; lowers the bounds that it looks at."""
    fresh = np.isneginf(upper)
    least = 1e-12 * float(weights.sum())
    while True:
        stale = np.flatnonzero(~fresh)
        leader = float(upper[fresh].max(initial=-np.inf))
        stale = stale[upper[stale] >= leader - least]
        if not len(stale):
            equal = np.flatnonzero(fresh & (upper >= leader - least))
            return int(equal[np.argmax(central[equal])])
        some = stale if np.isinf(upper[stale]).any() else stale[np.argsort(-upper[stale])[:AHEAD]]
        for tile in np.array_split(some, max(1, len(some) // 256)):
            upper[tile] = np.maximum(kernel[tile] - covered, 0) @ weights
        fresh[some] = True


@dataclass(frozen=True, eq=False)
class Trial:
    """A seed of a cell: what all that is compared shares.

    Attributes:
        table: the data set.
        rows: (N,) the pool's rows of it.
        labels: (N,) classes of what is labelled at the start, -1 elsewhere.
        n: labels of a cycle.
        seed: of the pool, the head and the questions.
    """

    table: Table
    rows: np.ndarray
    labels: np.ndarray
    n: int
    seed: int

    def curve(self, ask: Callable[[Asked, int], np.ndarray]) -> dict[str, list[float]]:
        """Returns accuracy and balanced accuracy after each cycle, those of the initial set first."""
        probe, labels = LinearProbe(self.table.n_classes), self.labels.copy()
        x = self.table.x[self.rows]
        feed, test = probe.feed(x), probe.feed(self.table.test_x)
        found: dict[str, list[float]] = {"accuracy": [], "balanced_accuracy": []}
        for cycle in range(CYCLES + 1):
            pool = Pool(labels)
            model = probe.fit(feed, pool, seed=number(self.seed, cycle, "fit"))
            right = model.predict(test)["probs"].argmax(axis=1) == self.table.test_y
            of_class = [right[self.table.test_y == c].mean() for c in range(self.table.n_classes)]
            found["accuracy"].append(round(float(right.mean()), 5))
            found["balanced_accuracy"].append(round(float(np.mean(of_class)), 5))
            if cycle < CYCLES:
                probs = model.predict(feed, frozenset({"probs"}))["probs"]
                chosen = ask(Asked(x, probs, pool, self.n), number(self.seed, cycle, "query"))
                labels = labels.copy()
                labels[chosen] = self.table.y[self.rows[chosen]]
        return found


def trial(table: Table, tail: float, per_class: int, seed: int) -> Trial | None:
    """Returns a seed of a cell; None if it would label more of the pool than `MOST_OF_POOL`."""
    n, rng = per_class * table.n_classes, generator(seed, "demand coverage")
    if tail < 1:
        cut = long_tail(table.y, imbalance=tail, n_classes=table.n_classes, n_initial=n, seed=seed)
        rows = np.concatenate([cut.initial, rng.permutation(cut.pool_items)])[:POOL]
    else:
        rows = rng.permutation(len(table.y))[:POOL]
    labels = np.full(len(rows), -1)
    labels[:n] = table.y[rows[:n]]
    return None if n * (CYCLES + 1) > MOST_OF_POOL * len(rows) else Trial(table, rows, labels, n, seed)


def asker(name: str, given: Trial) -> Callable[[Asked, int], np.ndarray]:
    """Returns what asks, of a form or of a strategy of the matrix."""
    if name in FORMS:
        return lambda asked, _: picks(FORMS[name], asked)
    plan: Plan = OPTIONS[name].plan(len(given.rows), given.table.n_classes)
    fields = {"features", "probs"} & set(plan.needs)

    def ask(asked: Asked, seed: int) -> np.ndarray:
        held = {"features": asked.features, "probs": asked.probs}
        pred = Predictions(**{field: held[field] for field in fields})
        return np.asarray(select(plan, asked.n, pred, asked.pool, seed=seed).chosen)

    return ask


def check(given: Trial) -> None:
    """Stops unless the form without a demand picks what `uherding` does, and others what their definition says."""
    probe, pool = LinearProbe(given.table.n_classes), Pool(given.labels)
    x = given.table.x[given.rows]
    feed = probe.feed(x)
    probs = probe.fit(feed, pool, seed=0).predict(feed, frozenset({"probs"}))["probs"]
    asked = Asked(x, probs, pool, given.n)
    ours = query("uherding", given.n, features=x, probs=probs, labels=given.labels)
    if not np.array_equal(picks(FORMS["plain"], asked), ours):
        raise SystemExit("the form without a demand does not pick what uherding does")
    for form in (FORMS["falling"], FORMS["falling floor"], FORMS["even"]):
        if not np.array_equal(picks(form, asked), slowly(form, asked)):
            raise SystemExit(f"{form} does not pick what its definition says")


def slowly(form: Form, asked: Asked) -> np.ndarray:
    """Returns the picks by the definition, every gain computed anew for every pick."""
    pool, unlabeled = asked.pool, asked.pool.unlabeled
    unit = asked.features / np.linalg.norm(asked.features, axis=1, keepdims=True)
    width = form.width * (least_distance(asked.features, pool.labeled) or 1.0)
    t = cross_validated_temperature(asked.features[pool.labeled].astype(np.float64), pool.labels[pool.labeled])
    p = np.maximum(asked.probs[unlabeled].astype(np.float64), 1e-12) ** (1 / t)
    p /= p.sum(axis=1, keepdims=True)
    ranked = np.sort(p, axis=1)
    u = 1 - (ranked[:, -1] - ranked[:, -2])
    apart2 = np.square(unit[unlabeled][:, None] - unit[None]).sum(axis=2)
    k = np.exp(-apart2 / width**2)
    omega, mass = demand(pool.counts(p.shape[1]), asked.n), p.sum(axis=0)
    chosen: list[int] = []
    for _ in range(asked.n):
        m = k[:, np.concatenate([pool.labeled, unlabeled[chosen]]).astype(int)].max(axis=1)
        left = np.maximum(omega - p[chosen].sum(axis=0) * form.falls, 0)
        v = left / omega.mean() + form.floor if form.demand else np.ones(len(omega))
        v = v / (mass / mass.mean()) ** form.share
        gains = np.maximum(k[:, unlabeled] - m[:, None], 0).T @ (u * (p @ v))
        gains[chosen] = -1
        chosen.append(int(gains.argmax()))
    return unlabeled[chosen]


def finding(root: str | None) -> dict[str, Callable[[], Table]]:
    """Lists the data sets that forms are tried on."""
    return {
        "cifar10": lambda: shortened(pictures("cifar10", 128, root)),
        "fashion-mnist": lambda: shortened(pictures("fashion-mnist", 96, None)),
        "digits": digits,
    }


def judging(waste: str) -> dict[str, Callable[[], Table]]:
    """Lists the data sets that one form is judged on; none shares an item with those that forms are tried on."""

    def photos(*classes: int) -> Table:
        return shortened(pictures(waste, 96, None, classes, test_fraction=0.25, image_side_px=96))

    return {
        "waste": photos,
        "containers": lambda: photos(0, 2, 6),
        "mnist": lambda: shortened(mnist()),
        "mnist-3589": lambda: shortened(some_classes(mnist(), (3, 5, 8, 9))),
    }


def some_classes(table: Table, classes: tuple[int, ...]) -> Table:
    """Returns the items of these classes alone, which are numbered anew in that order."""
    kept, tested = np.isin(table.y, classes), np.isin(table.test_y, classes)
    y, test_y = np.searchsorted(classes, table.y[kept]), np.searchsorted(classes, table.test_y[tested])
    return Table(table.x[kept], y, table.test_x[tested], test_y)


def fill(
    record: dict[str, Any], phase: str, tables: dict[str, Callable[[], Table]], names: list[str], given: Any
) -> None:
    """Adds what is missing of a phase to the file, seed by seed."""
    made: dict[str, Table] = {}
    for seed in range(given.seeds):
        for name in given.sets or tables:
            table = made[name] = made[name] if name in made else tables[name]()
            for b in given.per_class or BUDGETS:
                for tail in given.tails or TAILS[phase]:
                    found = trial(table, tail, b, seed)
                    if found is None:
                        continue
                    cell = record[phase].setdefault(f"{name}/{tail:g}/{b}", {})
                    curves, began = cell.setdefault(str(seed), {}), time.process_time()
                    for strategy in names:
                        if strategy not in curves:
                            curves[strategy] = found.curve(asker(strategy, found))
                    print(f"{phase} {name}/{tail:g}/{b} {seed}: {time.process_time() - began:.1f} s", flush=True)
                    write(given.out, record)


def write(path: Path, record: dict[str, Any]) -> None:
    """Writes the file whole."""
    forms = {name: vars(form) for name, form in FORMS.items()}
    text = json.dumps({**environment(), **record, "forms": forms}, separators=(",", ":"))
    with whole_file(path) as draft:
        draft.write_text(text.replace('},"', '},\n"') + "\n")


def main() -> None:
    """Fills what the file does not hold of a phase."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("phase", choices=("find", "judge"))
    parser.add_argument("--sets", nargs="*", help="some of the data sets")
    parser.add_argument("--only", nargs="*", help="some of the forms or strategies")
    parser.add_argument("--tails", nargs="*", type=float)
    parser.add_argument("--per-class", nargs="*", type=int, help="labels per class and cycle")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--form", help="the form that is judged; without it, its rivals alone are run")
    parser.add_argument("--data-root", help="where CIFAR-10 is")
    parser.add_argument(
        "--waste", default="waste", help="a folder of waste photos, a folder a class, or an .npz of them"
    )
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    record = json.loads(given.out.read_text()) if given.out.is_file() else {}
    record = {"find": record.get("find", {}), "judge": record.get("judge", {}), "judged": record.get("judged")}
    if given.phase == "find":
        check(trial(digits(), 0.1, 3, 0))
        fill(record, "find", finding(given.data_root), given.only or ["random", *COMPARED, *FORMS], given)
    elif given.phase == "judge":
        if record["judged"] not in (None, given.form) or given.form not in (None, *FORMS):
            raise SystemExit(f"--form: one of {', '.join(FORMS)}, and only ever one: {record['judged']} was judged")
        record["judged"] = given.form
        fill(record, "judge", judging(given.waste), [*COMPARED, *([given.form] if given.form else [])], given)


if __name__ == "__main__":
    main()
