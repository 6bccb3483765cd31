from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from askew.errors import InputError
from askew.pick.balance import demand
from askew.pick.frames import frame_table, pick_balanced_frames, pick_frames


def slow_pick(scores, videos, places, labeled, n, around_labeled, around_picked, order):
    """The rule, said plainly; scores are distinct."""
    chosen = []

    def free(f):
        near_label = any(
            labeled[g] and videos[g] == videos[f] and abs(places[g] - places[f]) <= around_labeled
            for g in range(len(scores))
        )
        near_pick = any(videos[g] == videos[f] and abs(places[g] - places[f]) <= around_picked for g in chosen)
        return not near_label and not near_pick

    while len(chosen) < n:
        best = sorted(range(len(scores)), key=lambda f: -scores[f])
        if order == "global":
            f = next((f for f in best if free(f)), None)
            if f is None:
                return chosen
            chosen.append(f)
            continue
        heads = {}
        for f in best:
            if free(f):
                heads.setdefault(videos[f], f)
        if not heads:
            return chosen
        for f in sorted(heads.values(), key=lambda f: -scores[f])[: n - len(chosen)]:
            chosen.append(f)
    return chosen


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["videos", "global"]))
def test_picks_are_those_of_the_rule_said_plainly(seed, order):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(4, 30))
    videos = rng.integers(0, 4, size)
    places = np.zeros(size, np.int64)
    for video in range(4):
        mine = videos == video
        places[mine] = rng.choice(60, mine.sum(), replace=False)
    scores, labeled = rng.permutation(size).astype(float), rng.random(size) < 0.1
    around_labeled, around_picked = int(rng.integers(0, 4)), int(rng.integers(0, 6))
    table = frame_table(videos, places=places, labeled=labeled, around_labeled=around_labeled)
    want = slow_pick(scores, videos, places, labeled, size, around_labeled, around_picked, order)
    for n in range(1, len(want) + 1):
        want_n = slow_pick(scores, videos, places, labeled, n, around_labeled, around_picked, order)
        got = pick_frames(scores, table, n, around_picked=around_picked, order=order)
        assert got.tolist() == want_n


def every_selection(videos, places, allowed, n, around_picked):
    """All sets of n allowed frames that keep apart."""
    for rows in combinations(np.flatnonzero(allowed).tolist(), n):
        if all(videos[a] != videos[b] or abs(places[a] - places[b]) > around_picked for a, b in combinations(rows, 2)):
            yield rows


@pytest.mark.parametrize("order", ["videos", "global"])
@pytest.mark.parametrize("seed", range(40))
def test_what_fits_is_picked_and_where_best_first_runs_out_no_sum_is_higher(seed, order):
    """Against all selections: as many fit as are picked at most, as even over videos as can be, with the best sum."""
    rng = np.random.default_rng(seed)
    size, around = int(rng.integers(3, 15)), int(rng.integers(1, 5))
    videos = np.sort(rng.integers(0, 3, size))
    places = np.concatenate([np.sort(rng.choice(14, (videos == v).sum(), replace=False)) for v in range(3)])
    shuffled = rng.permutation(size)
    videos, places = videos[shuffled], places[shuffled]
    scores = rng.integers(0, 4, size).astype(float) if seed % 2 else rng.normal(0, 1, size)
    table = frame_table(videos, places=places, labeled=rng.random(size) < 0.1, around_labeled=1)
    room = 0
    for n in range(1, size + 1):
        every = list(every_selection(videos, places, table.allowed, n, around))
        if not every:
            break
        room = n
        got = pick_frames(scores, table, n, around_picked=around, order=order, seed=seed)
        assert tuple(sorted(got.tolist())) in set(every)
        if len(slow_pick(scores + 1e-9 * np.arange(size), videos, places, ~table.allowed, n, 0, around, order)) == n:
            continue
        if order == "videos":
            counts = {rows: sorted(np.bincount(videos[list(rows)], minlength=3).tolist()) for rows in every}
            every = [rows for rows in every if counts[rows] == max(counts.values())]
        assert scores[got].sum() == pytest.approx(max(scores[list(rows)].sum() for rows in every), abs=1e-9)
        if order == "global":
            assert (np.diff(scores[got]) <= 0).all()
        else:
            turns = [int((videos[got[:i]] == videos[got[i]]).sum()) for i in range(n)]
            assert turns == sorted(turns)
    if table.allowed.any():
        with pytest.raises(InputError, match=f"n: only {room} of {int(table.allowed.sum())} open frames"):
            pick_frames(scores, table, room + 1, around_picked=around, order=order)


def test_all_twelve_frames_that_fit_into_seventy_one_are_picked():
    table, scores = frame_table([0] * 71), np.random.default_rng(0).random(71)
    for n in range(1, 13):
        chosen = np.sort(pick_frames(scores, table, n))
        assert (np.diff(chosen) > 5).all()
        assert len(chosen) == n
    assert len(slow_pick(scores, [0] * 71, list(range(71)), [False] * 71, 12, 0, 5, "global")) < 12
    with pytest.raises(InputError, match="n: only 12 of 71 open frames can be picked with around_picked=5, asked for"):
        pick_frames(scores, table, 13)


def test_frames_that_are_packed_are_a_fair_draw_among_equals():
    found = {
        tuple(sorted(pick_frames(np.zeros(8), frame_table([0] * 8), 3, around_picked=2, seed=s).tolist()))
        for s in range(200)
    }
    assert found == {(0, 3, 6), (0, 3, 7), (0, 4, 7), (1, 4, 7)}


