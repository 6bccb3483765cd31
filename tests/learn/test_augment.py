from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from askew.learn.augment import Jitter, crop_and_flip  # noqa: E402


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
