from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from askew.data import pictures
from askew.data.dataset import Images
from askew.data.load import load
from askew.errors import DataNotFound, InputError

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (20, 6, 5, 3), dtype=np.uint8)
LABELS = np.arange(20) % 2


def save(path, **arrays):
    np.savez(path, **arrays)
    return str(path)


@pytest.mark.parametrize(
    "images",
    [BYTES, BYTES.transpose(0, 3, 1, 2), BYTES.astype(np.int64), BYTES.astype(np.float32) / 255],
    ids=["bytes", "channels first", "integers", "floats to 1"],
)
def test_every_admitted_form_gives_the_same_pixels(tmp_path, images):
    data = load(save(tmp_path / "a.npz", images=images, labels=LABELS, is_test=np.arange(20) < 4))
    assert np.array_equal(data.test.pixels, BYTES[:4])
    assert np.array_equal(data.train.pixels, BYTES[4:])


def test_gray_without_a_channel_axis_and_text_labels(tmp_path):
    data = load(save(tmp_path / "a.npz", images=BYTES[..., 0], labels=np.array(["dog", "cat"] * 10)))
    assert data.classes == ("cat", "dog")
    assert data.train.shape == (6, 5, 1)
    assert len(data.test) == 4
    assert np.bincount(data.test.labels).tolist() == [2, 2]


def test_the_share_held_out_is_of_every_class_and_always_the_same(tmp_path):
    path = save(tmp_path / "a.npz", images=BYTES, labels=np.array([0] * 15 + [1] * 5))
    first, second = (load(path, test_fraction=0.4) for _ in range(2))
    assert np.bincount(first.test.labels).tolist() == [6, 2]
    assert np.array_equal(first.test.pixels, second.test.pixels)


def test_two_splits_with_labels_in_a_column(tmp_path):
    path = save(
        tmp_path / "a.npz", x_train=BYTES[:15], y_train=LABELS[:15, None], x_test=BYTES[15:], y_test=LABELS[15:, None]
    )
    data = load(path)
    assert np.array_equal(data.test.pixels, BYTES[15:])
    assert data.train.labels.tolist() == LABELS[:15].tolist()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pictures": BYTES}, "holds pictures; expected `images`"),
        ({"images": BYTES}, "has no array 'labels'"),
        ({"images": BYTES, "labels": LABELS[:7]}, "20 pictures but 7 labels"),
        ({"images": BYTES, "labels": LABELS - 1}, "-1 at picture 0 is negative"),
        ({"images": BYTES, "labels": LABELS * 0.5}, "whole numbers or text, got float64"),
        ({"images": BYTES, "labels": np.eye(20)}, "one label a picture"),
        ({"images": BYTES, "labels": LABELS, "classes": np.array(["a"])}, "1 at picture 1 is outside the 1 classes"),
        ({"images": BYTES, "labels": LABELS, "is_test": np.zeros(3)}, "is_test has 3 entries"),
        ({"images": BYTES.astype(np.float32), "labels": LABELS}, "from 0 to 255: expected bytes"),
        ({"images": BYTES.astype(np.int64) * 9, "labels": LABELS}, "expected bytes"),
        ({"images": np.where(BYTES > 3, np.nan, 0.5), "labels": LABELS}, "expected bytes"),
        ({"images": BYTES[0], "labels": LABELS}, "20 labels"),
        ({"images": BYTES[..., :2], "labels": LABELS}, "1 or 3 channels"),
        ({"images": BYTES[:, 0, 0], "labels": LABELS}, "expected"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, arrays, message):
    with pytest.raises(InputError, match=message) as caught:
        load(save(tmp_path / "a.npz", **arrays))
    assert "\n" not in str(caught.value)


