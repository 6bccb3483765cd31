"""Class-balanced selection (Eq. 4.8) against scipy's HiGHS on the LP relaxation, rounded, and OR-tools' SCIP.

Pools are synthetic long-tailed softmax outputs with their entropy as score, n = 2,500, demands uniform or drawn from
a flat Dirichlet. All run on one thread, as HiGHS does, but for the rows "default threads", whose processes keep the
defaults of the machine, once as it is and once beside a loop that keeps one core busy. The LP solver gets its matrix
ready-made, SCIP its model: only solving is timed. askew is timed before and after each rival, in the same process.
The LP's rounding is its n largest variables. Peak memory is that of a process of its own, beyond its peak before the
call.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

if sys.argv[1:2] != ["--default-threads"]:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from common import arguments, installed, status, write
from scipy.optimize import linprog
from scipy.sparse import csr_array, hstack, vstack

from askew.pick.balance import BalancedPick, solve

N_PICKS = 2_500
IMBALANCE = 0.01
SCIP_LIMIT_SECONDS = 300


def pool(n_items: int, n_classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns entropies (N,) and long-tailed softmax outputs (N, C) float32, confident for some items only."""
    rng = np.random.default_rng(seed)
    prior = IMBALANCE ** (np.arange(n_classes) / (n_classes - 1))
    prior /= prior.sum()
    probs, scores = np.empty((n_items, n_classes), dtype=np.float32), np.empty(n_items)
    for start in range(0, n_items, 50_000):
        rows = slice(start, min(start + 50_000, n_items))
        size = rows.stop - start
        logits = rng.standard_normal((size, n_classes), dtype=np.float32) + np.float32(0.5) * np.log(prior)
        logits[np.arange(size), rng.choice(n_classes, size, p=prior)] += rng.uniform(0, 10, size)
        block = np.exp(logits - logits.max(axis=1, keepdims=True))
        block /= block.sum(axis=1, keepdims=True)
        probs[rows] = block
        scores[rows] = -(block * np.log(np.maximum(block, 1e-30))).sum(axis=1)
    return scores, probs


def demand(n_classes: int, seed: int, kind: str) -> np.ndarray:
    """Returns a demand of N_PICKS items, uniform or drawn."""
    if kind == "uniform":
        return np.full(n_classes, N_PICKS / n_classes)
    return N_PICKS * np.random.default_rng(seed).dirichlet(np.ones(n_classes))


def timed(call: Callable[[], Any]) -> tuple[Any, float, float]:
    """Returns the result, the seconds by the clock and those of processor time."""
    start, cpu = time.perf_counter(), time.process_time()
    result = call()
    return result, time.perf_counter() - start, time.process_time() - cpu


def ours(repeats: int, *problem: Any, **options: Any) -> list[tuple[BalancedPick, float, float]]:
    """Returns askew's pick and its timings, a number of times."""
    return [timed(lambda: solve(*problem, **options)) for _ in range(repeats)]


def objective(scores: np.ndarray, probs: np.ndarray, omega: np.ndarray, weight: float, chosen: np.ndarray) -> float:
    """Returns Eq. 4.8 in float64."""
    counts = probs[chosen].astype(np.float64).sum(axis=0)
    return float(-scores[chosen].sum() + weight * np.abs(omega - counts).sum())


def relaxation(scores: np.ndarray, probs: np.ndarray, omega: np.ndarray, weight: float) -> Callable[[], np.ndarray]:
    """Returns a call that solves the LP relaxation with HiGHS and rounds it."""
    n_items, n_classes = probs.shape
    identity = csr_array(np.eye(n_classes))
    classes = hstack([csr_array(probs.T.astype(np.float64)), identity, -identity])
    count = hstack([csr_array(np.ones((1, n_items))), csr_array((1, 2 * n_classes))])
    matrix, right = vstack([classes, count], format="csc"), np.append(omega, N_PICKS)
    costs = np.concatenate([-scores, np.full(2 * n_classes, weight)])
    limits = np.column_stack([np.zeros(len(costs)), np.r_[np.ones(n_items), np.full(2 * n_classes, np.inf)]])

    def run() -> np.ndarray:
        found = linprog(costs, A_eq=matrix, b_eq=right, bounds=limits, method="highs")
        return np.argsort(-found.x[:n_items], kind="stable")[:N_PICKS]

    return run


