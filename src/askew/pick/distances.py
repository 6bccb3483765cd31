"""How far the classes of a selection are from the demand: the distances of Eq. 4.8, each with its dual set.

Each is a maximum of linear functions, `weight * dist(demand, q) = max over x in the dual set X of value(x) - y(x) . q`.
A point of X gives a lower bound for every selection at once; that is what `askew.pick.climb` climbs, from inside X,
with the logarithmic barrier that each class of this file provides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from askew.arrays import as_floats, to_numpy
from askew.errors import AskewError, InputError, unknown

Float64s = NDArray[np.float64]
KNOWN = ("l1", "l2", "wasserstein")
EPS = float(np.finfo(np.float64).eps)
INWARD = 0.95
"""How much of the way to the edge of the dual set one step may go."""


class Distance(Protocol):
    """What the solver asks of a distance. A point x of its dual set ends in the C numbers that multiply features."""

    @property
    def weight(self) -> float:
        """The lambda of Eq. 4.8."""

    @property
    def n_constraints(self) -> int:
        """The barrier's parameter: at the maximum it costs at most this times its weight."""

    @property
    def reach(self) -> float:
        """An upper bound of any |y_c|."""

    def features(self, rows: Float64s) -> Float64s:
        """Maps rows of P to the coordinates the distance is measured in."""

    def linear(self, demand: Float64s) -> Float64s:
        """The coefficients of x in the dual objective."""

    def start(self) -> Float64s:
        """A point strictly inside the dual set."""

    def multipliers(self, x: Float64s) -> Float64s:
        """The class multipliers y (C,), a linear function of x."""

    def barrier(self, x: Float64s) -> tuple[Float64s, Float64s]:
        """The barrier's gradient and minus its Hessian at x."""

    def barrier_slope(self, x: Float64s, step: Float64s) -> float:
        """The barrier's derivative at x along step."""

    def longest_step(self, x: Float64s, step: Float64s) -> float:
        """The largest t for which x + t * step stays in the dual set."""

    def bent(self, x: Float64s, step: Float64s) -> Float64s:
        """The step bent so that it stays in the dual set, without shortening what of it runs along the edge."""

    def certified(self, x: Float64s, demand: Float64s) -> tuple[Float64s, float, float]:
        """The multipliers y of a point of the set near x, its value(x), and a bound on that value's rounding error."""

    def between(self, demand: Float64s, counts: Float64s) -> float:
        """The distance itself, without the weight."""


@dataclass(frozen=True)
class Box:
    """L1, of class counts or (`cumulative`) of their cumulative sums: dual set |x_c| <= weight."""

    weight: float
    n_classes: int
    cumulative: bool = False

    @property
    def n_constraints(self) -> int:
        return 2 * self.n_classes

    @property
    def reach(self) -> float:
        return self.weight * (self.n_classes if self.cumulative else 1)

    def features(self, rows: Float64s) -> Float64s:
        return np.cumsum(rows, axis=-1) if self.cumulative else rows

    def linear(self, demand: Float64s) -> Float64s:
        return self.features(demand)

    def start(self) -> Float64s:
        return np.zeros(self.n_classes)

    def multipliers(self, x: Float64s) -> Float64s:
        return np.cumsum(x[::-1])[::-1] if self.cumulative else x

    def barrier(self, x: Float64s) -> tuple[Float64s, Float64s]:
        low, high = 1 / (self.weight + x), 1 / (self.weight - x)
        return low - high, np.diag(low * low + high * high)

    def barrier_slope(self, x: Float64s, step: Float64s) -> float:
        return float(step @ (1 / (self.weight + x) - 1 / (self.weight - x)))

    def longest_step(self, x: Float64s, step: Float64s) -> float:
        room = np.where(step > 0, self.weight - x, self.weight + x)
        return _shortest(room, np.abs(step))

    def bent(self, x: Float64s, step: Float64s) -> Float64s:
        return np.clip(step, -INWARD * (self.weight + x), INWARD * (self.weight - x))

    def certified(self, x: Float64s, demand: Float64s) -> tuple[Float64s, float, float]:
        grid = 2.0 ** (
            np.ceil(np.log2(max(self.reach, 1e-300))) - 44
        )  # coarse enough for sums of C of them to be exact
        x = np.trunc(np.clip(x, -self.weight, self.weight) / grid) * grid
        y = self.multipliers(x)
        return y, *_dot(y, demand)

    def norm(self, residual: Float64s) -> Float64s:
        return np.asarray(np.abs(residual).sum(axis=-1))

    def between(self, demand: Float64s, counts: Float64s) -> float:
        return float(self.norm(self.features(demand - counts)))


