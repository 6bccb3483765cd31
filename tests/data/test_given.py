from __future__ import annotations

import numpy as np
import pytest

from askew.data import pictures
from askew.data.dataset import Images
from askew.data.load import load
from askew.data.pictures import read_square
from askew.errors import DataNotFound, InputError

Image = pytest.importorskip("PIL.Image")

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (6, 8, 5, 3), dtype=np.uint8)
GRAY = BYTES[..., :1]


def picture(path, value, size=(12, 10)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, value, value)).save(path)
    return path


def tensor(array):
    torch = pytest.importorskip("torch")
    return torch.from_numpy(np.ascontiguousarray(array))


@pytest.mark.parametrize(
    "make",
    [
        lambda: BYTES,
        lambda: BYTES.transpose(0, 3, 1, 2),
        lambda: BYTES.astype(np.int32),
        lambda: BYTES.astype(np.float32) / np.float32(255),
        lambda: BYTES / 255,
        lambda: (BYTES / 255).transpose(0, 3, 1, 2),
        lambda: list(BYTES),
        lambda: tensor(BYTES),
        lambda: tensor(BYTES.transpose(0, 3, 1, 2)),
        lambda: tensor(BYTES.transpose(0, 3, 1, 2) / 255).requires_grad_(),
        lambda: [tensor(one.transpose(2, 0, 1)) for one in BYTES],
        lambda: BYTES.tolist(),
        lambda: np.ma.masked_array(BYTES),
        lambda: BYTES.astype(">u2"),
    ],
)
def test_arrays_of_every_kind_are_the_same_pictures(make):
    images = Images.of(make())
    assert np.array_equal(images.pixels, BYTES)
    assert images.pixels.dtype == np.uint8
    assert images.labels.tolist() == [-1] * 6


@pytest.mark.parametrize("array", [GRAY, GRAY[..., 0], GRAY.transpose(0, 3, 1, 2), list(GRAY[..., 0])])
def test_gray_pictures_with_and_without_a_channel(array):
    assert np.array_equal(Images.of(array).pixels, GRAY)


def test_bytes_in_order_are_not_copied():
    assert np.shares_memory(Images.of(BYTES).pixels, BYTES)


def test_floats_are_rounded_to_the_nearest_byte():
    ramp = np.linspace(0, 1, 1000).reshape(1, 100, 10)
    assert np.array_equal(Images.of(ramp).pixels.ravel(), [round(255 * x) for x in ramp.ravel().tolist()])
    assert set(Images.of(ramp > 0.5).pixels.ravel().tolist()) == {0, 255}


def test_half_floats_of_torch_are_floats():
    torch = pytest.importorskip("torch")
    exact = np.array([0, 1] * 32, dtype=np.uint8).reshape(1, 8, 8)
    for dtype in (torch.float16, torch.bfloat16):
        assert np.array_equal(Images.of(tensor(exact).to(dtype)).pixels[..., 0], exact * 255)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (BYTES[0], r"\(8, 5, 3\) may be one picture: pass images\[None\]"),
        (BYTES[0].transpose(2, 0, 1), r"\(3, 8, 5\) may be one picture: pass images\[None\], or images\[:, None\]"),
        (np.zeros((4, 3, 8, 3), np.uint8), r"\(4, 3, 8, 3\) may be \(N, H, W, C\) or \(N, C, H, W\)"),
        (np.zeros((4, 8, 8, 4), np.uint8), "expected 1 or 3 channels"),
        (np.zeros((4, 8), np.uint8), r"expected \(N, H, W\)"),
        (np.zeros((0, 8, 8, 3), np.uint8), "expected"),
        (BYTES.astype(np.float32), "float32 from 0 to 255: expected bytes 0–255 or floats from 0 to 1: divide by 255"),
        (RNG.normal(size=(4, 3, 8, 8)), "as they were before normalisation"),
        (np.full((4, 8, 8), np.nan), "fill in what is NaN"),
        (BYTES.astype(np.int64) - 1, "int64 from -1 to 254: expected bytes"),
        (BYTES.astype(np.uint16) * 9, "uint16 from 0 to"),
        (BYTES.astype(complex), "expected numbers, got complex128"),
        ([BYTES[0], BYTES[1, :4]], r"several sizes, \(8, 5, 3\) and \(4, 5, 3\)"),
        ([], "there is no picture"),
        ([1, 2, 3], "a list of arrays"),
        ((str(i) for i in range(3)), "a generator can be read only once: pass a list, such as sorted"),
        (None, "expected an array, a tensor, a folder"),
        ({"a": BYTES}, "expected an array, a tensor, a folder"),
        (7, "expected an array, a tensor, a folder"),
        (["a.jpg", BYTES[0]], "expected numbers, got dtype <U5"),
    ],
)
def test_what_is_no_set_of_pictures_is_refused_in_one_line(given, message):
    with pytest.raises(InputError, match=message) as caught:
        Images.of(given)
    assert "\n" not in str(caught.value)


