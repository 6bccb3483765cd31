"""The globally optimal labelling of a graph whose nodes are present or absent: one s-t minimum cut."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

from askew.arrays import Mask
from askew.errors import InputError, unknown

Ties = Literal["absent", "present"]

DECIMALS = 9
"""Costs of up to so many decimals are scaled to integers exactly."""

ROUND_BITS = 29
"""One flow of SciPy's has 32-bit integers, and a residual may reach twice a capacity: so many bits go into a round."""


class Cut(NamedTuple):
    """A labelling of least energy: `present` (N,) bool and its `energy`."""

    present: Mask
    energy: float


def energy_of(
    present: Mask,
    if_absent: NDArray[np.float64],
    if_present: NDArray[np.float64],
    edges: NDArray[np.integer[Any]],
    weight: float,
) -> float:
    """Returns E = Σ_v unary(v) + weight · (number of edges whose ends differ), Eq. 2.1 with a Potts ψ (Eq. 2.4).

    >>> present = np.array([True, False, True])
    >>> energy_of(present, np.ones(3), np.zeros(3), np.array([[0, 1], [1, 2], [0, 2]]), 0.5)
    2.0
    """
    unary = np.where(present, if_present, if_absent).sum()
    broken = np.count_nonzero(present[edges[:, 0]] != present[edges[:, 1]])
    return float(unary + weight * broken)


def minimum_cut(
    if_absent: NDArray[np.float64],
    if_present: NDArray[np.float64],
    edges: NDArray[np.integer[Any]],
    *,
    weight: float = 1.0,
    ties: Ties = "absent",
) -> Cut:
    """Labels every node present or absent at the least total energy, which one maximum flow gives exactly.

    E(x) = Σ_v (if_present[v] if x_v else if_absent[v]) + weight · Σ_(u,v) [x_u ≠ x_v] is submodular for weight >= 0:
    a minimum s-t cut is its global minimum (Eq. 2.1-2.4). Several labellings may be optimal, and their present sets
    form a lattice: `ties` takes its least set ("absent", what PyMaxflow's default gives the authors) or its greatest.

    The flow has integer capacities. Costs of up to nine decimals are multiplied by a power of ten, and the optimum is
    exact; others, and those whose multiples would not fit 62 bits, are rounded to the nearest multiple of
    (E + 2) · 2^-61 of their sum or less, and the labelling is within that a node and edge of the optimum. What does not
    fit SciPy's 32 bits is solved in rounds, high bits first (Gabow, 1985). The energy returned is always that of the
    labelling under the costs given.

    Args:
        if_absent, if_present: (N,) costs, finite and >= 0.
        edges: (E, 2) integers, pairs of nodes; a pair given twice counts twice.
        weight: the cost of an edge whose ends differ, finite and >= 0.
        ties: which optimal labelling to return.

    Raises:
        InputError: a cost, their sum or the weight is negative or not finite, or `ties` is unknown.

    Cost: in practice nearly linear in N + E; about 60 bytes an edge, twice that where rounds are needed.

    >>> edges = np.array([[0, 1], [0, 2], [0, 3]])
    >>> cut = minimum_cut(np.array([1.0, 0, 0, 0]), np.array([0.0, 1, 1, 1]), edges)  # one detection, three candidates
    >>> cut.present.tolist(), cut.energy
    ([False, False, False, False], 1.0)
    """
    if ties not in ("absent", "present"):
        raise unknown("ties", ties, ["absent", "present"])
    _check_cost("if_absent", if_absent)
    _check_cost("if_present", if_present)
    _check_cost("weight", np.array([weight]))
    n_nodes = len(if_absent)
    if n_nodes == 0:
        return Cut(np.zeros(0, bool), 0.0)
    unary, capacity = _integers(if_absent, if_present, weight, len(edges))
    cut_off = _leaves(edges, n_nodes)
    leaf, stem = edges[cut_off.edges, cut_off.sides], edges[cut_off.edges, 1 - cut_off.sides]
    wish = np.clip(unary[leaf], -capacity, capacity)
    core = unary.copy()
    np.add.at(core, stem, wish)
    core[leaf] = 0
    rest = np.delete(edges, cut_off.edges, axis=0)
    present = _present_side(_network(core, rest, capacity), ties)
    lean = unary[leaf] + np.where(present[stem], capacity, -capacity)
    present[leaf] = lean >= 0 if ties == "present" else lean > 0
    return Cut(present, energy_of(present, if_absent, if_present, edges, weight))


class Leaves(NamedTuple):
    """Edges one of whose ends has no other edge, and which end (0 or 1) that is."""

    edges: NDArray[np.int64]
    sides: NDArray[np.int64]


def _leaves(edges: NDArray[np.integer[Any]], n_nodes: int) -> Leaves:
    """Finds the leaves of a graph, one of the two where an edge stands alone.

    A leaf follows its neighbour unless its own wish is stronger than the edge, so all it does to the rest is to add
    that wish, at most the edge's weight, to its neighbour's. Most candidates are leaves: the flow need not see them.
    """
    degree = np.bincount(edges.ravel(), minlength=n_nodes)
    ends = degree[edges] == 1
    ends[:, 0] &= ~ends[:, 1]
    ends &= edges[:, :1] != edges[:, 1:]
    found = np.flatnonzero(ends.any(axis=1))
    return Leaves(found, ends[found, 1].astype(np.int64))


