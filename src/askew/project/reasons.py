"""Why an item is asked, in a few words that a person reads beside the picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Floats, Indices
from askew.plan import Plan

TEST = "drawn at random, to measure the model"
RANDOM = "drawn at random"

BLOCK = 4_096
"""Rows that are compared at a time."""


def of_covering(covers: int) -> str:
    """Returns the reason of an item that stands for others.

    >>> of_covering(41), of_covering(1)
    ('covers 41 pictures like it', 'covers 1 picture like it')
    """
    return f"covers {covers:,} {'picture' if covers == 1 else 'pictures'} like it"


def of_doubt(plan: Plan, row: Floats, classes: Sequence[str]) -> str:
    """Returns what a model's doubt about an item is, in the terms of the strategy that asked.

    Args:
        plan: what was asked for.
        row: (C,) probabilities of the item.
        classes: C names.

    >>> of_doubt(Plan("margin"), np.array([0.5, 0.47, 0.03]), ["gull", "tern", "heron"])
    'margin 0.03 between gull and tern'
    """
    order = np.argsort(-row, kind="stable")
    first, second = (classes[c] for c in order[:2])
    p, q = float(row[order[0]]), float(row[order[1]])
    name = plan.strategy.name
    if name == "entropy":
        logs = np.log(row, out=np.zeros_like(row), where=row > 0)
        return f"entropy {max(0.0, -float((row * logs).sum())):.2f}: {first} {p:.0%}, {second} {q:.0%}"
    if name == "least_confidence":
        return f"only {p:.0%} sure of {first}"
    return f"margin {p - q:.2f} between {first} and {second}"


def words(
    plan: Plan, chosen: Indices, probs: Floats | None, covers: Indices | None, counts: Indices, classes: Sequence[str]
) -> list[str]:
    """Returns the reason of each chosen item.

    Args:
        plan: what was asked for.
        chosen: (n,) rows of the arrays.
        probs: (N, C), or None before there is a model.
        covers: (n,) how many items each stands for, for strategies that look at features; else None.
        counts: (C,) labels so far of each class.
        classes: C names.
    """
    strategy = plan.strategy
    out = []
    for place, row in enumerate(chosen.tolist()):
        parts = []
        if strategy.name == "random":
            parts.append(RANDOM)
        if covers is not None:
            parts.append(of_covering(int(covers[place])))
        if probs is not None and "probs" in strategy.needs and len(classes) > 1:
            parts.append(of_doubt(plan, probs[row], classes))
        if not parts:
            parts.append(f"picked by {strategy.name}")
        if plan.balance is not None and probs is not None:
            guess = int(probs[row].argmax())
            if counts[guess] < counts.mean():
                parts.append(f"{classes[guess]} has {counts[guess]} labels only")
        out.append("; ".join(parts))
    return out


def covered(features: Floats, chosen: Indices, others: NDArray[np.bool_]) -> Indices:
    """Returns (n,) how many other items have each chosen one as the nearest of the chosen, by the angle of features.

    Args:
        features: (N, D).
        chosen: (n,) rows of them.
        others: (N,) which items count.

    >>> x = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.8, 0.1]])
    >>> covered(x, np.array([0, 2]), np.array([False, True, False, True]))
    array([2, 0])
    """
    picked = _at_length_one(features[chosen])
    rows = np.flatnonzero(others)
    counts = np.zeros(len(chosen), dtype=np.int64)
    for start in range(0, len(rows), BLOCK):
        near = (_at_length_one(features[rows[start : start + BLOCK]]) @ picked.T).argmax(axis=1)
        counts += np.bincount(near, minlength=len(chosen))
    return counts


def _at_length_one(rows: Floats) -> Floats:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(norms > 0, norms, 1))