def test_labels_are_classes_or_gaps():
    assert Images.of(BYTES, [0, None, -1, float("nan"), 2, 1]).labels.tolist() == [0, -1, -1, -1, 2, 1]
    with pytest.raises(InputError, match="6 pictures but 2 labels"):
        Images.of(BYTES, [0, 1])
    with pytest.raises(InputError, match="a name"):
        Images.of(BYTES, ["cat", "1"] * 3)


def test_a_flat_folder_is_an_unlabeled_pool(tmp_path):
    for i in (2, 0, 1):
        picture(tmp_path / f"{i}.png", 100 + i)
    (tmp_path / "notes.txt").write_text("about")
    for given in (str(tmp_path), tmp_path):
        pool = Images.of(given)
        assert pool.names == ("0.png", "1.png", "2.png")
        assert (pool.labels.tolist(), pool.classes, pool.shape) == ([-1, -1, -1], (), (10, 10, 3))
        assert [int(read_square(path, 10)[0, 0, 0]) for path in pool.paths] == [100, 101, 102]


def test_class_folders_are_labels_and_what_lies_outside_is_unlabeled(tmp_path):
    for place in ("dog/old/a.png", "b.png", "cat/c.png", "Unlabeled/d.png", ".hidden/e.png"):
        picture(tmp_path / place, 9)
    pool = Images.of(tmp_path)
    assert pool.classes == ("cat", "dog")
    found = dict(zip(pool.names, pool.labels.tolist(), strict=True))
    assert found == {"Unlabeled/d.png": -1, "b.png": -1, "cat/c.png": 0, "dog/old/a.png": 1}
    assert Images.of(tmp_path, [1, -1, 0, -1]).labels.tolist() == [1, -1, 0, -1]
    some = pool.take([2, 1])
    assert (some.names, some.classes) == ((pool.names[2], pool.names[1]), pool.classes)


def test_a_folder_of_splits_is_no_pool(tmp_path):
    for place in ("Train/a/0.png", "val/a/0.png"):
        picture(tmp_path / place, 9)
    with pytest.raises(InputError, match=r"a training and a test part, Train and val: pass .*Train, or read both"):
        Images.of(tmp_path)
    assert Images.of(tmp_path / "Train").classes == ("a",)


def test_an_experiment_refuses_what_has_no_labels_and_names_the_way(tmp_path):
    picture(tmp_path / "flat" / "0.png", 9)
    np.savez(tmp_path / "gaps.npz", images=BYTES, labels=[0, 1, -1, 0, 1, -1])
    np.savez(tmp_path / "none.npz", images=BYTES)
    for name in ("flat", "gaps.npz", "none.npz"):
        with pytest.raises(InputError, match=r"askew\.Images\.of reads"):
            load(tmp_path / name)
        assert (Images.of(tmp_path / name).labels == -1).any()


def test_what_is_unlabeled_beside_class_folders_takes_no_part_in_an_experiment(tmp_path):
    for i in range(4):
        for place in ("cat", "dog", "unlabeled", "."):
            picture(tmp_path / place / f"{i}.png", 9)
    data = load(tmp_path)
    assert (data.classes, len(data.train) + len(data.test)) == (("cat", "dog"), 8)


