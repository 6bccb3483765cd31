"""The wheel holds every file of the package, by the build tool's own choice of files."""

from __future__ import annotations

from pathlib import Path

import pytest

wheel = pytest.importorskip("hatchling.builders.wheel")

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "askew"

NEEDED = {
    "askew/evidence.json",
    "askew/py.typed",
    "askew/data/reading.py",
    "askew/experiment/presets/digits.toml",
    "askew/project/migrations/env.py",
    "askew/project/page/page.html",
    "askew/project/page/app.js",
    "askew/project/page/boxes.js",
    "askew/project/page/style.css",
    "askew/project/page/icon.svg",
    "askew/report/templates/page.css.j2",
    "askew/report/templates/page.html.j2",
    "askew/report/templates/project.html.j2",
}
"""What is read while askew is at work and no import asks for, and a folder whose name `.gitignore` has too."""


def test_the_wheel_holds_the_package_and_nothing_else() -> None:
    chosen = {Path(one.distribution_path).as_posix() for one in wheel.WheelBuilder(str(ROOT)).recurse_included_files()}
    there = (path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    assert chosen == {f"askew/{path.relative_to(PACKAGE).as_posix()}" for path in there}
    assert chosen >= NEEDED
    assert sum(path.startswith("askew/project/migrations/versions/") for path in chosen) >= 1
