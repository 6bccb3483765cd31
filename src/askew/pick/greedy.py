"""Greedy picking, one item after the other, with the class balance of Algorithm 2 if asked."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from askew.arrays import (
    Array,
    Floats,
    Indices,
    as_floats,
    as_reals,
    blocks,
    first_few,
    is_number,
    is_whole,
    largest,
    to_numpy,
)
from askew.blocked import sums_and_negatives
from askew.errors import InputError
from askew.kernels.threads import one_blas_thread
from askew.strategies.gains import Gains

SETTLED = 16
"""Picking begins when at most one item in 16 of the front does not know every pick so far."""

FRONT = 1024
"""How many items are kept up to date at a time: those with the largest bounds. More where very many are equal."""

AHEAD = 32
"""How many of the best in the front are settled together where a pick is in doubt: the next picks are among them."""


EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class GreedyBalance:
    """The class-balance penalty of Algorithm 2: λ Σ_c |R_c − P_ic|, where R = Ω − Σ of the P of what was picked.

    Attributes:
        probs: (N, C) class probabilities over the pool, or the expected number of objects of each class in an item;
            finite and ≥ 0 for the candidates.
        demand: (C,) Ω, how many items of each class are wanted, ≥ 0 (Eq. 4.4).
        weight: λ ≥ 0.
        per_class: the penalty of a pick is divided by C, as the authors' code does where the thesis does not.

    Raises:
        InputError: shapes that disagree, a weight or a demand that is negative or not finite.
    """

    probs: Array
    demand: Floats
    weight: float
    per_class: bool = False

    def __post_init__(self) -> None:
        probs, demand = as_floats("probs", self.probs, "NC"), as_reals("demand", self.demand)
        if demand.shape != (probs.shape[1],):
            raise InputError(f"demand: expected shape ({probs.shape[1]},), one a class of probs, got {demand.shape}")
        if not (np.isfinite(demand).all() and (demand >= 0).all()):
            bad = np.flatnonzero(~(np.isfinite(demand) & (demand >= 0)))
            raise InputError(f"demand: {demand[bad[0]]:g} for class {bad[0]}: expected finite numbers from 0")
        if not (is_number(self.weight) and self.weight >= 0):
            raise InputError(f"weight: {self.weight!r}: expected a finite number from 0")
        object.__setattr__(self, "probs", probs)
        object.__setattr__(self, "demand", demand)


def greedy(
    gains: Gains, items: Indices, n: int, rng: np.random.Generator, *, balance: GreedyBalance | None = None
) -> Indices:
    """Picks n items, each time the one whose gain, less its balance penalty, is largest given those before it.

    Algorithm 2 of the thesis: argmin_i −d_i + λ Σ_c |Ω_c − Σ_{j picked} P_jc − P_ic|, with d_i the gain (for k-center
    the Euclidean distance to the nearest labelled or picked item). The picks are those of that definition: scores are
    compared exactly, as far as float64 goes, and equal ones are ordered by `gains.prefer`, and then by a random
    permutation of the items drawn once. Only items whose bound can still win are evaluated.

    A penalty never falls while items are picked: as R_c falls, |R_c − P_ic| − |R_c| rises, for any P_ic ≥ 0. Where
    gains never grow either, a score computed earlier is an upper bound of today's, and the loop works on the `FRONT`
    items with the largest bounds for as long as the best of them is no worse than every bound outside. Bounds lie a
    little above the scores. Where so many items are nearly equal that none of the front beats the bounds outside, the
    next front is twice as large; one that holds every item always picks, so at most log2(K / FRONT) rounds in a row
    pick nothing. Where gains may grow, every front holds every item.

    Args:
        gains: the strategy's gains over the whole pool.
        items: (K,) distinct pool indices, the candidates.
        n: how many, 1 ≤ n ≤ K.
        rng: orders equal scores.
        balance: the class-balance penalty; without it the largest gain is picked.

    Returns:
        (n,) int64 pool indices in the order they were picked.

    Raises:
        InputError: n outside [1, K], or a candidate whose gain is NaN or whose `balance.probs` are negative or not
            finite.
    """
    if not is_whole(n) or not 1 <= n <= len(items):
        raise InputError(f"n: {n!r} items asked, expected from 1 to the {len(items)} that are unlabeled")
    picking = Picking(gains, items, rng.permutation(len(items)), None if balance is None else Penalty(balance, items))
    with one_blas_thread():
        picking.run(n)
    return np.asarray(picking.chosen, dtype=np.int64)


@dataclass
class Picking:
    """A greedy choice under way.

    Attributes:
        gains, items: as for `greedy`.
        keys: (K,) a permutation; of equal scores the one that `gains.prefer` puts first is picked, and of those the
            one with the largest key.
        penalty: of Algorithm 2, or None.
        gained: receives the gain of every pick, as exact as float64 allows, if it is a list.
        chosen: pool indices picked so far.
    """

    gains: Gains
    items: Indices
    keys: Indices
    penalty: Penalty | None = None
    gained: list[float] | None = None
    chosen: list[int] = field(default_factory=list)

    def run(self, n: int) -> None:
        """Picks until n items are chosen."""
        self.keys = _preferred(self.keys, getattr(self.gains, "prefer", None), self.items)
        upper = np.full(len(self.items), np.inf)
        if len(self.gains.start):
            self._pick_from(np.flatnonzero(np.isin(self.items, self.gains.start)), (-np.inf, -1), 1)
            upper[np.isin(self.items, self.chosen)] = -np.inf
        np.minimum(upper, self.gains.upper[self.items], out=upper)
        if len(wrong := self.items[np.isnan(upper)]):
            raise InputError(f"gains: nan for item {wrong[0]}: expected finite numbers")
        least = size = len(self.items) if self.gains.may_grow else FRONT
        while (before := len(self.chosen)) < n:
            front, rest = self._fresh_front(upper, size, n - before)
            self._pick_from(front, rest, n)
            upper[front] = np.minimum(upper[front], self.gains.high)
            size = max(least, size // 2) if len(self.chosen) > before else 2 * size

    def _fresh_front(self, upper: Floats, size: int, more: int) -> tuple[Indices, tuple[float, int]]:
        """Returns what `_front` does, once nearly all of it knows every pick so far; lowers `upper` to get there."""
        cost = 0.0 if self.penalty is None else self.penalty.bounds()
        while True:
            wide = _front(upper - cost, self.keys, size + more)[0]
            stale = wide[~self.gains.fresh(self.items[wide])]
            if len(stale) <= len(wide) // SETTLED:
                return _front(upper - cost, self.keys, size)
            self.gains.refresh(self.items[stale])
            upper[stale] = np.minimum(upper[stale], self.gains.upper[self.items[stale]])

    def _pick_from(self, front: Indices, rest: tuple[float, int], n: int) -> None:
        """Picks from the front while its best (score, key) is above that of everything outside, until n are chosen."""
        gains, penalty = self.gains, self.penalty
        gains.focus(self.items[front])
        if penalty is not None:
            penalty.focus(front)
        while len(self.chosen) < n:
            low, high = gains.low, gains.high
            if penalty is not None:
                cost = penalty.values()
                low, high = low - cost, high - cost + penalty.rounding
            worth = np.flatnonzero(high >= low.max())
            winner = int(worth[0])
            if len(worth) > 1 or not low[winner] > rest[0]:
                gains.settle(np.union1d(worth, largest(high, AHEAD)))
                score = gains.high[worth] - (0.0 if penalty is None else penalty.exact(worth))
                best = np.flatnonzero(score == score.max())
                winner = int(worth[best[np.argmax(self.keys[front[worth[best]]])]])
                if not (float(score.max()), int(self.keys[front[winner]])) > rest:
                    return
            if self.gained is not None:
                gains.settle(np.array([winner]))
                self.gained.append(float(gains.high[winner]))
            gains.pick(winner)
            self.chosen.append(int(self.items[front[winner]]))
            if penalty is not None:
                penalty.pick(winner)


def _preferred(keys: Indices, prefer: Floats | None, items: Indices) -> Indices:
    """Returns keys in the order of `prefer` of the items, and of `keys` where that is equal."""
    if prefer is None:
        return keys
    out = np.empty(len(keys), dtype=np.int64)
    out[np.lexsort((keys, prefer[items]))] = np.arange(len(keys))
    return out


def _front(bound: Floats, keys: Indices, size: int) -> tuple[Indices, tuple[float, int]]:
    """Returns the positions of the `size` largest (bound, key) pairs, and the largest pair outside them.

    A bound of −inf marks an item that is picked: it is in neither.
    """
    left = np.flatnonzero(bound > -np.inf)
    if len(left) <= size:
        return left, (-np.inf, -1)
    border = np.partition(bound[left], len(left) - size)[len(left) - size]
    above, ties = np.flatnonzero(bound > border), np.flatnonzero(bound == border)
    ties = ties[np.argsort(-keys[ties])]
    inside, outside = ties[: size - len(above)], ties[size - len(above) :]
    if not len(outside):
        lower = left[bound[left] < border]
        outside = lower[bound[lower] == bound[lower].max()]
    return np.concatenate([above, inside]), (float(bound[outside[0]]), int(keys[outside].max()))


class Penalty:
    """λ Σ_c (|R_c − P_ic| − |R_c|) for the candidates: what a pick costs, up to a number that is the same for all.

    A class with R_c at least the largest P_ic contributes −P_ic, one with R_c ≤ 0 contributes P_ic: those sums are
    kept. Each class passes from the first to the second kind once, as R only falls; only those between are evaluated
    at every pick. Sums are in float64 and of numbers no larger than P, so their rounding is far below any score.
    """

    def __init__(self, balance: GreedyBalance, items: Indices) -> None:
        probs = to_numpy(balance.probs)
        self._probs = probs if len(items) == len(probs) else probs[items]
        largest_row = 1.01 * float(self._checked_sums(items).max())
        self._left = balance.demand.copy()
        self._weight = balance.weight / (len(balance.demand) if balance.per_class else 1)
        self._cap = self._probs.max(axis=0).astype(np.float64)
        self.rounding = (8 * len(self._left) + 64) * EPS * self._weight * largest_row
        self._summed = np.zeros(len(self._left), dtype=np.int8)
        self._sums = np.zeros(len(items))

    def _checked_sums(self, items: Indices) -> Floats:
        sums, negative = sums_and_negatives(self._probs)
        missing = np.flatnonzero(~np.isfinite(sums))
        if len(missing):
            raise InputError(
                f"probs: {len(missing)} of {len(items)} rows are not finite; first at item {items[missing[0]]}"
            )
        if negative.any():
            raise InputError(
                f"probs: negative at item {first_few(items[negative])}: expected probabilities or counts from 0"
            )
        return sums

    def _signs(self) -> tuple[NDArray[np.int8], Indices]:
        """Returns (C,) −1 for classes far from their demand, 1 for those past it, 0 between, and the last kind."""
        signs = np.where(self._left <= 0, 1, np.where(self._left >= self._cap, -1, 0)).astype(np.int8)
        return signs, np.flatnonzero(signs == 0)

    def bounds(self) -> Floats:
        """Returns (K,) lower bounds of the penalty of every candidate, short of it by no more than `rounding`."""
        signs, between = self._signs()
        turned = np.flatnonzero(signs != self._summed)
        change = (signs - self._summed)[turned].astype(np.float64)
        out = np.empty(len(self._sums))
        for rows in blocks(len(out), self._probs.shape[1] * 8, 1 << 20):
            block = self._probs[rows]
            if len(turned):
                self._sums[rows] += np.einsum("kc,c->k", block[:, turned].astype(np.float64), change)
            out[rows] = self._sums[rows]
            if len(between):
                out[rows] += _cost(block[:, between].astype(np.float64), self._left[between])
        self._summed = signs
        return self._weight * out - self.rounding

    def focus(self, front: Indices) -> None:
        """Keeps the penalty of these candidates up to date from now on."""
        self._front = self._probs[front].astype(np.float64)
        self._kept, self._between_classes = self._signs()
        self._kept_sums = np.einsum("kc,c->k", self._front, self._kept.astype(np.float64))

    def values(self) -> Floats:
        """Returns the penalty of the candidates in focus, within `rounding`."""
        between = self._between_classes
        if not len(between):
            return np.asarray(self._weight * self._kept_sums)
        return np.asarray(self._weight * (self._kept_sums + _cost(self._front[:, between], self._left[between])))

    def exact(self, positions: Indices) -> Floats:
        """Returns the penalty of a few candidates in focus by its definition, so that equal rows have equal ones."""
        return np.asarray(self._weight * _cost(self._front[positions], self._left))

    def pick(self, position: int) -> None:
        """Takes a candidate in focus into the picked set: R falls by its P."""
        self._left -= self._front[position]
        signs, between = self._signs()
        for c in np.flatnonzero(signs != self._kept):
            self._kept_sums += (int(signs[c]) - int(self._kept[c])) * self._front[:, c]
        self._kept, self._between_classes = signs, between


def _cost(probs: Floats, left: Floats) -> Floats:
    """Returns (K,) Σ_c |R_c − P_ic| − |R_c| of (K, C) rows of P ≥ 0: P_ic where R_c ≤ 0, else max(−P_ic, P_ic − 2 R_c).

    So written, neither rounding nor cancellation depends on how large R is, and a sum never falls while R falls.
    """
    return np.asarray(np.where(left <= 0, probs, np.maximum(-probs, probs - 2 * left)).sum(axis=1))
