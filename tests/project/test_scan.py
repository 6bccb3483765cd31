"""What is new, moved, there twice, gone or damaged is told, and an item keeps its number and its part."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from askew.errors import DataNotFound, InputError
from askew.project import items
from askew.project import scan as scan_module
from askew.project.scan import Scan, scan
from askew.project.store import Store, sqlite_url

from .conftest import picture


@pytest.fixture
def empty(tmp_path: Path):
    made = Store.create(sqlite_url(tmp_path / "empty.sqlite"), ["a", "b"])
    yield made
    made.close()


def look(store: Store, *folders: Path, share: float = 0.0) -> Scan:
    return scan(store, folders, test_share=share)


def test_new_pictures_become_items(empty: Store, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    paths = [picture(photos / "b" / f"{i}.png", i) for i in range(3)]
    found = look(empty, photos)
    assert found.added == paths
    assert (found.unchanged, found.duplicates, found.unreadable) == (0, [], [])
    for item, path in zip(items.all_items(empty), paths, strict=True):
        assert item.path == path
        assert item.hash == hashlib.sha256(path.read_bytes()).hexdigest()
        assert (item.width_px, item.height_px, item.part) == (12, 9, "pool")
        assert items.item(empty, item.id) == item
    again = look(empty, photos)
    assert again == Scan(unchanged=3)


def test_a_moved_file_stays_the_same_item(empty: Store, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    old, new = picture(photos / "a.png", 1), photos / "b" / "c.png"
    look(empty, photos)
    new.parent.mkdir()
    old.rename(new)
    found = look(empty, photos)
    assert (found.moved, found.added, found.gone) == ([(old, new)], [], [])
    assert [one.path for one in items.all_items(empty)] == [new]
    new.rename(old)
    found = look(empty, photos)
    assert (found.back, found.moved, found.added, found.gone) == ([old], [], [], [])
    assert [one.path for one in items.all_items(empty)] == [old]


def test_the_same_picture_twice_is_one_item(empty: Store, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    first, second = picture(photos / "a.png", 1), picture(photos / "b.png", 1)
    found = look(empty, photos)
    assert (found.added, found.duplicates) == ([first], [(second, first)])
    assert len(items.all_items(empty)) == 1
    first.unlink()
    found = look(empty, photos)
    assert found.gone == []
    assert [one.path for one in items.all_items(empty)] == [second]
    second.unlink()
    assert look(empty, photos).gone == [second]
    assert [one.path for one in items.all_items(empty)] == [None]


def test_a_file_that_changed_is_another_item_and_one_that_was_touched_is_not(empty: Store, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    path = picture(photos / "a.png", 1)
    look(empty, photos)
    os.utime(path, (5, 5))
    assert look(empty, photos) == Scan(unchanged=1)
    picture(path, 2)
    assert look(empty, photos).added == [path]
    assert [one.path for one in items.all_items(empty)] == [None, path]
    path.write_bytes(b"damaged")
    assert [one for one, _ in look(empty, photos).unreadable] == [path]
    assert [one.path for one in items.all_items(empty)] == [None, None]
    picture(path, 2)
    assert look(empty, photos).back == [path]


def test_a_folder_that_is_not_looked_through_stays_as_it_was(empty: Store, tmp_path: Path) -> None:
    one, two = picture(tmp_path / "one" / "a.png", 1), picture(tmp_path / "two" / "b.png", 2)
    look(empty, one.parent, two.parent)
    copy = tmp_path / "two" / "c.png"
    shutil.copyfile(one, copy)
    two.unlink()
    found = look(empty, two.parent)
    assert (found.duplicates, found.gone) == ([(copy, one)], [two])


def test_an_upright_picture_is_measured_as_it_is_seen(empty: Store, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    lying = Image.Exif()
    lying[0x0112] = 6
    Image.new("RGB", (40, 20)).save(photos / "a.jpg", exif=lying)
    look(empty, photos)
    (item,) = items.all_items(empty)
    assert (item.width_px, item.height_px) == (20, 40)


def test_the_test_part_is_told_by_the_hash(empty: Store, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for i in range(200):
        picture(photos / f"{i}.png", i, (2, 2))
    found = look(empty, photos, share=0.3)
    wanted = {one.id for one in items.all_items(empty) if int(one.hash, 16) < 0.3 * 16**64}
    assert {one.id for one in items.all_items(empty) if one.part == "test"} == wanted
    assert found.test == len(wanted)
    assert 40 <= len(wanted) <= 80


def test_many_pictures_keep_a_smaller_share(empty: Store, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for i in range(100):
        picture(photos / f"{i}.png", i, (2, 2))
    assert scan(empty, [photos], test_share=0.5, test_most=10).test == sum(
        int(one.hash, 16) < 0.1 * 16**64 for one in items.all_items(empty)
    )


def test_a_folder_that_is_not_there_changes_nothing(empty: Store, tmp_path: Path) -> None:
    path = picture(tmp_path / "photos" / "a.png", 1)
    look(empty, path.parent)
    with pytest.raises(DataNotFound, match="no such folder"):
        look(empty, path.parent, tmp_path / "none")
    assert [one.path for one in items.all_items(empty)] == [path]


def test_the_projects_own_folder_is_passed_over(empty: Store, tmp_path: Path) -> None:
    path = picture(tmp_path / "photos" / "a.png", 1)
    picture(tmp_path / "photos" / "birds" / "report" / "b.png", 2)
    found = scan(empty, [path.parent], test_share=0, without=[path.parent / "birds"])
    assert found.added == [path]


def test_a_file_without_a_picture_is_told_each_time_and_read_again_once_it_changed(
    empty: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = tmp_path / "photos"
    picture(photos / "a.png", 1)
    bad = photos / "bad.png"
    bad.write_bytes(b"no picture")
    first = look(empty, photos)
    read: list[str] = []
    monkeypatch.setattr(scan_module, "_look", lambda path, really=scan_module._look: read.append(path) or really(path))
    again = look(empty, photos)
    assert (read, again.unreadable, again.unchanged) == ([], first.unreadable, 1)
    assert [path for path, _ in first.unreadable] == [bad]
    picture(bad, 2)
    mended = look(empty, photos)
    assert (read, mended.unreadable, mended.added) == ([str(bad)], [], [bad])
    assert look(empty, photos).unchanged == 2


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_tried_again(empty: Store, tmp_path: Path) -> None:
    path = picture(tmp_path / "photos" / "a.png", 1)
    path.chmod(0)
    assert [one for one, _ in look(empty, path.parent).unreadable] == [path]
    path.chmod(0o600)
    assert look(empty, path.parent).added == [path]


def test_a_file_that_the_disk_did_not_give_is_tried_again(
    empty: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = picture(tmp_path / "photos" / "a.png", 1)

    def broken(_: str) -> str:
        raise InputError("a.png: cannot be read: Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(scan_module, "_digest", broken)
        assert [one for one, _ in look(empty, path.parent).unreadable] == [path]
    assert look(empty, path.parent).added == [path]
