"""UHerding and BADGE at 50,000 × 512, 500 picks; the strategies of today beside scikit-activeml at sizes that it holds.

The full-kernel form of UHerding keeps the N × N kernel in float32, at a size that stays below 8 GB, and computes every
gain anew at every pick, in blocks of rows without a second N × N array. Its picks all cost the same; a few are timed,
and extrapolated (`extrapolated_from_picks`). scikit-activeml is timed whole, but for BADGE, which is extrapolated too.
Features are 100 groups; 200 items are labelled, and a linear classifier of them gives the probabilities. The dropout
passes of DropQuery are timed on both sides. Peaks are of NumPy's arrays beside the inputs.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import numpy as np
from common import arguments, comparison, extrapolated, installed, measure, write

from askew.kernels.similarity import least_distance
from askew.query import query
from askew.strategies.uherding import doubt

SEED, N_DIMS, N_CLASSES, N_LABELED, TEMPERATURE = 0, 512, 10, 200, 2.0


class Data:
    """A pool: features in groups, labels of some, and a linear classifier's probabilities."""

    def __init__(self, n_items: int) -> None:
        rng = np.random.default_rng(SEED)
        group = rng.integers(100, size=n_items)
        centres = rng.standard_normal((100, N_DIMS)).astype(np.float32)
        self.x = centres[group] + rng.standard_normal((n_items, N_DIMS), dtype=np.float32)
        truth = group % N_CLASSES
        self.labels = np.full(n_items, -1)
        known = rng.permutation(n_items)[:N_LABELED]
        self.labels[known] = truth[known]
        self.weights = _ridge(self.x[known], truth[known])
        self.probs = self.predict(self.x)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Returns the classifier's probabilities."""
        powers = np.exp(6 * (x @ self.weights))
        return powers / powers.sum(axis=1, keepdims=True)

    def draws(self) -> np.ndarray:
        """Returns (3, N, C): the probabilities with three quarters of the features dropped, three times."""
        rng = np.random.default_rng(SEED)
        return np.stack([self.predict(self.x * (rng.random(self.x.shape, dtype=np.float32) < 0.25)) for _ in range(3)])


def _ridge(x: np.ndarray, truth: np.ndarray) -> np.ndarray:
    wanted = np.eye(N_CLASSES, dtype=np.float32)[truth]
    return x.T @ np.linalg.solve(x @ x.T + 10 * N_DIMS**0.5 * np.eye(len(x), dtype=np.float32), wanted)


class FullKernel:
    """UHerding with the kernel of all pairs in memory, float32, every gain computed at every pick."""

    def __init__(self, data: Data) -> None:
        self.left, known = np.flatnonzero(data.labels < 0), np.flatnonzero(data.labels >= 0)
        unit = data.x / np.linalg.norm(data.x, axis=1, keepdims=True)
        rows, rate = unit[self.left], 1 / least_distance(data.x, known) ** 2
        self.weights = doubt(data.probs[self.left], TEMPERATURE)
        self.kernel = np.empty((len(rows), len(rows)), dtype=np.float32)
        for t in range(0, len(rows), 512):
            block = rows[t : t + 512] @ rows.T
            block -= 1
            block *= 2 * rate
            np.exp(block, out=self.kernel[t : t + 512])
        self.covered = np.exp(2 * rate * (rows @ unit[known].T - 1)).max(axis=1).astype(np.float32)

    def picks(self, n: int) -> np.ndarray:
        """Returns the first n picks."""
        chosen, gains = np.empty(n, dtype=np.int64), np.empty(len(self.left), dtype=np.float32)
        room, covered = np.empty((16, len(self.left)), dtype=np.float32), self.covered.copy()
        for k in range(n):
            for t in range(0, len(self.left), 16):
                over = np.subtract(self.kernel[t : t + 16], covered, out=room[: len(self.left[t : t + 16])])
                np.maximum(over, 0, out=over)
                np.dot(over, self.weights, out=gains[t : t + 16])
            gains[np.isin(self.left, chosen[:k])] = -1
            best = int(gains.argmax())
            chosen[k] = self.left[best]
            np.maximum(covered, self.kernel[best], out=covered)
        return chosen


def peak_megabytes(call: Callable[[], Any]) -> float:
    """Returns the most memory that NumPy held at a time while it was called."""
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return round(peak / 1e6, 1)


def uherding(data: Data, n: int) -> np.ndarray:
    """UHerding as askew has it; the temperature is given, so that both sides weigh alike."""
    return query("uherding", n, features=data.x, probs=data.probs, labels=data.labels, temperature=TEMPERATURE)


def large(n_items: int, n: int) -> dict[str, Any]:
    """Times askew alone, and takes its peak, at the size of the goal."""
    data = Data(n_items)
    calls = {
        "uherding": lambda: uherding(data, n),
        "badge": lambda: query("badge", n, features=data.x, probs=data.probs, labels=data.labels),
    }
    peaks: dict[str, float] = {}

    def traced(name: str, call: Callable[[], Any]) -> Callable[[], None]:
        return lambda: peaks.update({name: peak_megabytes(call)})

    clock, processor = measure({name: traced(name, call) for name, call in calls.items()}, 1, warm=False)
    return {
        name: {
            "items": n_items,
            "picks": n,
            "seconds": round(clock[name], 2),
            "processor_seconds": round(processor[name], 2),
            "peak_megabytes_beside_inputs": peaks[name],
        }
        for name in calls
    }


