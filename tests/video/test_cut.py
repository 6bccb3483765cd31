"""The cut with costs of every size, against all labellings counted in exact fractions, and against a linear program."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.sparse import coo_array

from askew.errors import InputError
from askew.video.cut import energy_of, minimum_cut

COSTS = {
    "small": lambda rng, n: rng.integers(0, 4, n).astype(float),
    "mixed": lambda rng, n: np.round(10.0 ** rng.uniform(-4, 8, n), 3),
    "powers of ten": lambda rng, n: rng.integers(0, 4, n) * 10.0 ** rng.integers(0, 9, n),
    "tiny and huge": lambda rng, n: rng.choice([0, 1e-3, 1, 1e9], n),
    "beyond 32 bits": lambda rng, n: rng.choice([0, 1, 2, 1e6, 2.0**31, 2.0**33], n),
    "any": lambda rng, n: rng.uniform(0, 2, n),
}
WEIGHTS = (0.0, 0.3, 1.0, 1.7, 1e5, 1e9, 1e15, 1e300)


def exact(values):
    return [Fraction(str(float(value))) for value in values]


@pytest.mark.parametrize("kind", COSTS)
@pytest.mark.parametrize("seed", range(40))
def test_the_optimum_is_exact_whatever_the_costs(kind, seed):
    """Every labelling's energy in fractions: the least one is found, and ties go the way they are told to."""
    rng = np.random.default_rng(seed)
    n_nodes = int(rng.integers(1, 8))
    if_absent, if_present = COSTS[kind](rng, n_nodes), COSTS[kind](rng, n_nodes)
    edges = rng.integers(0, n_nodes, (int(rng.integers(0, 15)), 2))
    weight = float(rng.choice([*WEIGHTS, rng.uniform(0, 2)]))
    absent, present, broken = exact(if_absent), exact(if_present), exact([weight])[0]
    energies = {
        labels: sum(p if label else a for label, a, p in zip(labels, absent, present, strict=True))
        + broken * sum(labels[one] != labels[two] for one, two in edges)
        for labels in product([False, True], repeat=n_nodes)
    }
    best = [labels for labels, energy in energies.items() if energy == min(energies.values())]
    for ties, extreme in (("absent", all), ("present", any)):
        cut = minimum_cut(if_absent, if_present, edges, weight=weight, ties=ties)
        assert cut.present.tolist() == [extreme(labels[node] for labels in best) for node in range(n_nodes)]


@pytest.mark.parametrize("seed", range(5))
def test_a_graph_of_costs_far_beyond_32_bits_against_a_linear_program(seed):
    """The relaxation of the cut is tight: minimise Σ (p - a) x + weight Σ d, d >= |x_u - x_v|, 0 <= x <= 1."""
    rng = np.random.default_rng(seed)
    n_nodes, n_edges, weight = 80, 240, float(10.0 ** rng.uniform(3, 9))
    if_absent, if_present = (np.round(10.0 ** rng.uniform(0, 10, n_nodes), 2) for _ in range(2))
    edges = rng.integers(0, n_nodes, (n_edges, 2))
    rows, ones = np.arange(n_edges), np.ones(n_edges)
    step = coo_array((ones, (rows, edges[:, 0])), shape=(n_edges, n_nodes)) - coo_array(
        (ones, (rows, edges[:, 1])), shape=(n_edges, n_nodes)
    )
    step = step.toarray()
    least = linprog(
        np.r_[(if_present - if_absent) / weight, ones],
        A_ub=np.block([[step, -np.eye(n_edges)], [-step, -np.eye(n_edges)]]),
        b_ub=np.zeros(2 * n_edges),
        bounds=(0, 1),
    )
    cut = minimum_cut(if_absent, if_present, edges, weight=weight)
    assert cut.energy == pytest.approx(least.fun * weight + if_absent.sum(), rel=1e-7)
    assert cut.energy == energy_of(cut.present, if_absent, if_present, edges, weight)


def test_costs_whose_sum_is_no_number_are_refused():
    huge = np.array([1e308, 1e308])
    with pytest.raises(InputError, match="their sum must be finite; 2 nodes with costs up to 1e"):
        minimum_cut(huge, huge, np.zeros((0, 2), np.int64))
