from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from askew.data.dataset import Dataset, Images
from askew.errors import InputError


def images(n, labels=None, shape=(4, 4, 1)):
    pixels = np.arange(n * int(np.prod(shape)), dtype=np.int64).reshape(n, *shape).astype(np.uint8)
    return Images(np.zeros(n, dtype=np.int64) if labels is None else np.array(labels), pixels)


def test_take_keeps_pictures_with_their_labels_in_the_order_asked():
    some = images(4, [3, 1, 2, 0])
    taken = some.take([2, 0, 2])
    assert taken.labels.tolist() == [2, 3, 2]
    assert np.array_equal(taken.pixels, some.pixels[[2, 0, 2]])
    taken.pixels[:] = 0
    assert some.pixels[2].any()


def test_take_of_paths():
    some = Images(np.array([0, 1, 2]), paths=(Path("a"), Path("b"), Path("c")), side_px=8)
    taken = some.take([2, 1])
    assert (taken.paths, taken.labels.tolist(), taken.shape) == ((Path("c"), Path("b")), [2, 1], (8, 8, 3))


def test_a_gray_thumbnail_shows_the_picture_in_three_channels():
    flat = Images(np.array([0]), np.full((1, 5, 7, 1), 77, dtype=np.uint8))
    assert np.array_equal(flat.thumbnail(0, 16), np.full((16, 16, 3), 77))


def test_a_thumbnail_of_a_file_is_read_from_it(tmp_path):
    from PIL import Image

    Image.new("RGB", (30, 20), (10, 200, 30)).save(tmp_path / "a.png")
    some = Images(np.array([0]), paths=(tmp_path / "a.png",), side_px=8)
    assert np.array_equal(some.thumbnail(0, 12), np.broadcast_to([10, 200, 30], (12, 12, 3)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "either pixels or paths"),
        ({"pixels": np.zeros((2, 4, 4, 1), np.uint8), "paths": (Path("a"), Path("b"))}, "either pixels or paths"),
        ({"pixels": np.zeros((3, 4, 4, 1), np.uint8)}, "3 pictures but 2 labels"),
        ({"pixels": np.zeros((2, 4, 4, 2), np.uint8)}, r"got uint8 \(2, 4, 4, 2\)"),
        ({"pixels": np.zeros((2, 4, 4, 1), np.float32)}, "got float32"),
        ({"paths": (Path("a"), Path("b"))}, "side_px"),
    ],
)
def test_images_that_disagree_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        Images(np.array([0, 1]), **arguments)


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (images(2), images(0), "no pictures in the test split"),
        (images(2, [0, 2]), images(1), "train label 2 is outside the 2 classes"),
        (images(2), images(1, [-1]), "test label -1"),
        (images(2), images(1, shape=(5, 4, 1)), r"test pictures \(5, 4, 1\)"),
    ],
)
def test_datasets_that_disagree_are_refused(train, test, message):
    with pytest.raises(InputError, match=message):
        Dataset("toy", ("a", "b"), train, test)
