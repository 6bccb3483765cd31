"""Label dispersion against counting by hand, and the tracker's streaming against keeping every prediction."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askew.errors import InputError
from askew.plan import Balance, Plan
from askew.pool import Pool
from askew.predictions import Predictions
from askew.query import query
from askew.strategies.dispersion import DispersionTracker, dispersion


def modal(history):
    return max(sorted(set(history)), key=history.count)


def test_by_hand():
    tracker = DispersionTracker(4, 3)
    for epoch in ([0, 1, 2, 0], [0, 1, 2, 1], [0, 2, 2, 2], [0, 2, 1, 2]):
        tracker.update(epoch)
    assert tracker.dispersion().tolist() == [0.0, 0.5, 0.25, 0.5]
    assert tracker.mode().tolist() == [0, 1, 2, 2]
    assert tracker.counts.tolist() == [4, 4, 4, 4]


def test_of_several_modes_the_smallest():
    tracker = DispersionTracker(1, 10)
    for predicted in (9, 3, 9, 3, 7):
        tracker.update([predicted])
    assert tracker.mode().tolist() == [3]
    assert tracker.dispersion() == pytest.approx([0.6])


def test_an_item_never_predicted_was_not_asked():
    tracker = DispersionTracker(3, 2)
    assert np.isnan(tracker.dispersion()).all()
    tracker.update([1], items=[2])
    assert tracker.mode().tolist() == [-1, -1, 1]
    assert np.isnan(tracker.dispersion()).tolist() == [True, True, False]


@st.composite
def updates(draw):
    n_items, n_classes = draw(st.integers(1, 12)), draw(st.sampled_from([1, 2, 3, 7, 300]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    out = []
    for _ in range(draw(st.integers(0, 15))):
        items = None if rng.random() < 0.4 else rng.permutation(n_items)[: rng.integers(0, n_items + 1)]
        out.append((rng.integers(n_classes, size=n_items if items is None else len(items)), items))
    return n_items, n_classes, out


@given(updates())
def test_streaming_is_the_definition(case):
    n_items, n_classes, stream = case
    tracker, history = DispersionTracker(n_items, n_classes), [[] for _ in range(n_items)]
    for predicted, items in stream:
        tracker.update(predicted, items)
        for item, c in zip(range(n_items) if items is None else items, predicted, strict=True):
            history[item].append(int(c))
    assert tracker.counts.tolist() == [len(h) for h in history]
    assert tracker.mode().tolist() == [modal(h) if h else -1 for h in history]
    expected = [1 - h.count(modal(h)) / len(h) if h else np.nan for h in history]
    assert tracker.dispersion() == pytest.approx(expected, abs=1e-15, nan_ok=True)
    windows = [h[-4:] for h in history]
    authors = [1 - h.count(modal(w)) / (len(h) + 1) if h else np.nan for h, w in zip(history, windows, strict=True)]
    assert tracker.dispersion(last=4, divisor="epochs+1") == pytest.approx(authors, abs=1e-15, nan_ok=True)


@pytest.mark.parametrize("n_classes", [2, 256, 257, 65_536, 65_537])
def test_every_width_of_class_and_many_blocks(n_classes):
    rng = np.random.default_rng(n_classes)
    own = rng.integers(n_classes, size=(3, 9000))
    history = np.where(rng.random((40, 9000)) < 0.6, own[0], own[rng.integers(3, size=(40, 9000)), np.arange(9000)])
    history[:, 0] = n_classes - 1
    tracker = DispersionTracker(9000, n_classes)
    for predicted in history:
        tracker.update(predicted)
    counts = (history[:, None, :] == own[None, :, :]).sum(axis=0)
    assert tracker.mode()[0] == n_classes - 1
    modes = np.array([modal(column.tolist()) for column in history.T[1:400]])
    assert np.array_equal(tracker.mode()[1:400], modes)
    assert np.allclose(tracker.dispersion()[1:], 1 - counts.max(axis=0)[1:] / 40, rtol=0, atol=1e-15)


def test_more_than_255_predictions_of_one_item():
    tracker = DispersionTracker(2, 3)
    for epoch in range(700):
        tracker.update([epoch % 3, 0 if epoch < 300 else 1 + epoch % 2])
    assert tracker.mode().tolist() == [0, 0]
    assert tracker.dispersion() == pytest.approx([1 - 234 / 700, 1 - 300 / 700])


@pytest.mark.parametrize(("n_classes", "bytes_each"), [(100, 1), (1000, 2)])
def test_memory_is_one_or_two_bytes_a_prediction(n_classes, bytes_each):
    rng, n_items, n_epochs = np.random.default_rng(0), 200_000, 30
    predicted = rng.integers(n_classes, size=n_items)
    tracemalloc.start()
    tracker = DispersionTracker(n_items, n_classes)
    for _ in range(n_epochs):
        tracker.update(predicted)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held <= bytes_each * n_items * n_epochs + 4 * n_items + 100_000


def test_what_cannot_be_added_is_refused_and_nothing_changes():
    tracker = DispersionTracker(3, 2)
    tracker.update([0, 1, 1])
    for predicted, items, message in [
        ([0, 2, 1], None, r"predicted: 1 of 3 are outside the classes 0 to 1; first is 2 at position 1"),
        ([0, -1, 1], None, r"first is -1 at position 1"),
        ([0, 1], None, r"predicted: 2 classes for 3 items"),
        ([0, 1], [0, 3], r"items: 3 is outside the pool of 3 items"),
        ([0, 1], [1, 1], r"items: item 1 is given 2 times"),
        ([0.0, 1.0, 1.0], None, r"predicted: expected integers, got dtype float64"),
        ([[0, 1, 1]], None, r"predicted: expected shape \(N,\), got \(1, 3\)"),
    ]:
        with pytest.raises(InputError, match=message):
            tracker.update(predicted, items)
    assert tracker.counts.tolist() == [1, 1, 1]
    assert tracker.mode().tolist() == [0, 1, 1]
    with pytest.raises(InputError, match="last: expected at least 1 prediction, got 0"):
        tracker.dispersion(last=0)
    with pytest.raises(InputError, match="n_classes: expected at least 1, got 0"):
        DispersionTracker(3, 0)


def test_torch_predictions_are_taken():
    torch = pytest.importorskip("torch")
    tracker = DispersionTracker(3, 5)
    tracker.update(torch.tensor([4, 0, 1]))
    tracker.update(torch.tensor([2, 3]), torch.tensor([2, 0]))
    assert tracker.mode().tolist() == [3, 0, 1]


def test_the_score_is_the_dispersion():
    values = np.array([0.25, 0.75, 0.0])
    assert dispersion(Predictions(dispersion=values), Pool.without_labels(3)).tolist() == values.tolist()


def slow_dispersion(row, last, divisor):
    """The definition, an item at a time; -1 is not predicted."""
    known = [c for c in row if c >= 0]
    if not known:
        return np.nan
    window = known if last is None else known[max(0, len(known) - last) :]
    return 1 - known.count(modal(window)) / (len(known) + (1 if divisor == "epochs+1" else 0))


@st.composite
def tables(draw):
    """(N, T) classes of which some are -1: at the end, at the start, in between, or all of an item's."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_items, n_epochs = draw(st.integers(1, 9)), draw(st.integers(1, 40))
    table = rng.integers(draw(st.sampled_from([1, 2, 3, 200])), size=(n_items, n_epochs))
    table[rng.random(table.shape) < rng.choice([0, 0.3, 0.9])] = -1
    return np.asarray(table, dtype=draw(st.sampled_from([np.int16, np.int64])), order=draw(st.sampled_from("CF")))


