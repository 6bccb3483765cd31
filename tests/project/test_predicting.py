"""What a project says of every picture, and the tables that it writes."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("torch")
pytest.importorskip("timm")
pytest.importorskip("sklearn")
pytest.importorskip("pyarrow")

from tests.project.birds import begun, label, look_again, truth

from askew.errors import InputError
from askew.project.labels import Answer, current, record
from askew.project.learning import look, probs_of, train, trained
from askew.project.predicting import Prediction, predict, write


def test_people_come_before_the_model_and_every_file_has_a_row(tmp_path: Path, word: str) -> None:
    project = begun(tmp_path, word)
    with pytest.raises(InputError, match="has no model yet"):
        predict(project)
    label(project, ["heron", "gull", "tern"], n=4)
    train(project)
    view, found = look(project), trained(project)
    assert found is not None
    labelled = view.items[int(np.flatnonzero(view.labels >= 0)[0])]
    wrong = next(name for name in view.classes if name != truth(labelled.path))
    record(project.store, [Answer(labelled.id, "class", wrong, who="bob")])
    unclear = view.items[int(np.flatnonzero(view.labels < 0)[0])]
    record(project.store, [Answer(unclear.id, "cannot_tell", who="ann")])
    assert labelled.path is not None
    shutil.copy(labelled.path, tmp_path / "pictures" / "zz-copy.png")
    gone = view.items[int(np.flatnonzero(view.labels < 0)[-1])].path
    assert gone is not None
    look_again(project)
    gone.unlink()
    rows = predict(project)
    assert len(rows) == 45
    assert [row.path for row in rows] == sorted(row.path for row in rows)
    by_path = {row.path: row for row in rows}
    assert str(gone) not in by_path
    probs = probs_of(found.learner, found.model, view, np.arange(45))
    known = current(project.store)
    for i, one in enumerate(view.items):
        row = by_path.get(str(one.path))
        if row is None:
            continue
        if one.id in known and known[one.id].kind == "class":
            assert (row.class_name, row.source) == (known[one.id].class_name, "person")
        else:
            assert (row.class_name, row.source) == (view.classes[probs[i].argmax()], "model")
        assert row.confidence == pytest.approx(probs[i, view.classes.index(row.class_name)])
    assert by_path[str(labelled.path)].class_name == wrong
    assert by_path[str(unclear.path)].source == "model"
    copy = by_path[str(tmp_path / "pictures" / "zz-copy.png")]
    assert (copy.class_name, copy.source) == (wrong, "person")
    project.close()


ROWS = [
    Prediction("/p/=cmd|' /C calc'!A0.png", "heron", 0.9, "model"),
    Prediction("/p/b.png", "=HYPERLINK(1)", 0.25, "person"),
    Prediction("-1.png", "+tern", 1 / 3, "model"),
]


def test_formulas_are_text_in_csv_and_parquet_keeps_them(tmp_path: Path) -> None:
    write(ROWS, tmp_path / "labels.csv")
    with (tmp_path / "labels.csv").open(newline="") as file:
        told = list(csv.reader(file))
    assert told == [
        ["path", "class", "confidence", "source"],
        ["/p/=cmd|' /C calc'!A0.png", "heron", "0.9", "model"],
        ["/p/b.png", "'=HYPERLINK(1)", "0.25", "person"],
        ["'-1.png", "'+tern", "0.333333", "model"],
    ]
    write(ROWS, tmp_path / "labels.PARQUET")
    import pyarrow.parquet

    found = pyarrow.parquet.read_table(tmp_path / "labels.PARQUET").to_pylist()
    assert [(row["path"], row["class"], row["source"]) for row in found] == [
        (one.path, one.class_name, one.source) for one in ROWS
    ]


@pytest.mark.parametrize("name", ["labels.txt", "labels", "labels.csv.gz"])
def test_another_ending_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="unknown ending of a table"):
        write(ROWS, tmp_path / name)
    assert not list(tmp_path.iterdir())