@pytest.mark.parametrize("seed", range(10))
def test_balanced_picks_of_all_that_fits(seed):
    rng = np.random.default_rng(seed)
    videos, places = np.repeat([0, 1], 8), np.tile(np.arange(8), 2)
    scores, objects = rng.random(16), rng.integers(0, 3, (16, 2)).astype(float)
    table, around = frame_table(videos, labeled=np.arange(16) == seed, around_labeled=0), 2
    room = max(n for n in range(1, 8) if any(every_selection(videos, places, table.allowed, n, around)))
    wanted = demand([4, 0], room)
    pick = pick_balanced_frames(scores, objects, wanted, table, room, weight=0.7, around_picked=around)
    every = list(every_selection(videos, places, table.allowed, room, around))
    assert tuple(sorted(pick.chosen.tolist())) in set(every)
    least = min(-scores[list(r)].sum() + 0.7 * np.abs(wanted - objects[list(r)].sum(axis=0)).sum() for r in every)
    assert pick.bound <= least + 1e-9 <= pick.objective + 2e-9
    with pytest.raises(InputError, match=f"n: only {room} of 15 open frames"):
        pick_balanced_frames(scores, objects, wanted, table, room + 1, weight=0.7, around_picked=around)


def test_infinite_scores_have_no_best_sum():
    scores = np.array([0, np.inf, 0])
    assert pick_frames(scores, frame_table([0] * 3), 1, around_picked=1).tolist() == [1]
    with pytest.raises(InputError, match="scores: must be finite where frames are packed, and 2 of 2"):
        pick_frames(scores, frame_table([0] * 3), 2, around_picked=1)


def test_random_r_spreads_over_videos_and_time():
    """Constant scores: every frame of a video is as likely first, one from each video a round."""
    table = frame_table(np.repeat([0, 1, 2], 30))
    first = np.array([pick_frames(np.zeros(90), table, 3, seed=seed) for seed in range(300)])
    assert (np.sort(first // 30, axis=1) == [0, 1, 2]).all()
    counts = np.bincount(np.sort(first % 30, axis=None), minlength=30)
    assert counts.min() > 10
    assert counts.max() < 60
    assert pick_frames(np.zeros(90), table, 3, seed=4).tolist() == pick_frames(np.zeros(90), table, 3, seed=4).tolist()


def test_nan_is_fine_for_labelled_frames_only():
    scores = np.array([np.nan, 1.0, 2.0, 3.0])
    table = frame_table([0] * 4, labeled=[True, False, False, False], around_labeled=0)
    assert pick_frames(scores, table, 1).tolist() == [3]
    with pytest.raises(InputError, match="NaN at frames 0"):
        pick_frames(scores, frame_table([0] * 4), 1)


@pytest.mark.parametrize("seed", range(6))
def test_balanced_picks_keep_apart_and_the_bound_holds(seed):
    rng = np.random.default_rng(seed)
    videos, places = np.repeat([0, 1], 6), np.tile(np.arange(6), 2)
    scores, objects = rng.random(12), rng.integers(0, 3, (12, 3)).astype(float)
    wanted, table = demand([4, 0, 1], 3), frame_table(videos)
    pick = pick_balanced_frames(scores, objects, wanted, table, 3, weight=0.7, around_picked=1)
    chosen = pick.chosen.tolist()
    assert len(set(chosen)) == 3
    for a, b in combinations(chosen, 2):
        assert videos[a] != videos[b] or abs(places[a] - places[b]) > 1

    def objective(rows):
        return -scores[rows].sum() + 0.7 * np.abs(wanted - objects[rows].sum(axis=0)).sum()

    assert pick.objective == pytest.approx(objective(chosen))
    allowed = [
        list(rows)
        for rows in combinations(range(12), 3)
        if all(videos[a] != videos[b] or abs(places[a] - places[b]) > 1 for a, b in combinations(rows, 2))
    ]
    least = min(objective(rows) for rows in allowed)
    assert pick.bound <= least + 1e-9
    assert pick.objective <= least + 1.5
    assert pick.gap == pytest.approx((pick.objective - pick.bound) / max(1, abs(pick.objective)))


def test_balance_asks_for_the_rare_class():
    """Nine frames of cars with high scores, one of a bicycle with a low one, far apart: one of each is wanted."""
    scores = np.r_[np.full(9, 0.9), 0.1]
    objects = np.zeros((10, 2))
    objects[:9, 0], objects[9, 1] = 1, 1
    pick = pick_balanced_frames(scores, objects, [1, 1], frame_table([0] * 10), 2, weight=1.0, around_picked=0)
    assert 9 in pick.chosen


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: frame_table([0, 0], places=[3, 3]), "places: frames 1 stand"),
        (lambda: frame_table([0, 0], labeled=[0, 1]), "labeled: expected a mask"),
        (lambda: frame_table([0, 0], around_labeled=-1), "around_labeled: .* got -1"),
        (lambda: pick_frames([1.0, 2.0], frame_table([0, 0]), 0), "n: .* got 0"),
        (lambda: pick_frames([1.0], frame_table([0, 0]), 1), "1 scores for 2 frames"),
        (lambda: pick_frames([1.0, 2.0], frame_table([0, 0]), 1, order="best"), "unknown order 'best'"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