@given(tables(), st.one_of(st.none(), st.integers(1, 45)), st.sampled_from(["epochs", "epochs+1"]))
def test_window_and_divisor_are_the_definition(table, last, divisor):
    rows = table.tolist()
    expected = [slow_dispersion(row, last, divisor) for row in rows]
    tracker = DispersionTracker.of(table)
    assert tracker.dispersion(last=last, divisor=divisor) == pytest.approx(expected, abs=1e-15, nan_ok=True)
    assert tracker.mode().tolist() == [modal([c for c in row if c >= 0]) if max(row) >= 0 else -1 for row in rows]
    longest = max(1, max(sum(c >= 0 for c in row) for row in rows))
    kept = [[c for c in row if c >= 0] for row in rows]
    assert tracker.history().tolist() == [row + [-1] * (longest - len(row)) for row in kept]
    again = DispersionTracker.of(tracker.history())
    assert again.history().tolist() == tracker.history().tolist()


@given(tables(), tables())
def test_extending_is_updating_epoch_by_epoch(first, second):
    n = min(len(first), len(second))
    one, other = DispersionTracker(n, 200), DispersionTracker(n, 200)
    items = np.arange(n)[::-1]
    one.extend(first[:n])
    one.extend(second[:n], items)
    for table, order in ((first[:n], np.arange(n)), (second[:n], items)):
        for epoch in table.T:
            other.update(epoch[epoch >= 0], order[epoch >= 0])
    assert one.history().tolist() == other.history().tolist()


