"""Files that attack whoever reads them end in one line, at once; names that attack do not leave their folder."""

from __future__ import annotations

import contextlib
import os
import stat
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from askew.data import reading
from askew.errors import InputError
from askew.project import labels
from askew.project.exchange import formats
from askew.project.exchange.folders import write as write_folders
from askew.project.exchange.giving import give, labels_of
from askew.project.exchange.rows import Content, Row, check_inside, stems
from askew.project.exchange.taking import Rules, take
from askew.project.folder import Project
from askew.project.items import all_items
from askew.project.labels import Answer
from askew.project.store import add_class

LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
ENTITIES = {
    "laughs": f'<!DOCTYPE a [<!ENTITY l0 "lol">{LAUGHS}]>',
    "external": '<!DOCTYPE a [<!ENTITY l9 SYSTEM "file:///etc/passwd">]>',
    "parameter": '<!DOCTYPE a [<!ENTITY % l9 SYSTEM "file:///etc/passwd"> %l9;]>',
    "dtd": '<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd">',
}
CVAT = '<annotations><image name="a.png"><tag label="&l9;"/></image></annotations>'
VOC = "<annotation><filename>&l9;</filename></annotation>"


@pytest.mark.parametrize("text", [CVAT, VOC], ids=["cvat", "voc"])
@pytest.mark.parametrize("entity", ENTITIES)
@pytest.mark.parametrize("before", ["", "<!--" + " " * 100_000 + "-->"], ids=["first", "far"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_xml_that_declares_anything_is_refused(
    tmp_path: Path, text: str, entity: str, before: str, encoding: str
) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(f'<?xml version="1.0" encoding="{encoding}"?>{before}{ENTITIES[entity]}{text}'.encode(encoding))
    start = time.process_time()
    for kind in (None, "cvat", "voc"):
        with pytest.raises(InputError) as refused:
            formats.read(path, kind)
        assert "\n" not in str(refused.value)
        assert "root:" not in str(refused.value)
    assert time.process_time() - start < 20
    with pytest.raises(InputError, match="a document type is declared"):
        formats.read(path, "cvat")


def zipped(path: Path, fill: Callable[[zipfile.ZipFile], None]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        fill(archive)
    return path


@pytest.mark.parametrize("name", ["../evil.csv", "/tmp/evil.csv", "a/../../evil.csv", "..\\evil.csv", "C:evil.csv"])
def test_names_in_an_archive_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    path = zipped(
        tmp_path / "in" if (tmp_path / "in").mkdir() else tmp_path / "in" / "a.zip", lambda a: a.writestr(name, "x")
    )
    with pytest.raises(InputError, match="leads out of the folder"):
        formats.read(path)
    assert [one.name for one in tmp_path.rglob("*")] == ["in", "a.zip"]
    assert not Path("/tmp/evil.csv").exists()


def test_links_bombs_and_locked_archives_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = zipfile.ZipInfo("labels.csv")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(InputError, match="is a link"):
        formats.read(zipped(tmp_path / "link.zip", lambda archive: archive.writestr(link, "/etc/passwd")))
    monkeypatch.setattr(formats, "MOST_UNPACKED_BYTES", 10_000_000)
    bomb = zipped(tmp_path / "bomb.zip", lambda archive: archive.writestr("labels.csv", bytes(10_000_001)))
    assert bomb.stat().st_size < 20_000
    with pytest.raises(InputError, match="unpacked: unpack it"):
        formats.read(bomb)
    twice = tmp_path / "twice.zip"
    with zipfile.ZipFile(twice, "w") as archive:
        archive.writestr("labels.csv", "file,label\n")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("labels.csv", "file,label\n")
    with pytest.raises(InputError, match="zip archive"):
        formats.read(twice)
    (tmp_path / "cut.zip").write_bytes(bomb.read_bytes()[:-30])
    with pytest.raises(InputError, match="zip archive"):
        formats.read(tmp_path / "cut.zip")


def test_json_that_is_too_deep_or_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"images":' + "[" * 200_000)
    with pytest.raises(InputError, match="nested too deep"):
        formats.read(path)
    monkeypatch.setattr(reading, "memory_bytes", lambda: 1_000_000)
    path.write_text('{"images": [], "categories": []}' + " " * 100_000)
    with pytest.raises(InputError, match="this machine has"):
        formats.read(path)


def test_yaml_makes_no_objects_and_does_not_grow(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    marker = tmp_path / "made"
    laughs = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12))
    for text in (
        f"names: !!python/object/apply:os.system ['touch {marker}']\n",
        f"names:\n  - !!python/object/apply:os.system ['touch {marker}']\n",
        f"{laughs}names: *a11\n",
        "names: &a [*a]\n",
    ):
        (tmp_path / "data.yaml").write_text(text)
        start = time.process_time()
        with contextlib.suppress(InputError):
            formats.read(tmp_path)
        assert time.process_time() - start < 10
        assert not marker.exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.xml")
    os.mkfifo(tmp_path / "b.json")
    for path in (tmp_path, tmp_path / "a.xml", tmp_path / "b.json"):
        with pytest.raises(InputError, match="a pipe or a device"):
            formats.read(path)


def test_names_in_a_file_are_never_opened(project: Project, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes((tmp_path / "photos" / "a.png").read_bytes())
    path = tmp_path / "in.csv"
    path.write_text(f"file,label\n../secret.png,heron\n{secret},heron\n../../etc/passwd,heron\na.png,gull\n")
    out = take(project, path, rules=Rules())
    assert (len(out.answers), list(map(len, out.told.values()))) == (1, [3])


@pytest.mark.parametrize("name", ["../a.jpg", "/a.jpg", "a/../../b.jpg", "a//b.jpg", "..\\a.jpg", "C:a.jpg", "."])
def test_names_that_lead_out_are_not_written(name: str) -> None:
    with pytest.raises(InputError, match="leads out of the folder"):
        check_inside(name)
    with pytest.raises(InputError, match="leads out of the folder"):
        stems([Row(name, "boxes")])


@pytest.mark.parametrize("kind", ["../out", "/out", "a/b", "..", ".hidden", "unlabeled", "a\\b"])
def test_no_class_makes_a_folder_outside(project: Project, tmp_path: Path, kind: str) -> None:
    add_class(project.store, kind)
    labels.record(project.store, [Answer(all_items(project.store)[0].id, "class", kind)])
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match="folder"):
        give(project, labels_of(project), "folders", tmp_path / "given")
    assert sorted(tmp_path.rglob("*")) == before
    with pytest.raises(InputError, match="folder"):
        write_folders(Content((Row("a.jpg", "class", kind),)))


def test_what_no_format_holds_is_no_name() -> None:
    for name in ("a\nb.jpg", "a\x00.jpg", "a\u2028.jpg", "\ud800.jpg", "\ufffe.jpg", "x" * 5000):
        with pytest.raises(InputError) as refused:
            Row(name)
        assert "\n" not in str(refused.value)
        with pytest.raises(InputError):
            Row("a.jpg", "class", name[:-4] if len(name) < 99 else "\ufffe")


def test_a_million_formulas(tmp_path: Path) -> None:
    """In 10⁶ rows a formula stays text: guarded where a spreadsheet reads it, itself again where askew does."""
    n = int(os.environ.get("ASKEW_FORMULA_ROWS", 20_000))
    rows = tuple(Row(f"=cmd|'/c calc'!A{i}.jpg", "class", "+1" if i % 2 else "@SUM(1)") for i in range(n))
    from askew.project.exchange import csv_file

    path = tmp_path / "a.csv"
    path.write_text(csv_file.write(Content(rows)), encoding="utf-8")
    with path.open(encoding="utf-8") as stream:
        next(stream)
        assert all(line.startswith("'=cmd") and (",'+1," in line or ",'@SUM(1)," in line) for line in stream)
    assert formats.read(path)[1].rows == rows
