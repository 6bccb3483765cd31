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
    with pytest.raises(InputError, match=f"only {len(want)} of"):
        pick_frames(scores, table, len(want) + 1, around_picked=around_picked, order=order)


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
