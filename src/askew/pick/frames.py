"""Scores of frames to frames: neighbours of what is labelled or picked are left out, and videos take their turns."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from askew.arrays import Array, Floats, Indices, Mask, as_floats, as_integers, first_few, to_numpy
from askew.errors import InputError, unknown
from askew.pick.balance import BalancedPick, solve
from askew.seeding import generator

Order = Literal["videos", "global"]


class FrameTable(NamedTuple):
    """Where each of F frames is: its video, its place in it, and whether it may be picked."""

    videos: Indices
    places: Indices
    allowed: Mask
    order: Indices
    """The frames by video, then place."""
    ranks: Indices
    """Where each frame stands in `order`."""


def frame_table(
    videos: Array, *, places: Array | None = None, labeled: Array | None = None, around_labeled: int = 3
) -> FrameTable:
    """Says which frames may be picked: those not labelled and not within `around_labeled` frames of a labelled one.

    Args:
        videos: (F,) integers, the video of each frame.
        places: (F,) integers, the place of each frame in its video; None: frames of a video stand in order.
        labeled: (F,) bool, which frames are labelled; None: none.
        around_labeled: how many frames on either side of a labelled one are left out, >= 0.

    Raises:
        InputError: shapes that do not fit, or two frames in one place.

    >>> frame_table([0] * 6 + [1], labeled=[True] + [False] * 6, around_labeled=2).allowed.tolist()
    [False, False, False, True, True, True, True]
    """
    groups = as_integers("videos", videos)
    where = _places(groups) if places is None else as_integers("places", places)
    known = np.zeros(len(groups), bool) if labeled is None else to_numpy(labeled)
    for name, column in (("places", where), ("labeled", known)):
        if column.shape != groups.shape:
            raise InputError(f"{name}: expected shape ({len(groups)},) as videos, got {column.shape}")
    if known.dtype != bool:
        raise InputError(f"labeled: expected a mask of bool, got dtype {known.dtype}")
    if around_labeled < 0:
        raise InputError(f"around_labeled: expected a number of frames >= 0, got {around_labeled}")
    order = np.lexsort((where, groups))
    same = (groups[order][1:] == groups[order][:-1]) & (where[order][1:] == where[order][:-1])
    if same.any():
        twice = order[1:][same]
        raise InputError(f"places: frames {first_few(twice)} stand where another frame of their video does")
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order))
    table = FrameTable(groups, where, ~known, order, ranks)
    for frame in np.flatnonzero(known):
        table.allowed[_near(table, int(frame), around_labeled)] = False
    return table


def _places(groups: Indices) -> Indices:
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(groups[order]) != 0]) if len(groups) else np.zeros(0, np.int64)
    out = np.empty(len(groups), np.int64)
    sizes = np.diff(np.r_[starts, len(groups)])
    out[order] = np.arange(len(groups)) - np.repeat(starts, sizes)
    return out


def _near(table: FrameTable, frame: int, distance: int) -> Indices:
    """Returns the frames of the same video within so many places, the frame itself included; O(distance)."""
    rank = int(table.ranks[frame])
    around = table.order[max(0, rank - distance) : rank + distance + 1]
    near: Mask = table.videos[around] == table.videos[frame]
    near &= np.abs(table.places[around] - table.places[frame]) <= distance
    found: Indices = around[near]
    return found


def pick_frames(
    scores: Array,
    table: FrameTable,
    n: int,
    *,
    around_picked: int = 5,
    order: Order = "videos",
    seed: int = 0,
) -> Indices:
    """Picks n frames of high score that are no neighbours of labelled frames or of each other, best first.

    "videos" goes round: the best frame of each video, then the second best of each, and so on; a round goes by score.
    "global" goes by score alone. Equal scores stand in random order, so constant scores give Random+R, random frames
    with temporal representativeness (section 2.5.2). The authors' code leaves out 3 frames around labelled ones and 5
    around picked ones, the thesis 3 (ImageNet-VID) or 1 (SYNTHIA-AL) around labelled ones.

    Args:
        scores: (F,) floats, higher = pick first; NaN only where the table does not allow a frame.
        table: where the frames are and which may be picked, from `frame_table`.
        n: how many to pick, >= 1.
        around_picked: how many frames on either side of a picked one are left out, >= 0.
        order: "videos" or "global".
        seed: settles ties.

    Returns:
        (n,) int64 indices of frames.

    Raises:
        InputError: a shape that does not fit, a NaN score, or fewer than n frames that can be picked.

    Cost: O(F log F + n · around_picked).

    >>> table = frame_table([0, 0, 0, 0, 1, 1])
    >>> pick_frames([5.0, 9, 8, 1, 2, 3], table, 3, around_picked=1).tolist()  # 0 and 2 are next to 1
    [1, 5, 3]
    """
    values = _scores(scores, table)
    _whole("n", n, 1)
    _whole("around_picked", around_picked, 0)
    if order not in ("videos", "global"):
        raise unknown("order", order, ["videos", "global"])
    ranked = np.lexsort((generator(seed, "frames").random(len(values)), -values))
    ranked = ranked[table.allowed[ranked]]
    free = table.allowed.copy()
    if order == "global":
        chosen = _take(ranked, n, free, table, around_picked)
    else:
        chosen = _rounds(ranked, n, free, table, around_picked)
    if len(chosen) < n:
        raise InputError(
            f"n: only {len(chosen)} of {len(ranked)} open frames can be picked with around_picked={around_picked}, "
            f"asked for {n}: ask for fewer, or lower around_picked or around_labeled"
        )
    return np.array(chosen, dtype=np.int64)


def _take(ranked: Indices, n: int, free: Mask, table: FrameTable, distance: int) -> list[int]:
    """Takes the first n frames that are still free, making the neighbours of each unfree."""
    chosen: list[int] = []
    for frame in ranked.tolist():
        if len(chosen) == n:
            break
        if free[frame]:
            chosen.append(frame)
            free[_near(table, frame, distance)] = False
    return chosen


def _rounds(ranked: Indices, n: int, free: Mask, table: FrameTable, distance: int) -> list[int]:
    """Takes the best free frame of every video, then the second best, and so on."""
    order = np.argsort(table.videos[ranked], kind="stable")
    groups = table.videos[ranked][order]
    queues = [iter(part.tolist()) for part in np.split(order, np.flatnonzero(np.diff(groups)) + 1)]
    chosen: list[int] = []
    while queues and len(chosen) < n:
        heads = [(next((rank for rank in queue if free[ranked[rank]]), -1), queue) for queue in queues]
        heads = sorted((head for head in heads if head[0] >= 0), key=lambda head: head[0])
        queues = [queue for _, queue in heads]
        best = ranked[[rank for rank, _ in heads]] if heads else ranked[:0]
        chosen += _take(best, n - len(chosen), free, table, distance)
    return chosen


def pick_balanced_frames(
    scores: Array,
    objects: Array,
    demand: Array,
    table: FrameTable,
    n: int,
    *,
    weight: float,
    distance: str = "l1",
    around_picked: int = 5,
    rng: np.random.Generator | None = None,
) -> BalancedPick:
    """Picks n frames of high score whose expected objects fill the demand, none within `around_picked` of another.

    Solves the balanced selection (Eq. 4.8), with P_fc the expected number of objects of class c in frame f. The solver
    knows no neighbours. So its picks are gone through by score: those too near an earlier one are dropped, and the
    frames around those kept are closed. The rest is solved again for what is left of the demand, until there are n. The
    bound returned is that of the
    problem without the rule about neighbours, hence a bound on this one too; the gap includes what the rule costs.

    Args:
        scores: (F,) floats, as in `pick_frames`.
        objects: (F, C) floats >= 0, expected objects of each class in each frame (`video.scores.expected_objects`).
        demand: (C,) objects wanted of each class (`pick.balance.demand`).
        weight: λ >= 0 of the balance.
        distance: "l1", "l2" or "wasserstein".
        rng: draws an order of the frames by which equal ones are settled; None is the order they stand in.

    Raises:
        InputError: see `pick_frames` and `pick.balance.solve`.

    Cost: a few solves of F items.

    >>> table = frame_table([0, 0, 0, 0])
    >>> objects = np.array([[1.0, 0], [1, 0], [1, 0], [0, 1]])
    >>> pick_balanced_frames([0.9, 0.8, 0.7, 0.2], objects, [1, 1], table, 2, weight=1.0, around_picked=1).chosen
    array([0, 3])
    """
    values = _scores(scores, table)
    _whole("n", n, 1)
    _whole("around_picked", around_picked, 0)
    counts, wanted = as_floats("objects", objects, "FC"), np.asarray(to_numpy(demand), dtype=np.float64)
    if len(counts) != len(values):
        raise InputError(f"objects: {len(counts)} rows for {len(values)} frames")
    allowed = np.flatnonzero(table.allowed)
    if n > len(allowed):
        raise InputError(f"n: asked for {n} of {len(allowed)} open frames")
    free, bound, still = table.allowed.copy(), -np.inf, wanted
    chosen: list[int] = []
    while len(chosen) < n:
        left = np.flatnonzero(free)
        if n - len(chosen) > len(left):
            raise InputError(
                f"n: only {len(chosen) + len(left)} frames at most are left with around_picked={around_picked}, asked "
                f"for {n}: ask for fewer, or lower around_picked"
            )
        pick = solve(values[left], counts[left], still, n - len(chosen), weight=weight, distance=distance, rng=rng)
        bound = pick.bound if not chosen else bound
        kept = _take(left[pick.chosen], n - len(chosen), free, table, around_picked)
        chosen += kept
        still = np.maximum(still - counts[kept].sum(axis=0), 0)
    final = np.array(chosen, dtype=np.int64)
    whole = solve(values[final], counts[final], wanted, n, weight=weight, distance=distance)
    gap = (whole.objective - bound) / max(1.0, abs(whole.objective))
    return BalancedPick(final[whole.chosen], whole.objective, min(bound, whole.objective), max(gap, 0.0))


def _scores(scores: Array, table: FrameTable) -> Floats:
    values = to_numpy(as_floats("scores", scores, "F"))
    if len(values) != len(table.videos):
        raise InputError(f"scores: {len(values)} scores for {len(table.videos)} frames")
    bad = np.flatnonzero(np.isnan(values) & table.allowed)
    if len(bad):
        raise InputError(f"scores: NaN at frames {first_few(bad)}")
    return np.where(np.isnan(values), -np.inf, values)


def _whole(name: str, value: int, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(f"{name}: expected a whole number >= {least}, got {value!r}")