def scip(scores: np.ndarray, probs: np.ndarray, omega: np.ndarray, weight: float) -> Callable[[], np.ndarray]:
    """Returns a call that solves the integer program with OR-tools' SCIP, to a relative gap of 1e-4."""
    from ortools.linear_solver import pywraplp

    solver = pywraplp.Solver.CreateSolver("SCIP")
    items = [solver.BoolVar("") for _ in scores]
    chosen = solver.Constraint(N_PICKS, N_PICKS)
    goal = solver.Objective()
    for item, score in zip(items, scores.tolist(), strict=True):
        chosen.SetCoefficient(item, 1)
        goal.SetCoefficient(item, -score)
    for column, wanted in zip(probs.T.astype(np.float64), omega.tolist(), strict=True):
        over, under = solver.NumVar(0, solver.infinity(), ""), solver.NumVar(0, solver.infinity(), "")
        row = solver.Constraint(wanted, wanted)
        for item, share in zip(items, column.tolist(), strict=True):
            row.SetCoefficient(item, share)
        for variable, sign in ((over, -1), (under, 1)):
            row.SetCoefficient(variable, sign)
            goal.SetCoefficient(variable, weight)
    goal.SetMinimization()
    solver.SetTimeLimit(SCIP_LIMIT_SECONDS * 1000)
    options = pywraplp.MPSolverParameters()
    options.SetDoubleParam(options.RELATIVE_MIP_GAP, 1e-4)

    def run() -> np.ndarray:
        if solver.Solve(options) not in (solver.OPTIMAL, solver.FEASIBLE):
            return np.empty(0, dtype=np.int64)
        return np.flatnonzero([item.solution_value() > 0.5 for item in items])

    return run


def against(
    n_items: int, n_classes: int, weight: float, *, seeds: range, rival: Callable[..., Callable[[], np.ndarray]]
) -> dict[str, Any]:
    """Compares on every seed and both kinds of demand."""
    rows = []
    for seed in seeds:
        scores, probs = pool(n_items, n_classes, seed)
        for kind in ("uniform", "drawn"):
            omega = demand(n_classes, seed, kind)
            call = rival(scores, probs, omega, weight)
            runs = ours(4, scores, probs, omega, N_PICKS, weight=weight)[1:]
            theirs, clock, processor = timed(call)
            runs += ours(3, scores, probs, omega, N_PICKS, weight=weight)
            pick = runs[0][0]
            seconds, cpu = (statistics.median(run[k] for run in runs) for k in (1, 2))
            cost = objective(scores, probs, omega, weight, theirs) if len(theirs) == N_PICKS else None
            rows.append(
                {
                    "seed": seed,
                    "demand": kind,
                    "askew_seconds": round(seconds, 4),
                    "rival_seconds": round(clock, 3),
                    "times_slower": round(clock / seconds, 1),
                    "times_more_processor_time": round(processor / cpu, 1),
                    "askew_objective": round(pick.objective, 6),
                    "rival_objective": None if cost is None else round(cost, 6),
                    "askew_gap": float(f"{pick.gap:.3g}"),
                    "askew_never_worse": cost is None or pick.objective <= cost + 1e-9 * abs(cost),
                }
            )
            print(n_items, n_classes, rows[-1], flush=True)
    return {
        "median_times_slower": statistics.median(r["times_slower"] for r in rows),
        "median_times_more_processor_time": statistics.median(r["times_more_processor_time"] for r in rows),
        "largest_gap": max(r["askew_gap"] for r in rows),
        "never_worse": all(r["askew_never_worse"] for r in rows),
        "runs": rows,
    }


def alone(n_items: int, n_classes: int, weight: float, *, seeds: range, distance: str = "l1") -> dict[str, Any]:
    """Returns gaps and seconds where no rival is timed."""
    gaps: dict[str, list[float]] = {"uniform": [], "drawn": []}
    clock, processor = [], []
    for seed in seeds:
        scores, probs = pool(n_items, n_classes, seed)
        for kind, found in gaps.items():
            omega = demand(n_classes, seed, kind)
            runs = ours(3, scores, probs, omega, N_PICKS, weight=weight, distance=distance)
            clock += [run[1] for run in runs]
            processor += [run[2] for run in runs]
            found.append(runs[0][0].gap)
    return {
        "largest_gap_uniform": float(f"{max(gaps['uniform']):.3g}"),
        "largest_gap_drawn": float(f"{max(gaps['drawn']):.3g}"),
        "median_seconds": round(statistics.median(clock), 4),
        "fastest_seconds": round(min(clock), 4),
        "median_processor_seconds": round(statistics.median(processor), 4),
    }


