"""`study.json`: what the folder of a study is, and which folders of experiments lie in it."""

from __future__ import annotations

import json
from pathlib import Path

from askew.errors import InputError
from askew.experiment.records import listed, mapping, text
from askew.experiment.study import Study
from askew.files import write_whole

FILE = "study.json"


def check_study_folder(study: Study, out: Path) -> None:
    """Refuses a folder that holds something else than this study; writes nothing.

    Raises:
        InputError: it does, or it is a file.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file: choose another --out")
    if (out / FILE).is_file():
        name, _ = read_study_folder(out)
        if name != study.name:
            raise InputError(f"{out}: holds the study {name!r}, not {study.name!r}: choose another --out")
    elif out.is_dir() and any(out.iterdir()):
        raise InputError(f"{out}: is not empty and holds no study: choose another --out")


def write_study(study: Study, out: Path) -> None:
    """Writes what the folder is; its experiments come later, each with its own `experiment.json`."""
    out.mkdir(parents=True, exist_ok=True)
    record = {"name": study.name, "scale": study.scale, "experiments": list(study.experiments)}
    write_whole(out / FILE, json.dumps(record, indent=2) + "\n")


def read_study_folder(folder: Path) -> tuple[str, tuple[str, ...]]:
    """Returns a study's name, and the names of its experiments' folders in order.

    Raises:
        InputError: the file is not one that askew wrote.
    """
    path = folder / FILE
    try:
        record = mapping("study", json.loads(path.read_text(encoding="utf-8")))
        parts = tuple(text("experiments", one) for one in listed("experiments", record.get("experiments")))
        if any(Path(part).name != part for part in parts):
            raise InputError(f"experiments: expected names of folders, got {parts!r:.60}")
        return text("name", record.get("name")), parts
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON: {error}") from error
