from __future__ import annotations

import time

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from askew.data import pictures  # noqa: E402
from askew.data.dataset import Images  # noqa: E402
from askew.learn import feed as feeding  # noqa: E402
from askew.learn.feed import Feed, Normalisation, even_batches  # noqa: E402

CPU = torch.device("cpu")


@given(n=st.integers(1, 2000), batch=st.integers(2, 300))
def test_batches_are_even_and_complete(n, batch):
    batches = even_batches(torch.arange(n), batch)
    sizes = [len(b) for b in batches]
    assert torch.equal(torch.cat(batches), torch.arange(n))
    assert max(sizes) <= batch
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) > 1 or n == 1 or batch == 2 or n / len(batches) < 2


@given(n=st.integers(2, 2000), batch=st.integers(3, 300))
def test_no_batch_is_a_single_picture(n, batch):
    assert min(len(b) for b in even_batches(torch.arange(n), batch)) > 1


def files(tmp_path, monkeypatch, delay=None):
    """Pictures of one gray whose reading takes as long as `delay` says."""

    def read(path, side_px):
        i = int(path.stem)
        time.sleep(delay(i) if delay else 0)
        return np.full((side_px, side_px, 3), i, dtype=np.uint8)

    monkeypatch.setattr(pictures, "read_square", read)
    return Images(np.zeros(40, dtype=np.int64), paths=tuple(tmp_path / f"{i}.png" for i in range(40)), side_px=4)


def test_files_come_in_the_order_asked_however_long_each_takes(tmp_path, monkeypatch):
    images = files(tmp_path, monkeypatch, lambda i: 0.002 * (i % 5))
    order = torch.randperm(40, generator=torch.Generator().manual_seed(0))
    found = torch.cat(list(Feed(images, CPU).batches(order.split(7))))
    assert torch.equal(found[:, 0, 0, 0].long(), order)


def test_reading_runs_only_a_few_batches_ahead(tmp_path, monkeypatch):
    asked = []

    def batches():
        for i in range(20):
            asked.append(i)
            yield torch.tensor([2 * i, 2 * i + 1])

    stream = Feed(files(tmp_path, monkeypatch), CPU).batches(batches())
    next(stream)
    assert len(asked) == feeding.AHEAD + 1
    stream.close()


def test_mean_and_deviation_are_numpys():
    pixels = np.random.default_rng(0).integers(0, 256, (300, 5, 4, 3), dtype=np.uint8)
    normalise = Normalisation.measure(Feed(Images(np.zeros(300, dtype=np.int64), pixels), CPU), torch.Generator())
    flat = pixels.reshape(-1, 3).astype(np.float64)
    assert np.allclose(1 / normalise.scale.numpy(), flat.std(axis=0), rtol=1e-5)
    assert np.allclose(-normalise.shift / normalise.scale, flat.mean(axis=0), rtol=1e-5)


def test_of_many_files_only_some_are_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(feeding, "STATISTICS_ITEMS", 10)
    read = []
    images = files(tmp_path, monkeypatch, lambda i: read.append(i) or 0.0)
    Normalisation.measure(Feed(images, CPU), torch.Generator().manual_seed(0))
    assert len(set(read)) == len(read) == 10


@pytest.mark.parametrize("on_disk", [False, True])
def test_a_part_of_a_feed_is_a_view_of_its_rows(tmp_path, monkeypatch, on_disk):
    pixels = np.broadcast_to(np.arange(40, dtype=np.uint8)[:, None, None, None], (40, 4, 4, 3)).copy()
    images = files(tmp_path, monkeypatch) if on_disk else Images(np.zeros(40, dtype=np.int64), pixels)
    feed = Feed(images, CPU)
    part = feed.take(np.array([30, 3, 3, 8])).take([3, 1, 0])
    assert (len(feed), len(part)) == (40, 3)
    assert part.images is images
    batches = list(part.batches([torch.tensor([0, 2]), torch.tensor([1])]))
    assert [b[:, 0, 0, 0].tolist() for b in batches] == [[8, 30], [3]]


@pytest.mark.parametrize("limit", [1 << 30, 10 * 48, 0])
def test_files_are_decoded_once_if_they_fit_in_memory(tmp_path, monkeypatch, limit):
    read = []
    images = files(tmp_path, monkeypatch, lambda i: read.append(i) or 0.0)
    monkeypatch.setattr(feeding, "HELD_BYTES", limit)
    feed = Feed(images, CPU)
    rows = np.array([30, 3, 8, 3])
    part = feed.take(rows).held()
    for _ in range(3):
        found = torch.cat(list(part.batches([torch.tensor([3, 0]), torch.tensor([1, 2])])))
        assert found[:, 0, 0, 0].tolist() == [3, 30, 3, 8]
    if limit == 0:
        assert len(read) == 12
    else:
        assert sorted(set(read)) == [3, 8, 30]
        assert len(read) <= 4
    whole = torch.cat(list(feed.batches(torch.arange(40).split(7))))
    assert whole[:, 0, 0, 0].tolist() == list(range(40))
    if limit == 1 << 30:
        assert sorted(set(read)) == list(range(40))
        assert len(read) <= 41
