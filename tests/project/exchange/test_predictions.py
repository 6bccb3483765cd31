"""What the model predicts goes out as guesses, beside what people say, and does not come back as labels."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("torch")
pytest.importorskip("timm")
pytest.importorskip("sklearn")

from tests.project.birds import begun, label

from askew.cli.main import main
from askew.project.exchange.taking import Rules, take
from askew.project.labels import current
from askew.project.learning import train
from askew.project.predicting import predict


def test_predictions_go_out_as_guesses(tmp_path: Path, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    project = begun(tmp_path, word)
    out = tmp_path / "out.csv"
    arguments = ["export", str(project.folder), "--to", "csv", "--out", str(out), "--predictions"]
    assert main(arguments) == 2
    assert "has no model yet" in capsys.readouterr().err
    assert not out.exists()
    label(project, ["heron", "gull", "tern"], n=4)
    train(project)
    assert main(arguments) == 0
    with out.open(encoding="utf-8", newline="") as stream:
        rows = {row["file"]: row for row in csv.DictReader(stream)}
    expected = {Path(one.path).name: one for one in predict(project)}
    assert set(rows) == set(expected)
    assert len(rows) == 45
    for name, row in rows.items():
        one = expected[name]
        if one.source == "person":
            assert (row["label"], row["guess"], row["confidence"]) == (one.class_name, "", "")
        else:
            assert (row["label"], row["guess"]) == ("", one.class_name)
            assert float(row["confidence"]) == pytest.approx(one.confidence)
    taken = take(project, out, rules=Rules())
    assert (taken.answers, taken.same) == ([], 12)
    assert len(current(project.store)) == 12
    assert main([*arguments[:3], "fiftyone", "--out", str(tmp_path / "fo"), "--predictions"]) == 0
    document = json.loads((tmp_path / "fo" / "labels.json").read_text())
    assert sum("confidence" in one for one in document["labels"].values()) == 45 - 12
    project.close()
