"""What is exported is what the project holds, in the shape that the tools document; nothing is written over."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from posixpath import splitext
from typing import Any

import pytest

from askew.cli.main import main
from askew.errors import InputError
from askew.project import labels, questions
from askew.project.exchange.giving import give, labels_of, only, outside_names, questions_of
from askew.project.exchange.matching import Place
from askew.project.exchange.taking import Rules, take
from askew.project.folder import Project
from askew.project.items import all_items
from askew.project.labels import Answer
from askew.project.questions import NewQuestion

BOXES = '[{"class": "gull", "box": [4, 3, 20, 15]}]'


def ids(project: Project) -> dict[str, int]:
    return {str(one.path).rpartition("/photos/")[2]: one.id for one in all_items(project.store)}


def label_some(project: Project, *, boxes: bool) -> None:
    number = ids(project)
    if boxes:
        said = [Answer(number["a.png"], "boxes", detail=BOXES), Answer(number["sub/d ä.png"], "boxes", detail="[]")]
    else:
        said = [Answer(number["a.png"], "class", "heron"), Answer(number["=1+1.png"], "class", "gull")]
    labels.record(project.store, [*said, Answer(number["b.png"], "cannot_tell")])


def test_a_table_for_people_has_no_formulas_and_comes_back(project: Project, tmp_path: Path) -> None:
    label_some(project, boxes=False)
    give(project, labels_of(project), "csv", tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as stream:
        rows = {row["file"]: row for row in csv.DictReader(stream)}
    assert {name: (row["kind"], row["label"], row["width_px"]) for name, row in rows.items()} == {
        "a.png": ("class", "heron", "40"),
        "b.png": ("cannot_tell", "", "40"),
        "'=1+1.png": ("class", "gull", "40"),
    }
    assert take(project, tmp_path / "out.csv", rules=Rules()).same == 3


def test_pandas_reads_the_table(project: Project, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    label_some(project, boxes=True)
    give(project, labels_of(project), "csv", tmp_path / "out.csv")
    frame = pandas.read_csv(tmp_path / "out.csv")
    assert frame.loc[frame.kind == "boxes", ["file", "label", "right"]].values.tolist()[0] == ["a.png", "gull", 20.0]
    assert len(frame) == 3


def test_coco_has_what_its_page_says(project: Project, tmp_path: Path) -> None:
    label_some(project, boxes=True)
    give(project, labels_of(project), "coco", tmp_path / "out.json")
    document = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert document["categories"] == [{"id": 1, "name": "heron"}, {"id": 2, "name": "gull"}]
    (one,) = document["annotations"]
    image = {image["id"]: image for image in document["images"]}[one["image_id"]]
    assert (image["file_name"], image["width"], image["height"]) == ("a.png", 40, 30)
    assert one == {
        "id": 1,
        "image_id": image["id"],
        "category_id": 2,
        "bbox": [4.0, 3.0, 16.0, 12.0],
        "area": 192.0,
        "iscrowd": 0,
    }


def test_yolo_is_laid_out_as_ultralytics_reads_it(project: Project, tmp_path: Path) -> None:
    label_some(project, boxes=True)
    out = give(project, labels_of(project), "yolo", tmp_path / "out", pictures="copy")
    assert out.left_out == {"pictures of which nobody can tell": 1}
    lines = (tmp_path / "out" / "labels" / "a.txt").read_text().split()
    assert [float(one) for one in lines] == [1, 0.3, 0.3, 0.4, 0.4]
    assert (tmp_path / "out" / "labels" / "sub" / "d ä.txt").read_text() == ""
    for line in (tmp_path / "out" / "train.txt").read_text(encoding="utf-8").splitlines():
        picture = tmp_path / "out" / line
        assert picture.is_file()
        assert not picture.is_symlink()
        where = splitext(line.replace("/images/", "/labels/"))[0] + ".txt"  # as Ultralytics finds the boxes
        assert (tmp_path / "out" / where).is_file()
    yaml = pytest.importorskip("yaml")
    about = yaml.safe_load((tmp_path / "out" / "data.yaml").read_text(encoding="utf-8"))
    assert about == {"path": ".", "train": "train.txt", "val": "train.txt", "names": {0: "heron", 1: "gull"}}
    assert take(project, tmp_path / "out", rules=Rules()).same == 2


def test_voc_comes_back(project: Project, tmp_path: Path) -> None:
    label_some(project, boxes=True)
    give(project, labels_of(project), "voc", tmp_path / "out", pictures="link")
    assert (tmp_path / "out" / "JPEGImages" / "a.png").resolve() == (tmp_path / "photos" / "a.png").resolve()
    out = take(project, tmp_path / "out", rules=Rules())
    assert (out.format, out.same, out.told) == ("voc", 2, {})


def fiftyone_detections(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Reads a folder as FiftyOne's page says: labels by name without ending, pictures from data.json or data/."""
    document = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    if (folder / "data.json").is_file():
        data = json.loads((folder / "data.json").read_text(encoding="utf-8"))
    else:
        data = {one.relative_to(folder / "data").as_posix(): one for one in (folder / "data").rglob("*.png")}
    pictures = {splitext(name)[0]: Path(path) for name, path in data.items()}
    out = {}
    for name, target in document["labels"].items():
        for one in target if isinstance(target, list) else [target]:
            one["label"] = document["classes"][one["label"]]
        out[str(pictures[name].resolve())] = target
    return out


