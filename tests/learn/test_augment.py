from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from askew.data.dataset import Images  # noqa: E402
from askew.data.load import load  # noqa: E402
from askew.learn.augment import FARTHER, Jitter, crop_and_flip, draw_corners, erase, mirroring_is_safe  # noqa: E402
from askew.learn.feed import Feed  # noqa: E402


def reference(pictures, jitter, crop_px):
    """One picture at a time, as a person would do it."""
    out = np.empty_like(pictures)
    for i, picture in enumerate(pictures):
        padded = np.pad(picture, ((crop_px, crop_px), (crop_px, crop_px), (0, 0)))
        top, left = int(jitter.top[i]), int(jitter.left[i])
        window = padded[top : top + picture.shape[0], left : left + picture.shape[1]]
        out[i] = window[:, ::-1] if jitter.mirrored[i] else window
    return out


@pytest.mark.parametrize(("crop_px", "flip"), [(0, False), (0, True), (2, False), (3, True)])
@pytest.mark.parametrize("shape", [(7, 5, 3), (4, 4, 1)])
def test_a_batch_equals_one_picture_at_a_time(crop_px, flip, shape):
    pictures = np.random.default_rng(0).integers(0, 256, (64, *shape), dtype=np.uint8)
    jitter = Jitter.draw(64, crop_px, flip, torch.Generator().manual_seed(1))
    found = crop_and_flip(torch.from_numpy(pictures), jitter, crop_px)
    assert np.array_equal(found.numpy(), reference(pictures, jitter, crop_px))


def test_every_offset_and_both_sides_are_drawn_about_equally():
    jitter = Jitter.draw(25_000, 2, True, torch.Generator().manual_seed(0))
    windows = np.bincount((jitter.top * 5 + jitter.left).numpy(), minlength=25)
    assert windows.min() > 850
    assert windows.max() < 1150
    assert abs(float(jitter.mirrored.float().mean()) - 0.5) < 0.02


def test_without_flip_nothing_is_mirrored_and_the_offsets_stay():
    with_flip, without = (Jitter.draw(50, 3, flip, torch.Generator().manual_seed(7)) for flip in (True, False))
    assert not without.mirrored.any()
    assert torch.equal(with_flip.top, without.top)


@pytest.mark.parametrize("side", [1, 3, 5])
def test_erased_squares_equal_one_picture_at_a_time(side):
    pictures = torch.from_numpy(np.random.default_rng(0).normal(size=(64, 3, 7, 5)).astype(np.float32))
    corners = draw_corners(64, (7, 5), side, torch.Generator().manual_seed(2))
    expected = pictures.numpy().copy()
    for picture, (top, left) in zip(expected, corners.tolist(), strict=True):
        assert top + side <= 7
        assert left + side <= 5
        picture[:, top : top + side, left : left + side] = 0
    assert np.array_equal(erase(pictures, corners, side).numpy(), expected)


def test_squares_lie_everywhere_about_equally():
    corners = draw_corners(12_000, (5, 6), 2, torch.Generator().manual_seed(0)).numpy()
    counts = np.bincount(corners[:, 0] * 5 + corners[:, 1], minlength=20)
    assert len(counts) == 20
    assert counts.min() > 480
    assert counts.max() < 720


def safe(pixels, labels):
    return mirroring_is_safe(Feed(Images(labels, pixels), torch.device("cpu")), torch.from_numpy(labels))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [40, 100, 600])
def test_digits_are_not_mirrored(count, seed):
    train = load("digits").train
    items = np.random.default_rng(seed).choice(len(train), count, replace=False)
    assert not safe(train.pixels[items], train.labels[items])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [100, 600])
def test_pictures_of_which_half_are_mirrored_already_may_be_mirrored(count, seed):
    train = load("digits").train
    rng = np.random.default_rng(seed)
    items = rng.choice(len(train), count, replace=False)
    pixels, turned = train.pixels[items].copy(), rng.random(count) < 0.5
    pixels[turned] = pixels[turned, :, ::-1]
    assert safe(pixels, train.labels[items])


def test_too_few_pictures_with_company_tell_nothing():
    pixels = np.random.default_rng(0).integers(0, 256, (60, 6, 6, 1), dtype=np.uint8)
    assert not safe(pixels[:29], np.zeros(29, dtype=np.int64))
    assert safe(pixels[:30], np.zeros(30, dtype=np.int64))
    assert not safe(pixels, np.arange(60))


def slow_ratio(pixels, labels):
    """How many times farther mirror images are from their class than the pictures, pair by pair."""
    plain, mirrored = [], []
    for i, picture in enumerate(pixels.astype(float)):
        mates = [j for j in range(len(labels)) if j != i and labels[j] == labels[i]]
        if mates:
            plain.append(np.mean([np.linalg.norm(picture - pixels[j]) for j in mates]))
            mirrored.append(np.mean([np.linalg.norm(picture[:, ::-1] - pixels[j]) for j in mates]))
    return np.mean(mirrored) / np.mean(plain)


@pytest.mark.parametrize("seed", range(20))
def test_the_rule_is_a_ratio_of_mean_distances(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, 40)
    pixels = rng.integers(0, 200, (40, 5, 6, 3), dtype=np.uint8)
    pixels[:, :, :3] += rng.integers(0, 50, dtype=np.uint8)
    assert safe(pixels, labels) == (slow_ratio(pixels, labels) <= 1 + FARTHER)
