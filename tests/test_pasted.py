"""What the pages show runs as pasted: every block of code and every command, in the install that the page names.

`scripts/run_page.py` runs a page; here is what its reader is said to have, and what is not run, with the reason.
"""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import run_page

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
STRATEGIES = sorted((DOCS / "strategies").glob("*.md"))

NOT_RUN = {
    "pip": "it would install into the environment of the tests: its extras are looked up in pyproject.toml",
    "make": "it makes an environment of its own, as `.ci/run` does: its target is looked up in the Makefile",
}
"""First words of commands that are shown but not run here, with the reason."""

NO_CODE = {"api.md": "its Python blocks are signatures, and its examples are doctests, which run with the suite"}
"""Pages whose blocks are no code to paste, with the reason."""

AFTER = {"reports.md": "experiments.md"}
"""Pages that go on where another one ended."""


def run(folder: Path, install: str, *pages: Path) -> str:
    """Runs pages in a folder, in a process of their own; returns what they print."""
    for module in run_page.BRINGS[install]:
        if find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    done = subprocess.run(
        [sys.executable, "-W", "error", run_page.__file__, install, *map(str, pages)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "ASKEW_CACHE": str(folder / "cache"), "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def pages_of(install: str) -> list[Path]:
    """Lists the pages with something to run in an install, but those that have a test of their own below."""
    return [
        page
        for page in PAGES
        if page.name not in {*NO_CODE, *AFTER}
        and page not in STRATEGIES
        and any(b.install == install for b in run_page.blocks(page))
    ]


@pytest.fixture
def light(tmp_path: Path) -> Path:
    """A folder with the two tables of which the quickstart shows the first lines."""
    rng = np.random.default_rng(0)
    probs = np.round(rng.dirichlet([1, 1, 1], size=60), 6)
    probs[:2] = [[0.7, 0.2, 0.1], [0.4, 0.4, 0.2]]
    names = [f"img_{i:03}.jpg" for i in range(1, 61)]
    rows = [f"{name},{','.join(f'{p:.6g}' for p in row)}" for name, row in zip(names, probs, strict=True)]
    (tmp_path / "p.csv").write_text("\n".join(["file,cat,dog,emu", *rows]) + "\n", encoding="utf-8")
    labels = [f"{name},{'dog' if i % 10 == 0 else ''}" for i, name in enumerate(names)]
    (tmp_path / "y.csv").write_text("\n".join(["file,label", *labels]) + "\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("page", pages_of("light"), ids=lambda page: page.stem)
def test_a_page_runs_in_the_light_install(page: Path, light: Path) -> None:
    run(light, "light", page)
    for n, name in re.findall(r"^askew pick .*-n (\d+) .*--out (\S+)", page.read_text(encoding="utf-8"), re.MULTILINE):
        assert len((light / name).read_text(encoding="utf-8").splitlines()) == 1 + int(n)


def test_the_tables_of_the_quickstart_begin_as_it_says(light: Path) -> None:
    [shown] = [b.code for b in run_page.blocks(DOCS / "quickstart.md") if "img_001" in b.code]
    left, right = ([re.split(r"\s{3,}", line)[side] for line in shown.splitlines()] for side in (0, 1))
    assert (light / "p.csv").read_text(encoding="utf-8").splitlines()[:3] == left
    assert (light / "y.csv").read_text(encoding="utf-8").splitlines()[:3] == right


def test_the_pages_of_the_strategies_run_with_the_arrays_that_they_name(tmp_path: Path) -> None:
    from askew.predictions import FIELDS

    rng = np.random.default_rng(0)
    sizes = {"N": 300, "C": 5, "T": 4, "D": 8, "E": 6}
    arrays: dict[str, Any] = {"labels": np.where(np.arange(300) % 3, -1, 0)}
    for field in FIELDS.values():
        shape = [sizes[dim] for dim in field.dims]
        values = rng.random(shape)
        if "C" in field.dims and field.name in ("probs", "draws"):
            values /= values.sum(axis=-1, keepdims=True)
        arrays[field.name] = rng.integers(5, size=shape) if field.integers else values
    np.savez(tmp_path / "arrays.npz", **arrays)
    run(tmp_path, "light", *STRATEGIES)


@pytest.fixture
def vision(tmp_path: Path) -> Path:
    """Photos in three classes and some without one; a small data set in the place and form of Fashion-MNIST."""
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    for c, name in enumerate(("cat", "dog", "emu")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(40):
            pixels = rng.integers(60 * c, 60 * c + 120, size=(32, 32, 3), dtype=np.uint8)
            image.fromarray(pixels).save(tmp_path / "photos" / name / f"{i}.png")
            if i < 10:
                image.fromarray(pixels[::-1]).save(tmp_path / "photos" / f"{name}{i}.png")
    (tmp_path / "data").mkdir()
    for part, n in (("train", 300), ("t10k", 100)):
        labels = (np.arange(n) % 10).astype(np.uint8)
        pixels = (rng.integers(0, 60, size=(n, 28, 28)) + 15 * labels[:, None, None]).astype(np.uint8)
        for kind, values in (("images-idx3", pixels), ("labels-idx1", labels)):
            head = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
            (tmp_path / "data" / f"{part}-{kind}-ubyte").write_bytes(head + values.tobytes())
    return tmp_path


def test_the_pages_run_in_the_install_for_vision(vision: Path) -> None:
    """Experiments run as shown but small, in one process, since torch takes seconds to import (`run_page.smaller`)."""
    pages = pages_of("vision")
    for name, before in AFTER.items():
        pages.insert(1 + pages.index(DOCS / before), DOCS / name)
    run(vision, "vision", *pages)
    shown = {name for page in pages for name in re.findall(r"askew run (\w[\w-]*)\.toml", page.read_text("utf-8"))}
    assert shown
    for name in shown:
        [folder] = [one for end in ("", "-desk") if (one := vision / "runs" / f"{name}{end}").is_dir()]
        assert (folder / "report" / "index.html").is_file()
        if not (folder / "study.json").is_file():  # a study has an experiment in each of its folders
            assert json.loads((folder / "experiment.json").read_text(encoding="utf-8"))["name"] == folder.name


def test_a_page_runs_in_the_install_for_features(vision: Path) -> None:
    pages = pages_of("features")
    assert pages
    run(vision, "features", *pages)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Photos of three kinds of bird, whose file names say which."""
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for i in range(90):
        c = i % 3
        pixels = rng.integers(0, 90, size=(48, 48, 3))
        pixels[..., c] += 120
        name = f"{('heron', 'gull', 'tern')[c]}-{i:02}.png"
        image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "photos" / name)
    return tmp_path


def test_a_page_runs_in_the_install_for_labelling(photos: Path) -> None:
    pages = pages_of("label")
    assert pages
    run(photos, "label", *pages)


@pytest.mark.parametrize("page", pages_of("label,video"), ids=lambda page: page.stem)
def test_a_page_runs_in_the_install_for_labelling_video(page: Path, video: Path) -> None:
    said = run(video, "label,video", page)
    assert "probably wrong: " in said
    assert len(json.loads((video / "film.json").read_text(encoding="utf-8"))["images"]) == 50


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A clip of 700 frames on which a square moves, what a detector found in it, and what is really there."""
    cv2 = pytest.importorskip("cv2")
    rng = np.random.default_rng(0)
    clip = cv2.VideoWriter(str(tmp_path / "clip.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 25, (96, 64))
    found, there = [], []
    for number in range(700):
        x, y = 10 + number % 50, 20 + number % 20
        frame = np.full((64, 96, 3), 90, np.uint8)
        frame[:8, :8] = 30 * (number // 100)  # no two frames are the same
        frame[y : y + 16, x : x + 24] = 220
        clip.write(frame)
        there.append(f"{number + 1},-1,{x},{y},24,16,1")
        if rng.random() < 0.9:
            found.append(f"{number + 1},-1,{x},{y},24,16,{rng.uniform(0.6, 1):.3f}")
        if rng.random() < 0.3:
            found.append(f"{number + 1},-1,{rng.integers(60)},{rng.integers(40)},12,20,{rng.uniform(0.2, 0.7):.3f}")
    clip.release()
    (tmp_path / "found.txt").write_text("\n".join(found) + "\n", encoding="utf-8")
    (tmp_path / "annotated.txt").write_text("\n".join(there) + "\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("page", pages_of("video"), ids=lambda page: page.stem)
def test_a_page_runs_in_the_install_for_video(page: Path, video: Path) -> None:
    run(video, "video", page)


@pytest.mark.parametrize("page", pages_of("synth"), ids=lambda page: page.stem)
def test_a_page_runs_in_the_install_for_synthetic_roads(page: Path, tmp_path: Path) -> None:
    run(tmp_path, "synth", page)


def blocks_to_run() -> Iterator[tuple[Path, Any]]:
    for page in PAGES:
        if page.name not in NO_CODE:
            yield from ((page, block) for block in run_page.blocks(page) if block.language not in ("text", "pycon"))


def test_every_block_is_of_a_kind_that_is_run_and_has_an_install() -> None:
    for page, block in blocks_to_run():
        assert block.language in ("python", "toml", "json", "bash"), f"{page.name}:{block.line}"
        words = {command[0] for command in run_page.commands(block)} if block.language == "bash" else set()
        assert words <= {"askew", *NOT_RUN}, f"{page.name}:{block.line}"
        if not words or "askew" in words:
            assert block.install in run_page.BRINGS, f"{page.name}:{block.line}: no section says which install it needs"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_code_hides_in_an_indented_block(page: Path) -> None:
    prose = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    assert re.findall(r"\n\n    \S.*", prose) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_names_the_install_that_it_is_run_in(page: Path) -> None:
    """A section for `vision` or `video` tells its reader how to get it."""
    text = page.read_text(encoding="utf-8")
    for section in run_page.INSTALL.split(text)[1:][1::2]:
        install = text[: text.index(section)].rsplit("install: ", 1)[1].split(" ")[0]
        wanted = "pip install" if install == "light" else f'.[{install}]"'
        assert install == "light" or wanted in section, f"{page.name}: {install}"


def test_what_the_installs_bring_is_what_pyproject_says() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    imported = {"scikit-learn": "sklearn", "pillow": "PIL", "opencv-python-headless": "cv2"}
    for extra in ("vision", "video"):
        block = re.search(rf"^{extra} = \[\n(.*?)^\]", text, flags=re.DOTALL | re.MULTILINE)
        assert block is not None
        names = re.findall(r'^  "([\w-]+)[><=]+[^;"]*",$', block[1], flags=re.MULTILINE)  # tomli: old Pythons alone
        assert {imported.get(name, name) for name in names} == run_page.BRINGS[extra]


def test_make_and_pip_are_shown_with_what_there_is() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    seen = set()
    for _, block in blocks_to_run():
        for words in run_page.commands(block) if block.language == "bash" else ():
            if words[0] == "make":
                assert re.search(rf"^{words[1]}:", makefile, flags=re.MULTILINE), words
            if words[0] == "pip":
                assert words[1] == "install", words
                for extra in re.findall(r"^\.\[(\w+)\]$", words[-1]):
                    assert f"\n{extra} = [" in pyproject, words
            seen.add(words[0])
    assert seen == {"askew", *NOT_RUN}
