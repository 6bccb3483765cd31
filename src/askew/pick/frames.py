"""Scores of frames to frames: neighbours of what is labelled or picked are left out, and videos take their turns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from askew.arrays import Array, Floats, Indices, Mask, as_floats, as_integers, first_few, to_numpy
from askew.errors import InputError, unknown
from askew.pick.balance import BalancedPick, solve
from askew.pick.packing import Line, heaviest
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

    Best first may close more frames than it must, and run out before n though n fit. Then, and only then, those n are
    picked whose scores have the highest sum (`askew.pick.packing`), with "videos" among the selections whose numbers of
    frames a video are as equal as the videos have room for.

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
        InputError: a shape that does not fit, a NaN score, or n frames do not fit; or they do, but best first does not
            find them and a score is infinite.

    Cost: O(F log F + n · around_picked); where frames are packed, O(F · n) steps and bits of the fullest video.

    >>> table = frame_table([0, 0, 0, 0, 1, 1])
    >>> pick_frames([5.0, 9, 8, 1, 2, 3], table, 3, around_picked=1).tolist()  # 0 and 2 are next to 1
    [1, 5, 3]
    >>> pick_frames([5.0, 9, 8, 1], frame_table([0] * 4), 2, around_picked=1).tolist()  # after 1 only 3 is open
    [1, 3]
    >>> pick_frames([5.0, 9, 8], frame_table([0] * 3), 2, around_picked=1).tolist()  # after 1 nothing is, so not 1
    [2, 0]
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
        return _packed(values, table, n, around_picked, order, seed)
    return np.array(chosen, dtype=np.int64)


def _packed(values: Floats, table: FrameTable, n: int, around_picked: int, order: Order, seed: int) -> Indices:
    """Returns n frames where taking the best first closes too many: those of the highest sum, best first."""
    rows = _open_of_videos(table, table.allowed)
    lines = [Line(table.places[row], values[row], around_picked) for row in rows]
    room = sum(line.room for line in lines)
    if room < n:
        raise _too_many(n, room, table, around_picked)
    if not np.isfinite(values[table.allowed]).all():
        raise InputError(f"scores: must be finite where frames are packed, and {n} of {room} that fit are asked for")
    taken = heaviest(lines, n, generator(seed, "packing"), even=order == "videos")
    picks = [row[places] for row, places in zip(rows, taken, strict=True)]
    if order == "videos":
        turns = [np.argsort(np.argsort(-values[picked], kind="stable"), kind="stable") for picked in picks]
    else:
        turns = [np.zeros(len(picked), np.int64) for picked in picks]
    chosen = np.concatenate(picks)
    return np.asarray(chosen[np.lexsort((-values[chosen], np.concatenate(turns)))], dtype=np.int64)


def _open_of_videos(table: FrameTable, free: Mask) -> list[Indices]:
    """Returns the free frames of each video that has any, in order."""
    frames = table.order[free[table.order]]
    parts = np.split(frames, np.flatnonzero(np.diff(table.videos[frames])) + 1)
    return [part for part in parts if len(part)]


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
    frames around those kept are closed. The rest is solved again for what is left of the demand, until there are n.
    Where that runs out before n though n fit, it is done again without the frames that would leave too little room. The
    bound returned is that of the problem without the rule about neighbours, hence a bound on this one too; the gap
    includes what the rule costs.

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
    n_open = int(table.allowed.sum())
    if n > n_open:
        raise InputError(f"n: asked for {n} of {n_open} open frames")
    room = _room(table, table.allowed, around_picked)
    if n > room:
        raise _too_many(n, room, table, around_picked)

    def best(left: Indices, count: int, still: Floats) -> BalancedPick:
        return solve(values[left], counts[left], still, count, weight=weight, distance=distance, rng=rng)

    chosen, bound = _in_turns(best, counts, wanted, table, n, around_picked, guarded=False)
    if len(chosen) < n:
        chosen, bound = _in_turns(best, counts, wanted, table, n, around_picked, guarded=True)
    final = np.array(chosen, dtype=np.int64)
    whole = solve(values[final], counts[final], wanted, n, weight=weight, distance=distance)
    gap = (whole.objective - bound) / max(1.0, abs(whole.objective))
    return BalancedPick(final[whole.chosen], whole.objective, min(bound, whole.objective), max(gap, 0.0))


def _in_turns(
    best: Callable[[Indices, int, Floats], BalancedPick],
    counts: Floats,
    wanted: Floats,
    table: FrameTable,
    n: int,
    distance: int,
    *,
    guarded: bool,
) -> tuple[list[int], float]:
    """Returns n frames solved for, thinned and solved for again, and the bound of the first; fewer if they run out.

    Args:
        guarded: also leave out frames that would close too many others for n to fit.
    """
    free, bound, still = table.allowed.copy(), -np.inf, wanted
    chosen: list[int] = []
    while len(chosen) < n:
        left = np.flatnonzero(free)
        if n - len(chosen) > len(left):
            break
        pick = best(left, n - len(chosen), still)
        bound = pick.bound if not chosen else bound
        take = _take_guarded if guarded else _take
        kept = take(left[pick.chosen], n - len(chosen), free, table, distance)
        chosen += kept
        still = np.maximum(still - counts[kept].sum(axis=0), 0)
    return chosen, bound


def _take_guarded(ranked: Indices, n: int, free: Mask, table: FrameTable, distance: int) -> list[int]:
    """Takes free frames as `_take` does, but none that leaves no room for the rest of the n; those are closed."""
    chosen: list[int] = []
    for frame in ranked.tolist():
        if not free[frame]:
            continue
        after = free.copy()
        after[_near(table, frame, distance)] = False
        if 1 + len(chosen) + _room(table, after, distance) < n:
            free[frame] = False
            continue
        chosen.append(frame)
        free[:] = after
    return chosen


def _room(table: FrameTable, free: Mask, distance: int) -> int:
    """Returns how many of the free frames can be taken at most."""
    return sum(Line(table.places[part], np.zeros(len(part)), distance).room for part in _open_of_videos(table, free))


def _too_many(n: int, room: int, table: FrameTable, distance: int) -> InputError:
    return InputError(
        f"n: only {room} of {int(table.allowed.sum())} open frames can be picked with around_picked={distance}, "
        f"asked for {n}: ask for fewer, or lower around_picked or around_labeled"
    )


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