@pytest.mark.parametrize("pictures", [None, "copy", "link"])
def test_fiftyone_reads_boxes(project: Project, tmp_path: Path, pictures: str | None) -> None:
    label_some(project, boxes=True)
    give(project, labels_of(project), "fiftyone", tmp_path / "out", pictures=pictures)
    there = tmp_path / "out" / "data" if pictures == "copy" else tmp_path / "photos"
    assert fiftyone_detections(tmp_path / "out") == {
        str(there / "a.png"): [{"label": "gull", "bounding_box": [0.1, 0.1, 0.4, 0.4], "attributes": _when(project)}],
        str(there / "sub" / "d ä.png"): [],
    }


def _when(project: Project) -> dict[str, str]:
    return {"at": labels.history(project.store)[0].at}


def test_fiftyone_reads_classes_and_keeps_one_kind_apart(project: Project, tmp_path: Path) -> None:
    label_some(project, boxes=False)
    labels.record(project.store, [Answer(ids(project)["sub/c.png"], "boxes", detail=BOXES)])
    with pytest.raises(InputError, match="some pictures have one class and some boxes"):
        give(project, labels_of(project), "fiftyone", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    give(project, only(labels_of(project), "class"), "fiftyone", tmp_path / "out")
    found = {name.rpartition("/")[2]: one["label"] for name, one in fiftyone_detections(tmp_path / "out").items()}
    assert found == {"a.png": "heron", "=1+1.png": "gull"}


def test_class_folders_are_links_and_come_back(project: Project, tmp_path: Path) -> None:
    label_some(project, boxes=False)
    give(project, labels_of(project), "folders", tmp_path / "out")
    assert (tmp_path / "out" / "heron" / "a.png").is_symlink()
    assert (tmp_path / "out" / "gull" / "=1+1.png").read_bytes() == (tmp_path / "photos" / "=1+1.png").read_bytes()
    assert take(project, tmp_path / "out", rules=Rules()).same == 2


def test_questions_go_out_with_guesses_that_do_not_come_back_as_labels(project: Project, tmp_path: Path) -> None:
    number = ids(project)
    asked = [
        NewQuestion(number["b.png"], reason="least sure", guess="gull", confidence=0.25),
        NewQuestion(number["a.png"], reason="covers"),
        NewQuestion(number["sub/c.png"], detail='[{"class": "heron", "box": [0, 0, 4, 4], "score": 0.5}]'),
    ]
    questions.put(project.store, asked, strategy="entropy", n_labeled=0, seed=0)
    content = questions_of(project)
    assert [row.name for row in content.rows] == ["b.png", "a.png", "sub/c.png"]
    for kind, name in (("csv", "q.csv"), ("coco", "q.json"), ("cvat", "q.xml")):
        give(project, content, kind, tmp_path / name)
        out = take(project, tmp_path / name, rules=Rules())
        assert out.answers == []
        assert sorted(name for names in out.told.values() for name in names) == ["a.png", "b.png", "sub/c.png"]
    with (tmp_path / "q.csv").open(encoding="utf-8", newline="") as stream:
        first = next(csv.DictReader(stream))
    assert (first["label"], first["guess"], first["confidence"], first["reason"]) == ("", "gull", "0.25", "least sure")


@pytest.mark.parametrize(("kind", "name"), [("csv", "o.csv"), ("coco", "o.json"), ("cvat", "o.xml"), ("voc", "o")])
def test_nothing_is_written_over(project: Project, tmp_path: Path, kind: str, name: str) -> None:
    label_some(project, boxes=True)
    out = tmp_path / name
    if kind == "voc":
        out.mkdir()
        (out / "mine").write_text("mine")
    else:
        out.write_text("mine")
    with pytest.raises(InputError, match="is there already"):
        give(project, labels_of(project), kind, out)
    assert ((out / "mine") if kind == "voc" else out).read_text() == "mine"
    with pytest.raises(InputError, match="expected a"):
        give(project, labels_of(project), "csv", tmp_path / "o.json5")


def test_names_are_as_short_as_they_can_be_and_never_twice() -> None:
    paths = ["/p/x/a.jpg", "/q/x/a.jpg", "/p/b.jpg", "/elsewhere/b.jpg", "/p/q/x/a.jpg"]
    found = outside_names({i: Place(i, "", (1, 1), path) for i, path in enumerate(paths)}, ["/p", "/q"])
    assert list(found.values()) == ["p/x/a.jpg", "q/x/a.jpg", "p/b.jpg", "elsewhere/b.jpg", "p/q/x/a.jpg"]


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    try:
        status = main([str(one) for one in arguments])
    except SystemExit as stopped:
        status = int(str(stopped.code))
    return status, capsys.readouterr().err


def test_the_commands(project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "in.csv"
    source.write_text("file,label\na.png,heron\nb.png,tern\nnone.png,heron\n")
    status, err = run(capsys, "import", project.folder, source)
    assert (status, err.count("\n")) == (2, 1)
    assert "'tern': pass --add-classes" in err
    status, err = run(capsys, "import", project.folder, source, "--add-classes", "--who", "ada")
    assert status == 0
    assert err.splitlines() == [
        "1 picture is no picture of the project; first none.png",
        f"{source}: csv, 2 labels added",
    ]
    assert {label.who for label in labels.history(project.store)} == {"ada"}
    status, err = run(capsys, "import", project.folder, source)
    assert err.splitlines()[-1] == f"{source}: csv, 0 labels added, 2 there already"
    status, err = run(capsys, "export", project.folder, "--to", "folders", "--out", tmp_path / "out")
    assert (status, err) == (0, f"{tmp_path / 'out'}: folders, 2 pictures\n")
    status, err = run(capsys, "export", project.folder, "--to", "voc", "--out", tmp_path / "voc")
    assert status == 2
    assert err == "askew: voc holds nothing of what is to be exported: 2 pictures with one class\n"
    status, err = run(
        capsys, "export", project.folder, "--to", "csv", "--out", tmp_path / "o.csv", "--pictures", "copy"
    )
    assert (status, err.count("\n")) == (2, 1)
    source.write_text("file,label\nnone.png,heron\n")
    status, err = run(capsys, "import", project.folder, source)
    assert (status, err.count("\n")) == (2, 1)
    assert "no label to take: 1 picture is no picture of the project" in err
