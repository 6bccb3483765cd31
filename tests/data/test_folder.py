from __future__ import annotations

import os
import threading
import warnings

import numpy as np
import pytest

from askew.data import folder, pictures
from askew.data.load import load
from askew.errors import DataNotFound, InputError

Image = pytest.importorskip("PIL.Image")


def picture(path, gray, size=(12, 10)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, gray).save(path)


@pytest.fixture
def pets(tmp_path):
    """cats are 10–19, dogs 200–209; beside them what belongs to no class."""
    root = tmp_path / "pets"
    for i in range(10):
        picture(root / "cat" / f"{i}.png", 10 + i)
        picture(root / "dog" / "kennel" / f"{i}.BMP", 200 + i, size=(30, 16))
    (root / "bird").mkdir()
    (root / "notes.txt").write_text("about")
    picture(root / ".thumbs" / "x.png", 0)
    picture(root / "cat" / "._0.png", 0)
    return root


def test_a_folder_a_class_with_a_share_held_out(pets):
    data = load(str(pets))
    assert data.classes == ("cat", "dog")
    assert np.bincount(data.train.labels).tolist() == [8, 8]
    assert np.bincount(data.test.labels).tolist() == [2, 2]
    kinds = {name.split("/")[0] for name in data.train.names + data.test.names}
    assert kinds == {"cat", "kennel"}
    assert [int(name.split("/")[1].split(".")[0]) for name in data.train.names] == [
        int(p[5, 5, 0]) % 10 for p in data.train.pixels
    ]
    assert data.train.shape == (13, 13, 3)  # the median of ten 10s and ten 16s
    seen = sorted(int(p[5, 5, 0]) for split in (data.train, data.test) for p in split.pixels)
    assert seen == [*range(10, 20), *range(200, 210)]
    assert all(
        (p[5, 5, 0] >= 200) == bool(label) for p, label in zip(data.train.pixels, data.train.labels, strict=True)
    )


def test_added_pictures_do_not_reshuffle_the_test_set(pets):
    before = load(str(pets), image_side_px=8).test.pixels[:, 0, 0, 0]
    picture(pets / "cat" / "new.png", 99)
    after = load(str(pets), image_side_px=8).test.pixels[:, 0, 0, 0]
    assert len(set(before.tolist()) & set(after.tolist())) >= 3


@pytest.mark.parametrize(("train", "test"), [("train", "test"), ("Train", "val"), ("training", "valid")])
def test_folders_of_splits(tmp_path, train, test):
    for i in range(3):
        picture(tmp_path / train / "a" / f"{i}.png", i)
        picture(tmp_path / train / "b" / f"{i}.png", 100 + i)
    picture(tmp_path / test / "b" / "0.png", 150)
    data = load(str(tmp_path))
    assert (len(data.train), data.test.labels.tolist(), int(data.test.pixels[0, 0, 0, 0])) == (6, [1], 150)


def test_a_train_folder_alone_is_split(tmp_path):
    for i in range(5):
        picture(tmp_path / "train" / "a" / f"{i}.png", i)
        picture(tmp_path / "train" / "b" / f"{i}.png", 100 + i)
    data = load(str(tmp_path))
    assert (data.classes, len(data.train), len(data.test)) == (("a", "b"), 8, 2)


def test_a_class_of_the_test_folder_alone_is_named(tmp_path):
    for name in ("train/a", "train/b", "test/c"):
        picture(tmp_path / name / "0.png", 0)
    with pytest.raises(InputError, match="class 'c' has pictures in test but none in train"):
        load(str(tmp_path))