@pytest.mark.parametrize(("n_classes", "n_bytes"), [(128, 1), (129, 2), (32_768, 2), (32_769, 4)])
def test_a_history_holds_every_class_and_minus_one(n_classes, n_bytes):
    tracker = DispersionTracker(2, n_classes)
    tracker.update([n_classes - 1], [0])
    assert tracker.history().tolist() == [[n_classes - 1], [-1]]
    assert tracker.history().dtype.itemsize == n_bytes
    assert DispersionTracker(2, n_classes).history().tolist() == [[-1], [-1]]


def test_what_cannot_extend_is_refused_and_nothing_changes():
    tracker = DispersionTracker(3, 2)
    for table, items, message in [
        ([[0], [2], [1]], None, "epoch_classes: 2 is outside the classes 0 to 1; -1 is not predicted"),
        ([[0], [-2], [1]], None, "epoch_classes: -2 is outside"),
        ([[0], [1]], None, "epoch_classes: 2 rows for 3 items"),
        ([[0], [1]], [0, 3], "items: 3 is outside the pool of 3 items"),
        ([0, 1, 1], None, r"epoch_classes: expected shape \(N, E\), got \(3,\)"),
        ([[0.0], [1.0], [np.nan]], None, "epoch_classes: expected integers, got dtype float64"),
    ]:
        with pytest.raises(InputError, match=message):
            tracker.extend(table, items)
    assert tracker.counts.tolist() == [0, 0, 0]
    with pytest.raises(InputError, match="unknown divisor 'epoch': did you mean 'epochs'"):
        tracker.dispersion(divisor="epoch")


def test_query_reads_the_classes_where_a_parameter_is_set_or_nothing_else_is_given():
    rng = np.random.default_rng(1)
    table = rng.integers(4, size=(60, 30)).astype(np.int8)
    labels = np.full(60, -1)
    labels[:10] = 0
    table[:10] = -1
    light = np.array([slow_dispersion(row, None, "epochs") for row in table.tolist()])
    text = query("dispersion", 7, labels=labels, dispersion=light)
    assert query("dispersion", 7, labels=labels, epoch_classes=table).tolist() == text.tolist()
    for given_light in ({}, {"dispersion": light}):
        found = query(
            "dispersion", 7, labels=labels, epoch_classes=table, last=5, divisor="epochs+1", details=True, **given_light
        )
        slow = np.array([slow_dispersion(row, 5, "epochs+1") for row in table.tolist()])
        assert found.scores == pytest.approx(np.sort(slow[10:])[::-1][:7])
    with pytest.raises(InputError, match=r"dispersion needs epoch_classes, \(N, E\): pass epoch_classes="):
        query("dispersion", 7, labels=labels, dispersion=light, last=5)
    with pytest.raises(InputError, match=r"dispersion needs dispersion, \(N,\): pass dispersion="):
        query("dispersion", 7, labels=labels)
    table[20] = -1
    with pytest.raises(InputError, match="epoch_classes: 1 of 50 rows hold no class; first at item 20"):
        query("dispersion", 7, labels=labels, epoch_classes=table)
    with pytest.raises(InputError, match="epoch_classes: 4 at item 3 is outside the 3 classes, 0 to 2"):
        Predictions(epoch_classes=[[0, 1], [2, 2], [1, -1], [4, 0]], probs=np.full((4, 3), 1 / 3))
    with pytest.raises(InputError, match="epoch_classes: -2 at item 1: expected a class from 0, or -1 for none"):
        Predictions(epoch_classes=[[0, 1], [2, -2]])


def test_a_plan_needs_what_its_parameters_read():
    assert Plan("dispersion").needs == ("dispersion",)
    assert Plan("dispersion", {"last": None}).needs == ("dispersion",)
    assert Plan("dispersion", {"divisor": "epochs+1"}, Balance(0.5)).needs == ("epoch_classes", "probs")