def left_half_white(size=(24, 24)):
    """A picture by which one sees whether it was turned."""
    pixels = np.zeros((*size, 3), np.uint8)
    pixels[:, : size[1] // 2] = 255
    return Image.fromarray(pixels)


def odd_photos(folder):
    """Photos in every usual form, all of which show the same, and what lies beside photos."""
    (folder / "Urlaub 2024" / "Küche").mkdir(parents=True)
    half = left_half_white()
    turned = Image.Exif()
    turned[0x0112] = 6  # the camera was turned: what is stored shows it a quarter to the left
    half.transpose(Image.Transpose.ROTATE_90).save(folder / "turned.png", exif=turned)
    half.convert("CMYK").save(folder / "cmyk.JPG", quality=95)
    Image.fromarray(np.asarray(half.convert("L")).astype(np.uint16) * 257).save(folder / "sixteen.png")
    half.convert("P").save(folder / "palette.PNG")
    black = Image.new("RGB", half.size)
    half.save(folder / "animated.gif", save_all=True, append_images=[black])
    half.save(folder / "animated.webp", save_all=True, append_images=[black], lossless=True)
    half.save(folder / "scan.TIF")
    half.save(folder / "Urlaub 2024" / "Küche" / "Bild mit Leerzeichen.JPeG", "JPEG", quality=95)
    clear = half.convert("RGBA")
    clear.putalpha(Image.eval(half.convert("L"), lambda value: 255 - value))  # white is what shines through
    clear.save(folder / "clear.png")
    for beside in (".DS_Store", "Thumbs.db", "desktop.ini", "._turned.png", "raw.CR2"):
        (folder / beside).write_bytes(b"\0\0\0\1Bud1")


def test_photos_in_every_usual_form_are_read_alike(tmp_path):
    odd_photos(tmp_path)
    pool = Images.of(tmp_path)
    assert (len(pool), pool.shape) == (9, (24, 24, 3))
    for path in pool.paths:
        pixels = read_square(path, 24).astype(int)
        assert pixels[:, :8].min() > 240, path
        assert pixels[:, 16:].max() < 15, path
    assert "Urlaub 2024/Küche/Bild mit Leerzeichen.JPeG" in pool.names
    assert dict(zip(pool.names, pool.labels.tolist(), strict=True))["turned.png"] == -1


@pytest.mark.parametrize("name", ["IMG_1.HEIC", "b.heif"])
def test_a_picture_of_a_phone_that_pillow_cannot_read_is_named_with_the_way_out(tmp_path, name):
    odd_photos(tmp_path)
    (tmp_path / name).write_bytes(b"\0\0\0\x18ftypheic" + bytes(99))
    for given in (tmp_path, [tmp_path / name], tmp_path / name):
        with pytest.raises(InputError, match=rf"{name}: cannot be read as a picture \(for HEIC, convert it to JPEG"):
            Images.of(given)
    assert len(Images.of(tmp_path, skip_unreadable=True)) == 9


def test_lists_of_files_keep_their_order(tmp_path):
    files = [picture(tmp_path / f"{i}.png", i, size=(20 + i, 30)) for i in (3, 1, 2)]
    pandas = pytest.importorskip("pandas")
    for given in (files, tuple(map(str, files)), np.array(list(map(str, files))), pandas.Series(list(map(str, files)))):
        pool = Images.of(given)
        assert pool.paths == tuple(files)
        assert pool.names == tuple(file.as_posix() for file in files)
        assert pool.side_px == 22
    assert Images.of(files, side_px=8).shape == (8, 8, 3)
    assert Images.of(files[0]).paths == (files[0],)


def test_pictures_of_pillow_become_what_their_files_become(tmp_path):
    noise = [Image.fromarray(RNG.integers(0, 256, (11, 13 + i, 3), dtype=np.uint8)) for i in range(3)]
    for i, one in enumerate(noise):
        one.save(tmp_path / f"{i}.png")
    pool = Images.of(noise, [0, 1, 0])
    assert np.array_equal(pool.pixels, [read_square(path, 11) for path in Images.of(tmp_path).paths])
    assert Images.of(noise[0], side_px=9).shape == (9, 9, 3)


def test_what_is_not_there_or_not_readable_is_named(tmp_path):
    good, bad = picture(tmp_path / "a.png", 9), tmp_path / "b.png"
    bad.write_bytes(b"no picture")
    with pytest.raises(DataNotFound, match="there is no file or folder"):
        Images.of(tmp_path / "absent")
    with pytest.raises(DataNotFound, match=r"c\.png: no such file"):
        Images.of([good, tmp_path / "c.png"])
    (tmp_path / "notes.txt").write_text("about")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="is no picture: expected an array"):
        Images.of(tmp_path / "notes.txt")
    with pytest.raises(InputError, match=r"b\.png: cannot be read as a picture"):
        Images.of(bad)
    with pytest.raises(InputError, match="has no pictures"):
        Images.of(tmp_path / "empty")
    (tmp_path / "gone.png").symlink_to("nowhere")
    with pytest.raises(DataNotFound, match=r"gone\.png: a link that leads nowhere"):
        Images.of(tmp_path)
    assert Images.of(tmp_path, skip_unreadable=True).names == ("a.png",)
    with pytest.raises(InputError, match=r"b\.png"):
        Images.of([bad], skip_unreadable=True)


