"""`askew query`, `train`, `predict`, `watch` and `report` of a project, as a user types them."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("torch")
pytest.importorskip("timm")
pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")

from tests.project.birds import answer, begun, configure

from askew.cli.main import main
from askew.project.folder import open_project
from askew.project.questions import open_questions
from askew.project.trainings import latest
from askew.project.watch import only_one


@pytest.fixture
def birds(tmp_path: Path, word: str) -> Path:
    begun(tmp_path, word, 60, share=0.3).close()
    return tmp_path / "birds"


def said(capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    found = capsys.readouterr()
    return found.out, found.err


def answered(folder: Path) -> int:
    project = open_project(folder)
    try:
        return answer(project)
    finally:
        project.close()


def test_from_the_first_question_to_the_table(birds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", str(birds), "-n", "14"]) == 0
    out, err = said(capsys)
    assert out.startswith("round 1: 14 questions by maxherding. No model has been trained yet")
    assert err == ""
    assert answered(birds) == 14
    assert main(["query", str(birds), "-n", "3", "--json"]) == 0
    out, err = said(capsys)
    assert json.loads(out)["strategy"] == "maxherding"
    assert "14 answers since the last training" in err
    assert main(["train", str(birds), "--json"]) == 0
    training = json.loads(said(capsys)[0])
    assert training["n_labeled"] + training["n_test"] == 14
    assert main(["train", str(birds)]) == 0
    out, _ = said(capsys)
    assert out.startswith(f"training 2: {training['n_labeled']} labels, ")
    assert main(["predict", str(birds), "--out", str(tmp_path / "labels.csv")]) == 0
    with (tmp_path / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 60
    assert sum(row["source"] == "person" for row in rows) == 14
    assert all(f"-{row['class']}." in row["path"] for row in rows if row["source"] == "person")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["train"], "0 pictures of 0 classes are labelled"),
        (["predict", "--out", "x.csv"], "has no model yet"),
        (["predict", "--out", "x.txt"], "unknown ending of a table '.txt'"),
        (["query", "-n", "0"], "n: expected a whole number"),
        (["query", "--seed", "-1"], "seed: expected a whole number from 0"),
        (["watch", "--poll", "0"], "--poll: expected seconds above 0"),
        (["report", "--metric", "accuracy"], "--metric: is for an experiment"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_written(
    birds: Path, capsys: pytest.CaptureFixture[str], words: list[str], line: str
) -> None:
    before = sorted(birds.rglob("*"))
    assert main([words[0], str(birds), *words[1:]]) == 2
    out, err = said(capsys)
    assert out == ""
    assert line in err
    assert err.count("\n") == 1
    assert [path for path in sorted(birds.rglob("*")) if "store" not in path.name] == [
        path for path in before if "store" not in path.name
    ]


def test_a_folder_that_is_no_project_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("query", "train", "watch"):
        assert main([name, str(tmp_path)]) == 2
        assert "askew.toml" in said(capsys)[1]


def test_pictures_that_are_gone_are_told(birds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, *_ = sorted((birds.parent / "pictures").iterdir())
    first.unlink()
    assert main(["query", str(birds)]) == 0
    assert f"1 picture left out: {first}: " in said(capsys)[1]


def test_watch_works_until_it_is_stopped_and_a_second_one_ends(birds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure(birds, retrain_after=4)
    command = [sys.executable, "-m", "askew.cli.main", "watch", str(birds), "--poll", "0.05"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("round 1: ")
        assert main(["watch", str(birds)]) == 2
        assert f"is watched already, by process {process.pid}" in said(capsys)[1]
        answered(birds)
        assert process.stdout.readline().startswith("training 1: ")
        assert process.stdout.readline().startswith("round 2: ")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert err.strip() == "askew: stopped; the same command goes on from here"
    with only_one(birds):
        pass
    project = open_project(birds)
    assert latest(project.store) is not None
    assert open_questions(project.store)
    project.close()


def test_the_report_of_a_project(birds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(birds)]) == 0
    page = Path(said(capsys)[0].strip())
    assert page == birds / "report" / "index.html"
    assert "no model has been measured yet" in page.read_text()
    for n in (12, 8, 8):
        assert main(["query", str(birds), "-n", str(n)]) == 0
        answered(birds)
        assert main(["train", str(birds)]) == 0
    assert main(["query", str(birds)]) == 0
    said(capsys)
    assert main(["report", str(birds), "--json", "--out", str(tmp_path / "out")]) == 0
    record = json.loads(said(capsys)[0])
    assert [one["n_labeled"] for one in record["curve"]] == sorted(one["n_labeled"] for one in record["curve"])
    assert record["next"]["labels"] > 0
    assert len({one["n_test"] for one in record["curve"]}) == 1, "all on the test labels of today"
    text = (tmp_path / "out" / "index.html").read_text()
    for part in ("curve", "calibration", "classes", "suspects", "questions", "rounds", "advice"):
        assert f'id="{part}"' in text, part
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "https://" not in text
    assert "are likely to bring" in text
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"curve.csv", "curve.svg", "curve.png", "classes.csv", "open-questions.csv", "rounds.csv"} <= names
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("x")
    assert main(["report", str(birds), "--out", str(tmp_path / "other")]) == 2
    assert "holds no report" in said(capsys)[1]
