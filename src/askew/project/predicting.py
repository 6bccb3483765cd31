"""What a project says of every picture: the person's class where there is one, else the model's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from askew.errors import InputError, unknown
from askew.export.columns import TABLES, write_table
from askew.files import whole_file
from askew.learn.features import Tell, quiet_progress
from askew.project.folder import Project
from askew.project.items import places
from askew.project.learning import View, check_learns, look, probs_of, trained


@dataclass(frozen=True)
class Prediction:
    """What is said of a picture.

    Attributes:
        path: its file; a picture that lies in several has a row for each.
        class_name: the class.
        confidence: the probability that the model gives to this class, also where a person named it.
        source: "person" if somebody labelled it, else "model".
    """

    path: str
    class_name: str
    confidence: float
    source: Literal["person", "model"]


def predict(project: Project, *, progress: Tell = quiet_progress) -> list[Prediction]:
    """Returns what is said of every picture whose file is there, by path.

    A person's class counts before the model's; of pictures that somebody could not tell the model's is given.

    Args:
        project: which must have been trained.
        progress: told of pictures whose features are computed first.

    Raises:
        InputError: no model was trained yet, or its file is damaged; or boxes are asked.
    """
    check_learns(project)
    return predict_on(project, look(project, progress))


def predict_on(project: Project, view: View) -> list[Prediction]:
    """Does what `predict` does with what was looked at before."""
    model = trained(project)
    if model is None:
        raise InputError(f"{project.folder}: has no model yet for these features: askew train {project.folder} first")
    row_of = {one.id: row for row, one in enumerate(view.items)}
    known = sorted(places(project.store).items())
    files = [(path, row_of[item]) for path, item in known if item in row_of and Path(path).is_file()]
    if not files:
        raise InputError(f"{project.folder}: none of its pictures is there: askew add {project.folder} looks again")
    rows = np.unique([row for _, row in files]).astype(np.int64)
    probs = np.full((len(view.items), len(view.classes)), np.nan, dtype=np.float32)
    probs[rows] = probs_of(model.learner, model.model, view, rows)
    out = []
    for path, row in files:
        told = int(view.labels[row])
        guess = told if told >= 0 else int(probs[row].argmax())
        out.append(Prediction(path, view.classes[guess], float(probs[row, guess]), "person" if told >= 0 else "model"))
    return out


def write(rows: Sequence[Prediction], out: Path) -> None:
    """Writes predictions as CSV or Parquet, by the ending: path, class, confidence, source.

    In CSV a text that a spreadsheet would take for a formula gets an apostrophe before it.

    Raises:
        InputError: another ending, or the file cannot be written.
    """
    kind = check_ending(out)
    columns: dict[str, Sequence[Any]] = {
        "path": [one.path for one in rows],
        "class": [one.class_name for one in rows],
        "confidence": [round(one.confidence, 6) for one in rows],
        "source": [one.source for one in rows],
    }
    with whole_file(out) as draft:
        write_table(columns, draft, kind=kind)


def check_ending(out: Path) -> str:
    """Returns the ending of a table's file, in small letters.

    Raises:
        InputError: it is neither .csv nor .parquet.
    """
    kind = out.suffix.lower()
    if kind.removeprefix(".") not in TABLES:
        raise unknown("ending of a table", kind, [f".{one}" for one in TABLES])
    return kind
