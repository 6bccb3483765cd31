"""The examples run as their first lines say."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def shown(name: str) -> list[list[str]]:
    """Returns the words of the commands that an example's first lines show."""
    text = (EXAMPLES / name).read_text(encoding="utf-8").split('"""')[1]
    return [shlex.split(line) for line in re.findall(r"^ *((?:python|askew) .*)$", text, flags=re.MULTILINE)]


def module(name: str) -> ModuleType:
    spec = spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    made = module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_the_loop_with_scikit_learn_runs() -> None:
    pytest.importorskip("sklearn")
    [words] = shown("logistic_regression.py")
    done = subprocess.run(
        [sys.executable, *words[1:]], cwd=EXAMPLES.parent, capture_output=True, text=True, timeout=300, check=True
    )
    found = {line.split()[0]: float(line.split()[1]) for line in done.stdout.splitlines()}
    assert list(found) == ["random", "entropy", "margin", "kcenter"]
    assert all(80 < accuracy < 100 for accuracy in found.values())


def test_the_detector_writes_what_askew_video_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in takes the place of the network, whose weights are not here: it sees a person in every frame."""
    cv2 = pytest.importorskip("cv2")
    pytest.importorskip("PIL")
    pytest.importorskip("pyarrow")
    from askew.cli.main import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASKEW_CACHE", str(tmp_path / "cache"))
    clip = cv2.VideoWriter("clip.avi", cv2.VideoWriter_fourcc(*"MJPG"), 25, (208, 104))
    for _ in range(12):
        clip.write(np.full((104, 208, 3), 90, np.uint8))
    clip.release()

    detector = module("detect_yolox")
    raw = np.zeros((52 * 52 + 26 * 26 + 13 * 13, 85), np.float32)
    raw[:, 2:4] = -10
    raw[52 * 10 + 20, :6] = [0.5, 0.5, np.log(4), np.log(5), 0.9, 1.0]  # of stride 8: centre (164, 84), 32 × 40 pixels
    monkeypatch.setattr(detector, "network", lambda *_: lambda *_: raw)
    detect, look = shown("detect_yolox.py")
    monkeypatch.setattr(sys, "argv", detect[1:])
    assert detector.main() == 0
    rows = [line.split(",") for line in Path("detections.txt").read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 12
    # the frame was enlarged twice to fill the network's 416 pixels: left (164 - 16) / 2, top (84 - 20) / 2
    assert [float(value) for value in rows[0][2:7]] == pytest.approx([74, 32, 16, 20, 0.9], abs=0.01)
    assert main(look[1:]) == 0
    assert Path("errors/frames.parquet").is_file()