def medmnist(path, shape, labels):
    """Writes a file with the arrays, shapes and types of MedMNIST's; returns them."""
    rng = np.random.default_rng(0)
    arrays = {}
    for part, n in (("train", 30), ("val", 4), ("test", 12)):
        arrays[f"{part}_images"] = rng.integers(0, 256, (n, *shape), dtype=np.uint8)
        arrays[f"{part}_labels"] = labels(rng, n).astype(np.uint8)
    np.savez_compressed(path, **arrays)
    return arrays


def one_label(rng, n):
    return rng.permutation(np.arange(n) % 4)[:, None]


@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 3), (64, 64), (64, 64, 3)], ids=str)
def test_the_files_of_medmnist_as_they_are(tmp_path, shape):
    arrays = medmnist(tmp_path / "bloodmnist.npz", shape, one_label)
    data = load(str(tmp_path / "bloodmnist.npz"))
    for part, images in (("train", data.train), ("test", data.test)):
        assert np.array_equal(images.pixels.reshape(arrays[f"{part}_images"].shape), arrays[f"{part}_images"])
        assert images.labels.tolist() == arrays[f"{part}_labels"].ravel().tolist()
    assert data.train.shape == (*shape[:2], 3 if len(shape) == 3 else 1)
    assert data.classes == ("0", "1", "2", "3")


@pytest.mark.parametrize(
    ("shape", "labels", "message"),
    [
        (
            (28, 28),
            lambda rng, n: rng.integers(0, 2, (n, 14)),
            r"train_labels: expected one label a picture, got 14, shape \(30, 14\)",
        ),
        ((28, 28, 28), one_label, r"train_images: \(30, 28, 28, 28\): expected 1 or 3 channels"),
    ],
    ids=["chestmnist", "organmnist3d"],
)
def test_the_files_of_medmnist_that_are_no_classification_of_pictures(tmp_path, shape, labels, message):
    medmnist(tmp_path / "a.npz", shape, labels)
    with pytest.raises(InputError, match=message) as caught:
        load(str(tmp_path / "a.npz"))
    assert "\n" not in str(caught.value)


def test_object_arrays_are_never_unpickled(tmp_path):
    path = save(tmp_path / "a.npz", images=np.array([{"a": 1}], dtype=object), labels=LABELS)
    with pytest.raises(InputError, match=r"a\.npz: images: expected an array of numbers or text; it says '\|O'"):
        load(path)


def test_cut_and_empty_and_absent_files(tmp_path):
    path = tmp_path / "a.npz"
    save(path, images=BYTES, labels=LABELS)
    whole = path.read_bytes()
    for keep in (0, 20, len(whole) // 2, len(whole) - 4):
        path.write_bytes(whole[:keep])
        with pytest.raises(InputError, match=r"a\.npz"):
            load(str(path))
    with pytest.raises(DataNotFound, match="no such file"):
        load(str(tmp_path / "absent.npz"))


def test_a_side_is_refused_for_arrays(tmp_path):
    with pytest.raises(InputError, match="image_side_px"):
        load(save(tmp_path / "a.npz", images=BYTES, labels=LABELS), image_side_px=32)


def test_the_keys_of_medmnist_are_known_and_its_val_part_is_left_alone(tmp_path):
    path = save(
        tmp_path / "pathmnist.npz",
        train_images=BYTES[:10],
        train_labels=LABELS[:10, None].astype(np.uint8),
        val_images=BYTES[10:12],
        val_labels=LABELS[10:12, None].astype(np.uint8),
        test_images=BYTES[12:],
        test_labels=LABELS[12:, None].astype(np.uint8),
    )
    data = load(path)
    assert np.array_equal(data.train.pixels, BYTES[:10])
    assert np.array_equal(data.test.pixels, BYTES[12:])
    assert (data.train.labels.tolist(), data.test.labels.tolist()) == (LABELS[:10].tolist(), LABELS[12:].tolist())
    with pytest.raises(InputError, match=r"test_labels.*one label a picture"):
        load(
            save(
                tmp_path / "chest.npz",
                train_images=BYTES,
                train_labels=LABELS,
                test_images=BYTES,
                test_labels=np.eye(20),
            )
        )
    with pytest.raises(InputError, match="train_images has 19 pictures, train_labels 20 labels"):
        load(
            save(
                tmp_path / "cut.npz", train_images=BYTES[1:], train_labels=LABELS, test_images=BYTES, test_labels=LABELS
            )
        )


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (LABELS + 10**12, "1000000000001 at picture 1 would mean"),
        (LABELS.astype(np.uint64) - np.uint64(1), "18446744073709551615 at picture 0 would mean"),
        (np.array([b"caf\xe9", b"tea"] * 10), "not UTF-8"),
        (np.array(["a\nb", "c"] * 10), "class 0 is called 'a.nb'"),
        (np.array(["a\x00b", "c"] * 10), "class 0 is called 'a.x00b'"),
        (np.array(["x" * 300, "c"] * 10), "class 1 is called 'xxx.*300 letters"),
        (np.array(["..", "c"] * 10), "class 0 is called '..'"),
        (np.array(["", "c"] * 10), "class 0 is called ''"),
    ],
)
def test_labels_that_cannot_be_classes_are_refused(tmp_path, labels, message):
    with pytest.raises(InputError, match=message) as caught:
        load(save(tmp_path / "a.npz", images=BYTES, labels=labels))
    assert "\n" not in str(caught.value)