def _check_cost(name: str, values: NDArray[np.float64]) -> None:
    bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if len(bad):
        raise InputError(f"{name}: costs must be finite and >= 0, got {values[bad[0]]} ({len(bad)} of {len(values)})")


def _integers(
    if_absent: NDArray[np.float64], if_present: NDArray[np.float64], weight: float, n_edges: int
) -> tuple[NDArray[np.int64], int]:
    """Returns the unaries and the edge weight as integers of one scale; a weight above all unaries is infinite.

    All edges together, even if they join the same two nodes, stay below 2^62.
    """
    with np.errstate(over="ignore"):
        total = float(if_absent.sum() + if_present.sum())
    if not np.isfinite(total):
        largest = max(if_absent.max(), if_present.max())
        raise InputError(f"costs: their sum must be finite; {len(if_absent)} nodes with costs up to {largest:g}")
    scale = _scale(np.concatenate([if_absent, if_present, [min(weight, total + 1)]]), total, (1 << 61) // (n_edges + 2))
    unary = np.rint(if_absent * scale).astype(np.int64) - np.rint(if_present * scale).astype(np.int64)
    ceiling = int(np.abs(unary).sum()) + 1
    return unary, min(round(min(weight, total + 1) * scale), ceiling)


def _scale(costs: NDArray[np.float64], total: float, limit: int) -> float:
    """Returns the power of ten that makes all costs whole, or else the largest power of two at which all fit."""
    room = limit / max(total, 1.0)
    for scale in (10.0**decimals for decimals in range(DECIMALS + 1)):
        if scale > room:
            break
        if np.array_equal(np.rint(costs * scale) / scale, costs):
            return scale
    return float(2.0 ** np.floor(np.log2(room)))


def _network(unary: NDArray[np.int64], edges: NDArray[np.integer[Any]], capacity: int) -> csr_array:
    """Builds the flow network: source N feeds what is better absent, sink N + 1 drains what is better present.

    It runs this way round because errors are fewer than detections: the flow starts at few nodes and finds room near
    them, far sooner than from the many. Every arc has its reverse, if only one of capacity 0. Capacities of edges
    that join the same nodes add up, so their type has room for the sum of all.
    """
    n_nodes = len(unary)
    most = capacity * len(edges) + int(np.abs(unary).sum())
    kind = np.int32 if most < 1 << ROUND_BITS else np.int64
    source, sink = n_nodes, n_nodes + 1
    wants, refuses = (np.flatnonzero(side).astype(np.int32) for side in (unary > 0, unary < 0))
    one = np.concatenate([edges[:, 0].astype(np.int32), np.full(len(refuses), source, np.int32), wants])
    two = np.concatenate([edges[:, 1].astype(np.int32), refuses, np.full(len(wants), sink, np.int32)])
    there = np.concatenate([np.full(len(edges), capacity), -unary[refuses], unary[wants]]).astype(kind)
    back = there.copy()
    back[len(edges) :] = 0
    arcs = (np.concatenate([there, back]), (np.concatenate([one, two]), np.concatenate([two, one])))
    return coo_array(arcs, shape=(n_nodes + 2, n_nodes + 2)).tocsr()


def _present_side(graph: csr_array, ties: Ties) -> Mask:
    """Solves the flow and returns the (N,) labelling: present is what can still reach the sink, or all but what the
    source still reaches; between the two lies everything that may be either.
    """
    source, sink = graph.shape[0] - 2, graph.shape[0] - 1
    flow = _flow(graph, source, sink)
    residual = csr_array((graph.data > flow, graph.indices, graph.indptr), shape=graph.shape)
    residual.eliminate_zeros()
    found = np.zeros(graph.shape[0], dtype=bool)
    if ties == "absent":
        found[breadth_first_order(residual.T.tocsr(), sink, return_predecessors=False)] = True
        return found[:source]
    found[breadth_first_order(residual, source, return_predecessors=False)] = True
    return ~found[:source]


def _flow(graph: csr_array, source: int, sink: int) -> NDArray[np.integer[Any]]:
    """Returns a maximum flow, arc by arc, in rounds of the highest bits that are left.

    A round saturates some cut in units of 2^shift, so less than that an arc may still flow after it. An arc never needs
    room for more than all that may flow.
    """
    if graph.dtype == np.int32:
        return np.asarray(maximum_flow(graph, source, sink).flow.data)
    flow = np.zeros(len(graph.data), np.int64)
    left = int(graph.data[graph.indptr[source] : graph.indptr[source + 1]].sum())
    while True:
        shift = max(0, left.bit_length() - ROUND_BITS)
        room = np.minimum((graph.data - flow) >> shift, 1 << ROUND_BITS).astype(np.int32)
        arcs = csr_array((room, graph.indices, graph.indptr), shape=graph.shape)
        flow += maximum_flow(arcs, source, sink).flow.data.astype(np.int64) << shift
        if shift == 0:
            return flow
        left = len(flow) << shift