def test_a_side_is_for_files():
    with pytest.raises(InputError, match="side_px: arrays keep their size, 8 × 5"):
        Images.of(BYTES, side_px=16)
    with pytest.raises(InputError, match="at least 4"):
        Images.of(BYTES, side_px=2)


@pytest.mark.parametrize(
    ("arrays", "labels", "classes"),
    [
        ({}, [-1] * 6, ()),
        ({"labels": [0, -1, 2, -1, 0, 0]}, [0, -1, 2, -1, 0, 0], ("0", "1", "2")),
        ({"labels": np.array([1, np.nan, 0, 0, 0, 0])}, [1, -1, 0, 0, 0, 0], ("0", "1")),
        ({"labels": np.array(["dog", "", "cat", "", "", "dog"])}, [1, -1, 0, -1, -1, 1], ("cat", "dog")),
        ({"labels": [0, -1, -1, -1, -1, 1], "classes": ["x", "y", "z"]}, [0, -1, -1, -1, -1, 1], ("x", "y", "z")),
        ({"labels": [-1] * 6, "classes": ["x", "y"]}, [-1] * 6, ("x", "y")),
    ],
)
def test_an_npz_is_a_pool_with_or_without_labels(tmp_path, arrays, labels, classes):
    np.savez(tmp_path / "a.npz", images=BYTES, **arrays)
    pool = Images.of(tmp_path / "a.npz")
    assert np.array_equal(pool.pixels, BYTES)
    assert (pool.labels.tolist(), pool.classes) == (labels, classes)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x_train": BYTES}, "x_train says that it holds a training and a test part"),
        ({"images": BYTES, "is_test": np.zeros(6)}, "is_test says"),
        ({"pictures": BYTES}, "holds pictures; expected `images`, or `jpeg`"),
        ({"images": BYTES, "labels": [0, 1]}, "6 pictures but 2 labels"),
        ({"images": BYTES, "labels": [0, -2, 0, 0, 0, 0]}, "-2 at item 1"),
    ],
)
def test_an_npz_that_is_no_pool_says_why(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match=message):
        Images.of(tmp_path / "a.npz")


def test_an_npy_is_read_when_it_is_used(tmp_path):
    np.save(tmp_path / "a.npy", BYTES)
    pool = Images.of(tmp_path / "a.npy")
    assert isinstance(pool.pixels.base, np.memmap)
    assert np.array_equal(pool.pixels, BYTES)


def test_names_and_classes_are_held_to_the_pictures():
    labels = np.array([0, 1, -1, 0, 0, 0])
    with pytest.raises(InputError, match="names: 1 for 6 pictures"):
        Images(labels, BYTES, names=("a",))
    with pytest.raises(InputError, match="labels: 1 is outside the 1 classes; at picture 1"):
        Images(labels, BYTES, classes=("a",))
    with pytest.raises(InputError, match="two classes are called 'a'"):
        Images(labels, BYTES, classes=("a", "a"))


def test_labels_may_be_names_of_classes():
    four = BYTES[:4]
    sorted_names = Images.of(four, ["dog", None, "cat", "unlabeled"])
    assert (sorted_names.classes, sorted_names.labels.tolist()) == (("cat", "dog"), [1, -1, 0, -1])
    ordered = Images.of(four, np.array(["dog", "", "cat", "dog"]), classes=["dog", "cat", "emu"])
    assert (ordered.classes, ordered.labels.tolist()) == (("dog", "cat", "emu"), [0, -1, 1, 0])
    assert Images.of(four, [1, -1, 0, 1], classes=["dog", "cat"]).classes == ("dog", "cat")
    assert Images.of(four, [3, -1, 5, 3], classes=[3, 5]).labels.tolist() == [0, -1, 1, 0]
    with pytest.raises(InputError, match=r"labels: 'emu' at item 1 is none of the 2 classes: cat, dog"):
        Images.of(four, ["dog", "emu", "cat", "dog"], classes=["cat", "dog"])
    with pytest.raises(InputError, match="4 pictures but 2 labels"):
        Images.of(four, ["dog", "cat"])
    with pytest.raises(InputError, match="classes: the pictures bring theirs, cat, dog"):
        Images.of(sorted_names, classes=["dog", "cat"])


@pytest.mark.parametrize("ending", [".jfif", ".avif", ".heic"])
def test_pictures_of_phones_and_browsers_are_not_passed_over(tmp_path, ending):
    picture(tmp_path / "cat" / "a.png", 1)
    (tmp_path / "cat" / f"b{ending}").write_bytes((tmp_path / "cat" / "a.png").read_bytes())
    assert f"b{ending}" in {path.name for path in pictures.find(tmp_path)}