def test_unreadable_pictures_are_named_or_left_out(pets):
    cut = pets / "dog" / "kennel" / "4.BMP"
    cut.write_bytes(cut.read_bytes()[:200])
    (pets / "cat" / "3.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"cat/3\.png: cannot be read.*2 of 20 pictures.*--skip-unreadable"):
        load(str(pets))
    data = load(str(pets), skip_unreadable=True)
    assert sorted(p.name for p in data.unreadable) == ["3.png", "4.BMP"]
    assert len(data.train) + len(data.test) == 18


def test_every_picture_is_checked_once_until_one_changes(pets, monkeypatch):
    load(str(pets))
    monkeypatch.setattr(pictures, "read_square", lambda *_: pytest.fail("read again"))
    load(str(pets))
    monkeypatch.undo()
    cut = pets / "cat" / "5.png"
    cut.write_bytes(cut.read_bytes()[:40])
    with pytest.raises(InputError, match=r"5\.png"):
        load(str(pets))


def test_large_folders_stay_on_disk(pets, monkeypatch):
    in_memory = load(str(pets), image_side_px=9)
    monkeypatch.setattr(folder, "IN_MEMORY_BYTES", 100)
    streamed = load(str(pets), image_side_px=9)
    assert streamed.train.pixels is None
    assert streamed.train.shape == in_memory.train.shape
    assert np.array_equal(streamed.train.labels, in_memory.train.labels)
    for path, pixels in zip(streamed.train.paths, in_memory.train.pixels, strict=True):
        assert np.array_equal(pictures.read_square(path, 9), pixels)


def test_what_is_too_little_is_said(tmp_path):
    with pytest.raises(DataNotFound, match="no such folder"):
        load(str(tmp_path / "absent" / "x"))
    with pytest.raises(InputError, match="has no pictures; expected CLASS/picture"):
        load(str(tmp_path))
    picture(tmp_path / "loose.png", 0)
    with pytest.raises(InputError, match="1 pictures directly in it, which belong to no class"):
        load(str(tmp_path))
    picture(tmp_path / "a" / "0.png", 0)
    with pytest.raises(InputError, match="only one class folder has pictures"):
        load(str(tmp_path))
    picture(tmp_path / "b" / "0.png", 0)
    with pytest.raises(InputError, match="2 pictures are too few"):
        load(str(tmp_path))
    (tmp_path / "b" / "0.png").write_bytes(b"no")
    picture(tmp_path / "a" / "1.png", 0)
    with pytest.raises(InputError, match="class 'b' has no readable picture"):
        load(str(tmp_path), skip_unreadable=True)


def test_links_that_lead_nowhere_and_pipes_are_unreadable_pictures(pets):
    (pets / "cat" / "gone.png").symlink_to("nowhere.png")
    (pets / "cat" / "loop.png").symlink_to("loop.png")
    os.mkfifo(pets / "dog" / "pipe.png")
    (pets / "dog" / "folder.png").mkdir()
    with pytest.raises(InputError, match=r"gone\.png: a link that leads nowhere; 3 of 23 pictures .*--skip-unreadable"):
        load(str(pets))
    data = load(str(pets), skip_unreadable=True)
    assert sorted(p.name for p in data.unreadable) == ["gone.png", "loop.png", "pipe.png"]
    assert len(data.train) + len(data.test) == 20


def test_a_loop_of_folders_ends(pets):
    (pets / "cat" / "again").symlink_to(pets)
    (pets / "self").symlink_to(pets / "self")
    assert load(str(pets)).classes == ("cat", "dog")


def test_class_folders_of_any_name_that_can_be_shown(pets):
    (pets / "cat").rename(pets / "$c_1^$")
    (pets / "dog").rename(pets / "犬 + @home")
    assert load(str(pets)).classes == ("$c_1^$", "犬 + @home")


@pytest.mark.parametrize(
    ("name", "shown"), [(b"caf\xe9", r"'caf\\udce9'"), (b"a\nb", r"'a\\nb'"), (b"x" * 200, "200 letters")]
)
def test_class_folders_whose_name_cannot_be_shown_are_refused(pets, name, shown):
    os.rename(pets / "cat", os.path.join(os.fsencode(pets), name))
    with pytest.raises(InputError, match=f"class .*{shown}.*rename it") as caught:
        load(str(pets), skip_unreadable=True)
    str(caught.value).encode()  # a terminal can print it


def test_picture_files_whose_name_is_not_utf8_are_read(pets):
    os.rename(pets / "cat" / "3.png", os.path.join(os.fsencode(pets), b"cat", b"caf\xe9.png"))
    assert len(load(str(pets)).train) == 16
    cut = os.path.join(os.fsencode(pets), b"cat", b"caf\xe9.png")
    with open(cut, "wb"):
        pass
    with pytest.raises(InputError, match=r"caf.udce9\.png") as caught:
        load(str(pets))
    str(caught.value).encode()


@pytest.mark.parametrize("kept", ["[]", "[[", '{"a": ', "null", '{"x": 3}'])
def test_damaged_files_of_the_cache_are_made_anew(pets, kept):
    before = load(str(pets))
    cache = folder.cache_root()
    for file in (*cache.rglob("*.json"), *cache.rglob("*.npy")):
        file.unlink()  # what is mapped stays as it is
        file.write_text(kept)
    again = load(str(pets), skip_unreadable=True)
    assert np.array_equal(again.train.pixels, before.train.pixels)


def test_reading_in_threads_leaves_warnings_as_they_were(pets):
    palette = Image.new("P", (9, 9))
    palette.info["transparency"] = b"\x00" * 300
    for i in range(30):
        palette.save(pets / "cat" / f"p{i}.png", transparency=bytes(200))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        before = list(warnings.filters)
        runs = [
            threading.Thread(target=lambda: list(map(pictures.shorter_side, pictures.find(pets)))) for _ in range(8)
        ]
        for run in runs:
            run.start()
        load(str(pets))
        for run in runs:
            run.join()
        assert warnings.filters == before
    assert caught == []


def test_sources_that_cannot_be_paths_are_one_line(tmp_path):
    for source in ("x" * 300 + "/y", "a\0b", "~nobody-of-this-name/x", str(tmp_path / ("x" * 300 + ".npz"))):
        with pytest.raises(InputError) as caught:
            load(source)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="cannot be"):
        load("cifar10", root=tmp_path / "a\0b")
    with pytest.raises(InputError):
        load("cifar10", root=tmp_path / ("x" * 300))