def test_dollars_and_letters_of_any_script_may_name_classes(tmp_path):
    data = load(save(tmp_path / "a.npz", images=BYTES, labels=np.array(["$x$", "Käfer 虫"] * 10)))
    assert data.classes == ("$x$", "Käfer 虫")


def test_pictures_are_not_unpacked_for_labels_that_do_not_fit(tmp_path):
    import tracemalloc

    np.savez_compressed(tmp_path / "a.npz", images=np.zeros((3000, 100, 100), np.uint8), labels=LABELS)
    tracemalloc.start()
    with pytest.raises(InputError, match="3000 pictures but 20 labels"):
        load(str(tmp_path / "a.npz"))
    assert tracemalloc.get_traced_memory()[1] < 5e6
    tracemalloc.stop()


SIZES = ((9, 12), (30, 21), (16, 16), (12, 40), (14, 8), (13, 13))
"""Widths and heights; the shorter sides are 9, 21, 16, 12, 8 and 13, so their median is 12.5."""


def encoded(path, sizes, orientations=(1,), **more):
    """Writes random JPEG pictures, in one .npz file and as files beside it; returns those files' paths."""
    files = []
    for i, (width, height) in enumerate(sizes):
        pixels = np.random.default_rng(i).integers(0, 256, (height, width, 3), dtype=np.uint8)
        exif = Image.Exif()
        exif[0x0112] = orientations[i % len(orientations)]
        files.append(path.parent / f"{i}.jpg")
        Image.fromarray(pixels).save(files[-1], quality=95, exif=exif)
    parts = [file.read_bytes() for file in files]
    ends = np.cumsum([0, *map(len, parts)])
    np.savez(path, jpeg=np.frombuffer(b"".join(parts), np.uint8), offsets=ends, **more)
    return files


@pytest.mark.parametrize("side_px", [None, 10])
def test_encoded_pictures_of_several_sizes_become_the_squares_that_files_become(tmp_path, side_px):
    files = encoded(tmp_path / "a.npz", SIZES, orientations=(1, 6, 8), labels=np.arange(6) % 2)
    side = side_px or 12
    expected = np.stack([pictures.read_square(file, side) for file in files])
    pool = Images.of(tmp_path / "a.npz", side_px=side_px)
    assert np.array_equal(pool.pixels, expected)
    data = load(str(tmp_path / "a.npz"), image_side_px=side_px, test_fraction=0.4)
    assert data.train.shape == data.test.shape == (side, side, 3)
    for images in (data.train, data.test):
        assert all((expected == one).all(axis=(1, 2, 3)).any() for one in images.pixels)


