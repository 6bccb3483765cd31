"""`askew label-studio`: what it prints, what it refuses, and that the token is nowhere to be seen."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("uvicorn")
pytest.importorskip("label_studio_sdk")

import httpx
from PIL import Image
from tests.project.label_studio.standin import TOKEN, StandIn, served

from askew.cli.main import main
from askew.project.folder import create, open_project
from askew.project.labels import current
from askew.project.questions import NewQuestion, put
from askew.project.scan import scan


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    for number in range(3):
        Image.new("RGB", (9, 7), (80 * number, 0, 0)).save(tmp_path / "photos" / f"{number}.png")
    project = create(tmp_path / "birds", images=[tmp_path / "photos"], classes=["heron", "gull"])
    scan(project.store, project.config.images, test_share=0.0)
    put(project.store, [NewQuestion(1), NewQuestion(3)], strategy="entropy", n_labeled=0, seed=0)
    project.close()
    return tmp_path / "birds"


@pytest.fixture
def studio(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    standin = StandIn()
    with served(standin.app()) as url:
        monkeypatch.setenv("LABEL_STUDIO_URL", url)
        monkeypatch.setenv("LABEL_STUDIO_API_KEY", TOKEN)
        yield standin


def test_push_and_pull_by_what_the_environment_says(
    folder: Path, studio: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["label-studio", "push", str(folder)]) == 0
    assert capsys.readouterr().out == "project 1 (birds), made: 2 new tasks, 0 told anew, 0 as before\n"
    for one in studio.tasks.values():
        region = {"from_name": "label", "type": "choices", "value": {"choices": ["gull"]}}
        one["annotations"] = [{"id": studio.new(), "result": [region], "completed_by": 1, "updated_at": "2026-01-01"}]
    assert main(["label-studio", "pull", str(folder)]) == 0
    assert capsys.readouterr().out == "labels: 2 new, 0 known already; skips: 0\n"
    assert main(["label-studio", "push", str(folder)]) == 0
    shown = capsys.readouterr()
    assert "no question is open" in shown.err
    assert shown.out == "project 1 (birds): 0 new tasks, 2 told anew, 0 as before\n"


def test_options_count_before_the_environment(
    folder: Path, studio: StandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = os.environ["LABEL_STUDIO_URL"]
    monkeypatch.setenv("LABEL_STUDIO_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "another")
    options = ["--url", url, "--token", TOKEN, "--title", "Our birds"]
    assert main(["label-studio", "push", str(folder), *options]) == 0
    assert [one["title"] for one in studio.projects.values()] == ["Our birds"]
    assert TOKEN not in "".join(capsys.readouterr())


def test_the_token_is_written_nowhere(folder: Path, studio: StandIn) -> None:
    assert main(["label-studio", "push", str(folder)]) == 0
    assert main(["label-studio", "pull", str(folder)]) == 0
    assert [one for one in folder.rglob("*") if one.is_file() and TOKEN.encode() in one.read_bytes()] == []


@pytest.mark.parametrize(
    ("missing", "said"), [("LABEL_STUDIO_URL", "--url: is missing"), ("LABEL_STUDIO_API_KEY", "--token: is missing")]
)
def test_what_is_missing_is_one_line(
    folder: Path,
    studio: StandIn,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    missing: str,
    said: str,
) -> None:
    monkeypatch.delenv(missing)
    assert main(["label-studio", "push", str(folder)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("askew: ")
    assert said in error
    assert error.count("\n") == 1


def test_a_refused_token_is_one_line(
    folder: Path, studio: StandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "a-wrong-one")
    assert main(["label-studio", "pull", str(folder)]) == 2
    error = capsys.readouterr().err
    assert "the token is refused (401)" in error
    assert "a-wrong-one" not in error


def test_what_is_no_project_is_one_line(tmp_path: Path, studio: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["label-studio", "push", str(tmp_path)]) == 2
    assert "it is no project" in capsys.readouterr().err


def test_the_commands_of_the_page_run(
    folder: Path, studio: StandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = Path(__file__).parents[2] / "docs" / "label-studio.md"
    monkeypatch.chdir(folder.parent)
    shown = re.findall(r"^askew (.*birds)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert [words.split()[1] for words in shown] == ["push", "pull"]
    assert [main(words.split()) for words in shown] == [0, 0]


def test_serve_takes_annotations_as_they_come_and_ends_at_a_signal(folder: Path, studio: StandIn) -> None:
    pytest.importorskip("torch")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-W", "error", "-m", "askew.cli.main", "label-studio", "serve", str(folder)]
    process = subprocess.Popen(
        [*command, "--port", str(port), "--connect", f"http://127.0.0.1:{port}"], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        lines: list[str] = []
        while not any(line.startswith("connected") for line in lines):
            lines.append(process.stderr.readline())
            assert lines[-1], lines
        task = next(iter(studio.tasks))
        said = [{"from_name": "label", "type": "choices", "value": {"choices": ["gull"]}}]
        headers = {"Authorization": f"Token {TOKEN}"}
        url = f"{os.environ['LABEL_STUDIO_URL']}/api/tasks/{task}/annotations/"
        httpx.post(url, json={"result": said}, headers=headers)
        assert process.stderr.readline() == "labels: 1 new, 0 known already; skips: 0\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) in (0, 130)
        assert "Traceback" not in process.stderr.read()
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
    project = open_project(folder)
    assert [one.class_name for one in current(project.store).values()] == ["gull"]
    project.close()


def test_a_port_that_is_taken_is_one_line(folder: Path, studio: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["label-studio", "serve", str(folder), "--port", str(taken.getsockname()[1])]) == 2
    assert "in use" in capsys.readouterr().err
