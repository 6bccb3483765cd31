"""Labels come into a project once, of the pictures that are meant, and never over what people said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from askew.errors import InputError
from askew.project import labels
from askew.project.exchange import formats, taking
from askew.project.exchange.boxes import boxes_of
from askew.project.exchange.giving import give, labels_of
from askew.project.exchange.matching import Place, matched, names_of
from askew.project.exchange.rows import Row
from askew.project.exchange.taking import Rules, take
from askew.project.folder import Project, create
from askew.project.items import all_items
from askew.project.labels import Answer
from askew.project.scan import scan
from askew.project.store import class_names


def table(project: Project, text: str) -> Path:
    path = project.folder.parent / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


def said(project: Project) -> dict[str, str | None]:
    paths = {one.id: one.path for one in all_items(project.store)}
    found = labels.current(project.store)
    return {str(paths[item]).rpartition("/")[2]: label.class_name or label.kind for item, label in found.items()}


def test_labels_come_in_with_who_when_and_how(project: Project) -> None:
    path = table(project, "file,label,who,at\na.png,heron,ada,2026-01-02T03:04:05Z\nsub/d ä.png,gull,,\n")
    out = take(project, path, rules=Rules(who="tool"))
    assert said(project) == {"a.png": "heron", "d ä.png": "gull"}
    first, second = labels.history(project.store)
    assert (first.who, first.at, first.how) == ("ada", "2026-01-02T03:04:05.000000+00:00", "import:csv")
    assert (second.who, second.how) == ("tool", "import:csv")
    assert (len(out.answers), out.same, out.told) == (2, 0, {})


def test_a_table_of_parquet_says_what_the_same_csv_says(project: Project) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = project.folder.parent / "labels.parquet"
    columns = {
        "file": ["a.png", "b.png", "b.png", "sub/d ä.png", "none.png"],
        "label": ["heron", "gull", "gull", None, "tern"],
        "left": [None, 1.0, 2.5, None, None],
        "top": [None, 1.0, 2.0, None, None],
        "right": [None, 3.0, 4.0, None, None],
        "bottom": [None, 3.0, 4.0, None, None],
    }
    parquet.write_table(pyarrow.table(columns), path)
    lines = [",".join(columns)] + [
        ",".join("" if cell is None else str(cell) for cell in row) for row in zip(*columns.values(), strict=True)
    ]
    plain = table(project, "\n".join(lines) + "\n")
    assert formats.read(path) == formats.read(plain)
    take(project, path, rules=Rules(only="class"))
    assert said(project) == {"a.png": "heron"}


def test_a_damaged_parquet_file_is_one_line(project: Project) -> None:
    pytest.importorskip("pyarrow")
    path = project.folder.parent / "labels.parquet"
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match="cannot be read as a Parquet file") as refused:
        take(project, path, rules=Rules())
    assert "\n" not in str(refused.value)


def test_the_same_file_twice_doubles_nothing(project: Project) -> None:
    path = table(project, "file,label\na.png,heron\na.png,heron\nb.png,gull\n")
    take(project, path, rules=Rules())
    again = take(project, path, rules=Rules(correct=True))
    assert (again.answers, again.same) == ([], 2)
    assert len(labels.history(project.store)) == 2


def test_another_label_is_a_conflict_or_with_correct_a_new_row(project: Project) -> None:
    take(project, table(project, "file,label\na.png,heron\n"), rules=Rules())
    item = next(iter(labels.current(project.store)))
    labels.record(project.store, [Answer(item, "class", "gull", who="ada")])
    path = table(project, "file,label\na.png,heron\nb.png,gull\n")
    out = take(project, path, rules=Rules())
    assert list(out.told.values()) == [["a.png"]]
    assert said(project) == {"a.png": "gull", "b.png": "gull"}
    take(project, path, rules=Rules(correct=True))
    assert said(project)["a.png"] == "heron"
    assert [one.class_name for one in labels.history(project.store)] == ["heron", "gull", "gull", "heron"]
    take(project, path, rules=Rules(correct=True))
    assert len(labels.history(project.store)) == 4


def test_what_people_answer_while_a_file_comes_in_is_not_covered(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = table(project, "file,label\na.png,heron\n")
    item = next(one.id for one in all_items(project.store) if one.path and one.path.name == "a.png")
    after = taking.record_after

    def late(*arguments: Any) -> object:
        labels.record(project.store, [Answer(item, "class", "gull", who="ada")])
        return after(*arguments)

    monkeypatch.setattr(taking, "record_after", late)
    out = take(project, path, rules=Rules())
    assert (out.answers, list(out.told.values())) == ([], [["a.png"]])
    assert said(project) == {"a.png": "gull"}


def test_a_label_that_was_taken_back_may_come_in_again(project: Project) -> None:
    path = table(project, "file,label\na.png,heron\n")
    take(project, path, rules=Rules())
    assert labels.withdraw(project.store, "import") is not None
    assert said(project) == {}
    take(project, path, rules=Rules())
    assert said(project) == {"a.png": "heron"}


def test_unknown_classes_are_listed_or_added(project: Project) -> None:
    path = table(project, "file,label\na.png,tern\nb.png,ibis\nsub/d ä.png,gull\nother.png,stork\n")
    with pytest.raises(InputError, match="2 classes are none of the project's, heron, gull: 'tern', 'ibis'"):
        take(project, path, rules=Rules())
    assert labels.history(project.store) == []
    assert class_names(project.store) == ("heron", "gull")
    take(project, path, rules=Rules(), add_classes=True)
    assert class_names(project.store) == ("heron", "gull", "tern", "ibis")
    assert said(project) == {"a.png": "tern", "b.png": "ibis", "d ä.png": "gull"}


def test_a_class_that_none_can_be_called_adds_nothing(project: Project) -> None:
    path = table(project, f"file,label\na.png,tern\nb.png,{'x' * 300}\n")
    with pytest.raises(InputError, match="at most 200"):
        take(project, path, rules=Rules(), add_classes=True)
    assert class_names(project.store) == ("heron", "gull")


def test_what_is_told_and_left_out(project: Project) -> None:
    path = table(
        project,
        "file,label,guess,confidence,left,top,right,bottom,width,height\n"
        "none.png,heron,,,,,,,,\n"
        "c.png,heron,,,,,,,,\n"
        "a.png,,gull,0.9,,,,,,\n"
        "b.png,,,,,,,,,\n"
        "sub/d ä.png,gull,,,0,0,41.5,9,,\n"
        "=1+1.png,gull,,,0,0,5,5,80,60\n",
    )
    out = take(project, path, rules=Rules())
    assert out.answers == []
    assert [names for why, names in out.told.items() if "guess" in why] == [["a.png"]]
    assert [names for why, names in out.told.items() if "reaches out" in why] == [["sub/d ä.png"]]
    assert [names for why, names in out.told.items() if "another size" in why] == [["=1+1.png"]]
    assert [names for why, names in out.told.items() if "several pictures" in why] == [["c.png"]]
    assert [names for why, names in out.told.items() if "no picture" in why] == [["none.png"]]
    assert [names for why, names in out.told.items() if "have no label" in why] == [["b.png"]]


def test_guesses_and_empty_pictures_are_taken_if_asked_for(project: Project) -> None:
    path = table(project, "file,label,confidence\na.png,gull,0.9\nb.png,,\n")
    take(project, path, rules=Rules(guesses=True, empty=True))
    assert said(project) == {"a.png": "gull", "b.png": "boxes"}


def test_two_labels_of_one_picture_in_a_file_are_none(project: Project) -> None:
    path = table(project, "file,label,left,top,right,bottom\na.png,gull,,,,\na.png,heron,0,0,5,5\nb.png,gull,,,,\n")
    assert list(take(project, path, rules=Rules()).told.values()) == [["a.png"]]
    assert said(project) == {"b.png": "gull"}
    take(project, path, rules=Rules(only="boxes"))
    assert said(project) == {"b.png": "gull", "a.png": "boxes"}


def test_boxes_are_kept_in_pixels_and_compared_as_a_set(project: Project) -> None:
    head = "file,label,left,top,right,bottom\n"
    lines = ["a.png,gull,1.5,2,3,4\n", "a.png,heron,0,0,40,30\n"]
    take(project, table(project, head + "".join(lines)), rules=Rules())
    (label,) = labels.current(project.store).values()
    assert json.loads(label.detail or "") == [
        {"class": "gull", "box": [1.5, 2.0, 3.0, 4.0]},
        {"class": "heron", "box": [0.0, 0.0, 40.0, 30.0]},
    ]
    assert [box.right for box in boxes_of(label.detail)] == [3.0, 40.0]
    assert take(project, table(project, head + "".join(reversed(lines))), rules=Rules()).same == 1


def test_class_folders_elsewhere_are_told_by_their_content(project: Project, tmp_path: Path) -> None:
    for name, kind in (("a.png", "heron"), ("sub/c.png", "gull")):
        (tmp_path / "sorted" / kind).mkdir(parents=True)
        shutil.copy(tmp_path / "photos" / name, tmp_path / "sorted" / kind / "renamed.png")
    out = take(project, tmp_path / "sorted", rules=Rules())
    assert (out.format, said(project)) == ("folders", {"a.png": "heron", "c.png": "gull"})


def test_a_file_that_was_moved_is_still_known_by_its_old_name(project: Project, tmp_path: Path) -> None:
    (tmp_path / "photos" / "a.png").rename(tmp_path / "photos" / "moved.png")
    scan(project.store, project.config.images, test_share=0.0)
    take(project, table(project, "file,label\na.png,heron\n"), rules=Rules())
    assert said(project) == {"moved.png": "heron"}


def facts(project: Project) -> dict[int, tuple[object, ...]]:
    found = labels.current(project.store)
    return {item: (one.kind, one.class_name, one.detail, one.who, one.at) for item, one in found.items()}


@pytest.mark.parametrize("kind", ["csv", "coco", "cvat"])
def test_a_project_goes_through_a_file_into_another(project: Project, tmp_path: Path, kind: str) -> None:
    table_of_all = (
        "file,kind,label,left,top,right,bottom,who,at\n"
        "a.png,class,heron,,,,,ada,2026-01-02T03:04:05Z\n"
        "b.png,cannot_tell,,,,,,bob,\n"
        "sub/d ä.png,boxes,,,,,,ada,\n"
        "'=1+1.png,boxes,gull,1,2,3,4.25,ada,\n"
        "'=1+1.png,boxes,heron,0,0,40,30,ada,\n"
    )
    take(project, table(project, table_of_all), rules=Rules())
    out = tmp_path / f"out{dict(csv='.csv', coco='.json', cvat='.xml')[kind]}"
    assert give(project, labels_of(project), kind, out).left_out == {}
    before = facts(project)
    other = create(tmp_path / "other", images=project.config.images, classes=["gull", "heron"])
    scan(other.store, other.config.images, test_share=0.0)
    assert take(other, out, rules=Rules()).told == {}
    assert facts(other) == before
    assert len(before) == 4
    other.close()


PLACES = [
    Place(1, "aa", (4, 3), "/p/x/1.jpg"),
    Place(2, "bb", (4, 3), "/p/y/1.jpg"),
    Place(3, "cc", (4, 3), "/p/y/2.jpg"),
    Place(3, "cc", (4, 3), "/p/copy.jpg"),
    Place(4, "dd", (4, 3), "/q/x/1.jpg"),
    Place(5, "ee", (4, 3), "/p/Ma\u0308rz.png"),
    Place(6, "ff", (4, 3), "/p/old.jpg", gone=True),
    Place(7, "gg", (4, 3), "/p/z/3.jpg"),
    Place(8, "hh", (4, 3), "/p/z/3.png"),
]


@pytest.mark.parametrize(
    ("row", "items"),
    [
        (Row("/p/x/1.jpg"), [1]),
        (Row("x/1.jpg"), [1, 4]),
        (Row("p/x/1.jpg"), [1]),
        (Row("p/x/1.jpg", hash="BB"), [2]),
        (Row("p/x/1.jpg", hash="00"), []),
        (Row("1.jpg"), [1, 2, 4]),
        (Row("2.jpg"), [3]),
        (Row("copy.jpg"), [3]),
        (Row("./y/2.jpg"), [3]),
        (Row("y\\2.jpg"), [3]),
        (Row("C:\\data\\y\\2.jpg"), [3]),
        (Row("images/train/y/2.jpg"), [3]),
        (Row("other/2.jpg"), []),
        (Row("M\u00e4rz.png"), [5]),
        (Row("old.jpg"), [6]),
        (Row("y/2", ending=False), [3]),
        (Row("train/y/2", ending=False), [3]),
        (Row("3", ending=False), [7, 8]),
        (Row("3"), []),
    ],
)
def test_names_mean_pictures_only_where_they_are_plain(row: Row, items: list[int]) -> None:
    assert matched(row, names_of(PLACES, ["/p", "/q"])) == items


def test_a_file_name_alone_tells_if_asked_for() -> None:
    names = names_of(PLACES, ["/p", "/q"])
    assert matched(Row("other/2.jpg"), names, by_name=True) == [3]
    assert matched(Row("other/1.jpg"), names, by_name=True) == [1, 2, 4]