@dataclass(frozen=True)
class Ball:
    """The Euclidean norm: dual set |x| <= weight."""

    weight: float
    n_classes: int

    @property
    def n_constraints(self) -> int:
        return 2 * self.strength

    @property
    def strength(self) -> int:
        """The barrier's factor: one holds here what 2 C of them hold for a box, and steps must not jam against it."""
        return 10 * self.n_classes

    @property
    def reach(self) -> float:
        return self.weight

    def features(self, rows: Float64s) -> Float64s:
        return rows

    def linear(self, demand: Float64s) -> Float64s:
        return demand

    def start(self) -> Float64s:
        return np.zeros(self.n_classes)

    def multipliers(self, x: Float64s) -> Float64s:
        return x

    def _inside(self, x: Float64s) -> tuple[Float64s, float]:
        """Returns x / weight, and 1 − |x / weight|², which rounding must not make 0 for a point next to the edge."""
        unit = x / self.weight
        length = float(np.linalg.norm(unit))
        return unit, max((1 - length) * (1 + length), EPS)

    def barrier(self, x: Float64s) -> tuple[Float64s, Float64s]:
        unit, room = self._inside(x)
        bend = 2 / room * np.eye(len(x)) + (4 / room**2) * np.outer(unit, unit)
        return -2 * self.strength / room / self.weight * unit, self.strength * bend / self.weight / self.weight

    def barrier_slope(self, x: Float64s, step: Float64s) -> float:
        unit, room = self._inside(x)
        return -2 * self.strength / room * float(unit @ (step / self.weight))

    def longest_step(self, x: Float64s, step: Float64s) -> float:
        unit, speed = x / self.weight, step / self.weight
        a, half_b, c = float(speed @ speed), float(unit @ speed), float(unit @ unit) - 1
        if a == 0 or c >= 0:
            return np.inf if a == 0 else 0.0
        root = math.sqrt(max(half_b**2 - a * c, 0.0))
        return -c / (half_b + root) if half_b > 0 else (root - half_b) / a

    def bent(self, x: Float64s, step: Float64s) -> Float64s:
        length, there = float(np.linalg.norm(x)), float(np.linalg.norm(x + step))
        farthest = length + INWARD * (self.weight - length)
        return step if there <= farthest else (x + step) * (farthest / there) - x

    def certified(self, x: Float64s, demand: Float64s) -> tuple[Float64s, float, float]:
        length = float(np.linalg.norm(x)) * (1 + 4 * len(x) * EPS)
        y = x if length <= self.weight else x * (self.weight / length * (1 - 4 * EPS))
        return y, *_dot(y, demand)

    def norm(self, residual: Float64s) -> Float64s:
        return np.asarray(np.sqrt(np.einsum("...c,...c->...", residual, residual)))

    def between(self, demand: Float64s, counts: Float64s) -> float:
        return float(np.linalg.norm(demand - counts))