def large_child(folder: str, how: str) -> None:
    """Solves the pool saved in a folder, as an array or memory-mapped, and prints seconds and bytes."""
    scores = np.load(Path(folder) / "scores.npy")
    probs = np.load(Path(folder) / "probs.npy", mmap_mode="r" if how == "mapped" else None)
    omega = demand(probs.shape[1], 0, "uniform")
    solve(scores[:20_000], probs[:20_000], omega, N_PICKS, weight=1.0)
    start, peak, done = status("RssAnon"), [0], threading.Event()
    runs = ours(3, scores, probs, omega, N_PICKS, weight=1.0)

    def watch() -> None:
        while not done.wait(0.002):
            peak[0] = max(peak[0], status("RssAnon"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    ours(1, scores, probs, omega, N_PICKS, weight=1.0)
    done.set()
    watcher.join()
    pick = runs[0][0]
    record = {
        "median_seconds": round(statistics.median(t for _, t, _ in runs), 3),
        "median_processor_seconds": round(statistics.median(t for _, _, t in runs), 3),
        "gap": float(f"{pick.gap:.3g}"),
        "megabytes_of_P": round(probs.nbytes / 1e6),
        "peak_megabytes_beside_P": round((peak[0] - start) / 1e6),
        "peak_megabytes_resident": round(status("VmHWM") / 1e6),
    }
    print(json.dumps(record))


def large(n_items: int, n_classes: int) -> dict[str, Any]:
    """Runs the large pool in processes of their own."""
    record: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        scores, probs = pool(n_items, n_classes, 0)
        np.save(Path(folder) / "scores.npy", scores)
        np.save(Path(folder) / "probs.npy", probs)
        del probs
        for how in ("array", "mapped"):
            command = [sys.executable, __file__, "--child", folder, how]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            record[how] = json.loads(done.stdout)
            print(how, record[how], flush=True)
    return record


def default_threads_child(n_items: str, n_classes: str) -> None:
    """Prints seconds of `solve` in a process that has the machine's default number of threads."""
    scores, probs = pool(int(n_items), int(n_classes), 0)
    omega = demand(int(n_classes), 0, "drawn")
    seconds = [t for _, t, _ in ours(16, scores, probs, omega, N_PICKS, weight=1.0)[1:]]
    quartiles = statistics.quantiles(seconds, n=4)
    print(json.dumps({"median_seconds": round(quartiles[1], 4), "quartiles": [round(quartiles[k], 4) for k in (0, 2)]}))


def default_threads(n_items: int, n_classes: int) -> dict[str, Any]:
    """Runs that in a process of its own, as the machine is and beside a busy loop on one core."""
    unset = {k: v for k, v in os.environ.items() if not k.endswith(("_NUM_THREADS", "_CORETYPE"))}
    command = [sys.executable, __file__, "--default-threads", str(n_items), str(n_classes)]
    record: dict[str, Any] = {}
    for name, n_busy in (("as it is", 0), ("beside a busy loop", 1)):
        loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(n_busy)]
        try:
            done = subprocess.run(command, check=True, capture_output=True, text=True, env=unset)
        finally:
            for loop in loops:
                loop.kill()
                loop.wait()
        record[name] = json.loads(done.stdout)
        print(n_items, n_classes, name, record[name], flush=True)
    return record


def main() -> None:
    """Runs it."""
    options = arguments(__doc__)
    quick = options.quick
    seeds = range(1) if quick else range(options.repeats or 3)
    sizes = [(8_000, 10)] if quick else [(45_000, 10), (45_000, 100), (90_000, 200)]
    record: dict[str, Any] = {"picks": N_PICKS, "imbalance": IMBALANCE, "seeds": list(seeds)}
    for items, classes in sizes:
        name = f"{items:,} x {classes}"
        few = seeds[:1] if classes == 200 else seeds
        record[f"weight 1, {name}, LP + rounding"] = against(items, classes, 1.0, seeds=few, rival=relaxation)
    if not quick:
        record["weight 3, 45,000 x 100, LP + rounding"] = against(45_000, 100, 3.0, seeds=seeds[:1], rival=relaxation)
    if installed("ortools"):
        record[f"weight 1, {sizes[0][0]:,} x 10, OR-tools SCIP"] = against(
            sizes[0][0], 10, 1.0, seeds=seeds[:1], rival=scip
        )
    for items, classes in sizes:
        for weight in (0.3, 3.0, 30.0):
            result = alone(items, classes, weight, seeds=seeds)
            record[f"weight {weight:g}, {items:,} x {classes}"] = result
            print(weight, items, classes, result, flush=True)
    for distance in ("l2", "wasserstein"):
        record[f"weight 1, {sizes[0][0]:,} x 10, {distance}"] = alone(
            sizes[0][0], 10, 1.0, seeds=seeds, distance=distance
        )
    for items, classes in sizes[:2]:
        record[f"weight 1, {items:,} x {classes}, default threads"] = default_threads(items, classes)
    record["weight 1, large"] = large(*((100_000, 10) if quick else (1_000_000, 100)))
    write("balance", record, quick=quick)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        large_child(*sys.argv[2:])
    elif sys.argv[1:2] == ["--default-threads"]:
        default_threads_child(*sys.argv[2:])
    else:
        main()
