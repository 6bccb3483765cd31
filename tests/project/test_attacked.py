"""What strangers put into folders and tables is told in one line; nothing hangs, and nothing is run or changed."""

from __future__ import annotations

import os
import struct
import time
import zlib
from pathlib import Path

import pytest

from askew.errors import InputError
from askew.project import existing, items, labels
from askew.project.scan import scan
from askew.project.store import Store, sqlite_url

from .conftest import picture


@pytest.fixture
def empty(tmp_path: Path):
    made = Store.create(sqlite_url(tmp_path / "empty.sqlite"), ["heron", "=cmd|' /C calc'!A0"])
    yield made
    made.close()


def huge_png(path: Path, side: int) -> Path:
    """A valid PNG of one gray bit a pixel, side × side, in few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    row = bytes(1 + side // 8)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b""))
    return path


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes there")
def test_a_folder_of_traps_is_looked_through(empty: Store, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    good = picture(photos / "heron" / "two\nlines.png", 1)
    os.mkfifo(photos / "pipe.jpg")
    (photos / "loop.png").symlink_to(photos / "loop.png")
    (photos / "around").symlink_to(photos)
    (photos / "nowhere.png").symlink_to("/nowhere")
    (photos / "device.png").symlink_to("/dev/zero")
    (photos / "script.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")
    (photos / "script.png").write_text("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")
    (photos / "folder.png").mkdir()
    (photos / os.fsdecode(b"\xff.png")).write_bytes(good.read_bytes())
    huge_png(photos / "huge.png", 14_200)  # 202 megapixels in 25 kB
    with (photos / "sparse.png").open("wb") as stream:
        stream.write(good.read_bytes())
        stream.truncate(3_000_000_000)
    before = {one.name: one.lstat().st_mtime_ns for one in photos.iterdir()}
    began = time.process_time()
    found = scan(empty, [photos], test_share=0)
    assert time.process_time() - began < 60
    assert found.added == [good]
    told = dict(found.unreadable)
    assert sorted(os.fsencode(path.name).decode("utf-8", "replace") for path in told) == sorted(
        ["\\udcff.png", "device.png", "huge.png", "loop.png", "nowhere.png", "pipe.jpg", "script.png", "sparse.png"]
    )
    assert all("\n" not in why for why in told.values())
    assert [one.path for one in items.all_items(empty)] == [good]
    assert {one.name: one.lstat().st_mtime_ns for one in photos.iterdir()} == before
    assert scan(empty, [photos], test_share=0).unchanged == 1


def test_a_table_of_a_million_rows_with_formulas_is_read(empty: Store, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    path = picture(photos / "a.png", 1)
    scan(empty, [photos], test_share=0)
    table = tmp_path / "t.csv"
    odd = ["../../etc/passwd", "/etc/passwd", "=HYPERLINK(1)", "a.png\0", "..\\..\\a.png"]
    rows = [f"{odd[i // 2 % len(odd)] if i % 2 else f'{i}.png'},heron" for i in range(1_000_000)]
    table.write_text("file,label\na.png,=cmd|' /C calc'!A0\n" + "\n".join(rows) + "\n")
    began = time.process_time()
    told = existing.of_table(table, [photos], items.places(empty))
    assert time.process_time() - began < 120
    assert dict(told.cells) == {str(path): "=cmd|' /C calc'!A0"}
    assert len(told.strangers) == len(rows)
    assert existing.take(empty, told).n == 1
    (label,) = labels.current(empty).values()
    assert label.class_name == "=cmd|' /C calc'!A0"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "file,label\n",
        "\xff\xfe",
        "file\na.png\n",
        "label\nheron\n",
        'file,label\n"a.png,heron\n',
        "file,label\na.png,heron,more\n",
        "file,label\na.png,heron\nphotos/../photos/a.png,gull\n",
        "file,label\na.png,\0\n",
        "file,label\na.png,two\x1blines\n",
        "file,label\na.png," + "x" * 300 + "\n",
    ],
)
def test_a_damaged_table_is_one_line(empty: Store, tmp_path: Path, text: str) -> None:
    photos, table = tmp_path / "photos", tmp_path / "t.csv"
    picture(photos / "a.png", 1)
    scan(empty, [photos], test_share=0)
    table.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError) as caught:
        existing.take(empty, existing.of_table(table, [photos], items.places(empty)))
    assert "\n" not in str(caught.value)
    assert labels.history(empty) == []


def test_too_many_classes_are_not_taken(tmp_path: Path) -> None:
    cells = {f"/p/{i}.png": f"c{i}" for i in range(existing.MOST_CLASSES + 1)}
    with pytest.raises(InputError, match="1,001 classes"):
        existing.Told("t.csv", cells).classes()


def test_folders_of_a_training_and_a_test_part_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="training and a test part"):
        existing.of_folders([tmp_path], [f"{tmp_path}/train/a/1.png", f"{tmp_path}/test/a/1.png"])