@dataclass(frozen=True)
class Transport:
    """Transport with cost `metric[a, b]` from class a of the demand to class b of the selection.

    A unit of demand that is not met, or of selection that was not asked for, costs `metric.max()`.
    Dual set, x = (f, y): f_a - y_b <= weight * metric[a, b], f_a <= weight * top, y_b >= -weight * top.
    """

    weight: float
    metric: Float64s
    top: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "top", float(self.metric.max()))

    @property
    def n_constraints(self) -> int:
        return len(self.metric) * (len(self.metric) + 2)

    @property
    def reach(self) -> float:
        return self.weight * self.top

    def features(self, rows: Float64s) -> Float64s:
        return rows

    def linear(self, demand: Float64s) -> Float64s:
        return np.concatenate([demand, np.zeros(len(demand))])

    def start(self) -> Float64s:
        return np.concatenate([np.full(len(self.metric), -0.1 * self.reach), np.zeros(len(self.metric))])

    def multipliers(self, x: Float64s) -> Float64s:
        return x[len(self.metric) :]

    def _rooms(self, x: Float64s) -> tuple[Float64s, Float64s, Float64s]:
        f, y = np.split(x, 2)
        return self.weight * self.metric - f[:, None] + y, self.reach - f, self.reach + y

    def barrier(self, x: Float64s) -> tuple[Float64s, Float64s]:
        pair, above, below = (1 / room for room in self._rooms(x))
        gradient = np.concatenate([-pair.sum(axis=1) - above, pair.sum(axis=0) + below])
        square = pair * pair
        f_part, y_part = square.sum(axis=1) + above**2, square.sum(axis=0) + below**2
        return gradient, np.block([[np.diag(f_part), -square], [-square.T, np.diag(y_part)]])

    def barrier_slope(self, x: Float64s, step: Float64s) -> float:
        pair, above, below = (1 / room for room in self._rooms(x))
        f, y = np.split(step, 2)
        return float(f @ (-pair.sum(axis=1) - above) + y @ (pair.sum(axis=0) + below))

    def longest_step(self, x: Float64s, step: Float64s) -> float:
        pair, above, below = self._rooms(x)
        f, y = np.split(step, 2)
        return min(_shortest(pair, f[:, None] - y), _shortest(above, f), _shortest(below, -y))

    def bent(self, x: Float64s, step: Float64s) -> Float64s:  # noqa: ARG002
        return step

    def certified(self, x: Float64s, demand: Float64s) -> tuple[Float64s, float, float]:
        y = np.clip(np.split(x, 2)[1], -self.reach, self.reach)
        f = np.minimum(self.reach, (self.weight * self.metric + y).min(axis=1))
        value, error = _dot(f, demand)
        return y, value, error + 4 * EPS * self.reach * float(demand.sum())

    @cached_property
    def rows(self) -> Any:
        """The sparse (2C, C^2 + 2C) constraints of a plan: what leaves each class of the demand, what reaches each.

        Its variables are the plan, row by row, then what is missing of the demand, then what nobody asked for.
        """
        from scipy.sparse import csr_array, hstack, kron, vstack

        n = len(self.metric)
        identity, nothing, ones = csr_array(np.eye(n)), csr_array((n, n)), csr_array(np.ones((1, n)))
        leaves = hstack([kron(identity, ones), identity, nothing])
        reaches = hstack([kron(ones, identity), nothing, identity])
        return vstack([leaves, reaches], format="csr")

    def plan(self, demand: Float64s, counts: Float64s) -> tuple[float, Float64s]:
        """Returns the distance and the multipliers `y` of a linear function below it that touches it at `counts`."""
        from scipy.optimize import linprog  # here and not above: it is half of the time that `import askew` takes

        costs = np.concatenate([self.metric.ravel(), np.full(2 * len(demand), self.top)])
        scale = max(1.0, float(demand.max()), float(counts.max()))
        masses = np.concatenate([demand, counts]) / scale
        exactly = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
        result = linprog(costs, A_eq=self.rows, b_eq=masses, method="highs-ds", options=exactly)
        if result.status != 0:
            raise AskewError(f"ground_metric: HiGHS could not compute the transport distance: {result.message}")
        return float(result.fun) * scale, -np.asarray(result.eqlin.marginals)[len(demand) :]

    def between(self, demand: Float64s, counts: Float64s) -> float:
        return self.plan(demand, counts)[0]


def named(distance: str, weight: float, n_classes: int, ground_metric: Any = None) -> Box | Ball | Transport:
    """Returns the distance of that name: "l1", "l2" or "wasserstein", with a ground metric or over ordered classes.

    Raises:
        InputError: no such distance, or a ground metric that is not a (C, C) array of costs >= 0 with a zero diagonal.
    """
    if not isinstance(distance, str) or distance not in KNOWN:
        raise unknown("distance", distance, KNOWN)
    if ground_metric is not None:
        if distance != "wasserstein":
            raise InputError(f"ground_metric: is for distance='wasserstein', not for {distance!r}")
        metric = np.asarray(to_numpy(as_floats("ground_metric", ground_metric, "CC")), dtype=np.float64)
        if metric.shape != (n_classes, n_classes):
            raise InputError(f"ground_metric: expected shape {(n_classes, n_classes)}, got {metric.shape}")
        if not np.isfinite(metric).all() or metric.min() < 0 or np.diag(metric).any():
            raise InputError("ground_metric: expected finite costs >= 0 with zeros on the diagonal")
        return Transport(weight, metric)
    if distance == "l2":
        return Ball(weight, n_classes)
    return Box(weight, n_classes, cumulative=distance == "wasserstein")


def _shortest(room: Float64s, speed: Float64s) -> float:
    moving = speed > 0
    return float((room[moving] / speed[moving]).min()) if moving.any() else np.inf


def _dot(y: Float64s, demand: Float64s) -> tuple[float, float]:
    return float(y @ demand), (len(y) + 2) * EPS * float(np.abs(y) @ demand)