def test_encoded_pictures_of_one_size_keep_it_however_the_camera_was_held(tmp_path):
    encoded(tmp_path / "a.npz", [(9, 14), (14, 9), (9, 14)], orientations=(1, 6, 3))
    assert Images.of(tmp_path / "a.npz").pixels.shape == (3, 14, 9, 3)
    assert Images.of(tmp_path / "a.npz", side_px=6).pixels.shape == (3, 6, 6, 3)


def test_encoded_pictures_of_several_sizes_are_never_held_in_full(tmp_path, monkeypatch):
    encoded(tmp_path / "a.npz", SIZES)
    sides, decode = [], pictures.decode_bytes
    monkeypatch.setattr(pictures, "decode_bytes", lambda data, side=None: sides.append(side) or decode(data, side))
    Images.of(tmp_path / "a.npz")
    assert sides == [12] * 6


def test_a_damaged_picture_among_several_sizes_is_named_by_its_number(tmp_path):
    encoded(tmp_path / "a.npz", SIZES)
    with np.load(tmp_path / "a.npz") as file:
        arrays = dict(file)
    arrays["jpeg"][arrays["offsets"][3] : arrays["offsets"][4]] = 0
    np.savez(tmp_path / "b.npz", **arrays)
    with pytest.raises(InputError, match=r"b\.npz: picture 3: .* bytes"):
        Images.of(tmp_path / "b.npz")


@pytest.fixture
def damaged(tmp_path):
    """An .npz file of six pictures of which the fourth cannot be decoded, and the six as files."""
    files = encoded(tmp_path / "a.npz", SIZES, labels=np.arange(6) % 2)
    with np.load(tmp_path / "a.npz") as file:
        arrays = dict(file)
    arrays["jpeg"][arrays["offsets"][3] : arrays["offsets"][4]] = 0
    np.savez(tmp_path / "b.npz", **arrays)
    return tmp_path / "b.npz", files


def test_damaged_pictures_can_be_left_out_of_a_pool(damaged):
    path, files = damaged
    pool = Images.of(path, skip_unreadable=True)
    assert pool.labels.tolist() == [0, 1, 0, 0, 1]
    expected = [pictures.read_square(file, 13) for i, file in enumerate(files) if i != 3]  # of 9, 21, 16, 8 and 13
    assert np.array_equal(pool.pixels, np.stack(expected))


def test_damaged_pictures_can_be_left_out_of_an_experiment_and_are_listed(damaged):
    path, _ = damaged
    data = load(str(path), skip_unreadable=True, test_fraction=0.4)
    assert [one.name for one in data.unreadable] == ["b.npz: picture 3"]
    assert len(data.train) + len(data.test) == 5
    assert sorted([*data.train.labels, *data.test.labels]) == [0, 0, 0, 1, 1]
    with pytest.raises(InputError, match="picture 3"):
        load(str(path), test_fraction=0.4)


def test_an_npz_in_which_every_picture_is_damaged_says_so(tmp_path):
    np.savez(tmp_path / "a.npz", jpeg=np.zeros(9, np.uint8), offsets=np.array([0, 4, 9]))
    with pytest.raises(InputError, match="picture 0"):
        Images.of(tmp_path / "a.npz", skip_unreadable=True)


def test_encoded_pictures_of_one_large_size_become_squares_of_224(tmp_path):
    files = encoded(tmp_path / "a.npz", [(300, 226)] * 2)
    expected = np.stack([pictures.read_square(file, 224) for file in files])
    assert np.array_equal(Images.of(tmp_path / "a.npz").pixels, expected)
    encoded(tmp_path / "b.npz", [(300, 224)] * 2)
    assert Images.of(tmp_path / "b.npz").pixels.shape == (2, 224, 300, 3)