def against_full_kernel(n_items: int, n: int, timed_picks: int) -> dict[str, Any]:
    """Times both forms of UHerding and compares their first picks."""
    data, found = Data(n_items), {}
    run = {
        "askew": lambda: found.update(askew=uherding(data, n)),
        "kernel": lambda: found.update(kernel=FullKernel(data)),
        "picks": lambda: found.update(full=found["kernel"].picks(timed_picks)),
    }
    clock, processor = measure(run, 1, warm=False)
    for medians in (clock, processor):
        medians["full kernel in float32"] = medians.pop("kernel") + n / timed_picks * medians.pop("picks")
    same = int((found["askew"][:timed_picks] == found["full"]).sum())
    return {
        "items": n_items,
        "picks": n,
        "kernel_gigabytes": round(found["kernel"].kernel.nbytes / 1e9, 2),
        **comparison(clock, processor),
        "extrapolated_from_picks": timed_picks,
        "same_first_picks": f"{same} of {timed_picks}",
    }


def beside_scikit_activeml(name: str, n_items: int, n: int, timed_picks: int | None = None) -> dict[str, Any]:
    """Times one strategy on both sides; scikit-activeml over a few picks and extrapolated if so asked."""
    from skactiveml.classifier import SklearnClassifier
    from skactiveml.pool import Badge, DropQuery, MaxHerding, ProbCover, TypiClust
    from sklearn.linear_model import LogisticRegression

    data = Data(n_items)
    unit = data.x / np.linalg.norm(data.x, axis=1, keepdims=True)
    y = np.where(data.labels < 0, np.nan, data.labels)
    clf = SklearnClassifier(LogisticRegression(max_iter=50), classes=range(N_CLASSES)).fit(data.x, y)
    model = {"X": data.x, "clf": clf, "fit_clf": False}
    theirs = {
        "badge": (Badge, model),
        "typiclust": (TypiClust, {"X": unit}),
        "probcover": (lambda random_state: ProbCover(n_classes=N_CLASSES, random_state=random_state), {"X": unit}),
        "maxherding": (MaxHerding, {"X": data.x}),
        "dropquery": (DropQuery, model),
    }
    ours = {
        "badge": lambda: {"features": data.x, "probs": data.probs},
        "typiclust": lambda: {"features": unit},
        "probcover": lambda: {"features": unit, "n_classes": N_CLASSES},
        "maxherding": lambda: {"features": data.x, "width": 1.0},
        "dropquery": lambda: {"features": data.x, "probs": data.probs, "draws": data.draws()},
    }
    make, given = theirs[name]

    def rival(count: int) -> Callable[[], Any]:
        return lambda: make(random_state=SEED).query(y=y, batch_size=count, **given)

    run: dict[str, Callable[[], Any]] = {"askew": lambda: query(name, n, labels=data.labels, **ours[name]())}
    if timed_picks is None:
        run["scikit-activeml"] = rival(n)
    else:
        run |= {"rival, 1": rival(1), "rival, more": rival(1 + timed_picks)}
    clock, processor = measure(run, 1, warm=False)
    if timed_picks is not None:
        for medians in (clock, processor):
            medians["scikit-activeml"] = extrapolated(medians, "rival, 1", "rival, more", (n - 1) / timed_picks)
    return {"items": n_items, "picks": n, **comparison(clock, processor), "extrapolated_from_picks": timed_picks}


def _when() -> dict[str, str]:
    return {"begun": datetime.now(timezone.utc).isoformat(timespec="seconds")}


def main() -> None:
    """Runs it."""
    options = arguments(__doc__)
    quick = options.quick
    record: dict[str, Any] = {"seed": SEED, "dimensions": N_DIMS, "classes": N_CLASSES, "labelled": N_LABELED}
    record["against_full_kernel"] = _when() | against_full_kernel(*((4_000, 100, 5) if quick else (40_000, 500, 5)))
    write("herding", record, quick=quick)
    record["large"] = _when() | large(*((5_000, 100) if quick else (50_000, 500)))
    write("herding", record, quick=quick)
    if not installed("skactiveml"):
        return
    record["beside_scikit_activeml"] = {}
    sizes = {"typiclust": 8_000, "probcover": 5_000, "maxherding": 4_000, "dropquery": 8_000, "badge": 10_000}
    for name, n_items in sizes.items():
        size = (2_000, 50) if quick else (n_items, 500 if name == "badge" else 100)
        timed_picks = 5 if name == "badge" else None
        record["beside_scikit_activeml"][name] = _when() | beside_scikit_activeml(name, *size, timed_picks)
        write("herding", record, quick=quick)


if __name__ == "__main__":
    main()
