"""Reads what an experiment left on disk: `experiment.json`, one ledger a run, and the failures."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from askew.errors import DataNotFound, InputError
from askew.experiment.ledger import FILE, Cycle, Header, begun, read_ledger
from askew.experiment.records import listed, mapping, text, whole

FULL = "full"
"""The label of the run that trains on everything once."""

RANDOM = "random"
"""The label of the run that every other one is held against."""

_NUMBER = re.compile("[0-9]{1,9}")


@dataclass(frozen=True)
class Run:
    """One strategy with one seed.

    Attributes:
        label: how the experiment calls the strategy, such as "entropy+balance".
        seed: of the initial set, the training and the ties.
        header: what was planned: strategy, parameters, balance, cycles; None if the run failed before its ledger began.
        cycles: those that were measured.
        failure: the text of `failure.txt`, or None.
    """

    label: str
    seed: int
    header: Header | None
    cycles: tuple[Cycle, ...]
    failure: str | None = None

    @property
    def finished(self) -> bool:
        """Whether the last cycle is there: the one that asks nothing more."""
        return bool(self.cycles) and not self.cycles[-1].asked

    @property
    def balanced(self) -> bool:
        """Whether the run asked for class balance."""
        return self.header is not None and self.header.balance is not None

    @property
    def pseudo_labelled(self) -> bool:
        """Whether the run was trained on pseudo-labels too."""
        return self.header is not None and self.header.pseudo_labels is not None


@dataclass(frozen=True)
class Experiment:
    """All runs of one experiment, and where they come from."""

    folder: Path
    name: str
    dataset: str
    classes: tuple[str, ...]
    n_items: int
    n_test: int
    config: Mapping[str, Any]
    versions: Mapping[str, Any]
    machine: Mapping[str, Any]
    created: str
    runs: tuple[Run, ...]
    history: tuple[Mapping[str, Any], ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """The strategies' labels: random first, a variant after its plain strategy, `full` left out."""
        found = {run.label for run in self.runs if run.label != FULL}
        return tuple(sorted(found, key=lambda label: (self._family_order(label), self.plain_of(label) or label, label)))

    def _family_order(self, label: str) -> tuple[bool, bool]:
        family = self.plain_of(label) or label
        return family != RANDOM, self.plain_of(label) is not None and family == RANDOM

    @property
    def seeds(self) -> tuple[int, ...]:
        """Every seed that a run has, ascending."""
        return tuple(sorted({run.seed for run in self.runs}))

    def of(self, label: str) -> tuple[Run, ...]:
        """Returns the runs of one label, by seed."""
        return tuple(sorted((run for run in self.runs if run.label == label), key=lambda run: run.seed))

    def plain_of(self, label: str) -> str | None:
        """Returns the label of the same strategy and parameters without balance, or None if there is none.

        Of a run with pseudo-labels and no balance it is the same one without them.
        """
        mine = next((run.header for run in self.runs if run.label == label and run.header is not None), None)
        if mine is None or (mine.balance is None and mine.pseudo_labels is None):
            return None
        wanted = replace(mine, balance=None, pseudo_labels=None if mine.balance is None else mine.pseudo_labels)
        return next(
            (run.label for run in self.runs if run.header is not None and _kind(run.header) == _kind(wanted)), None
        )

    @property
    def failures(self) -> tuple[Run, ...]:
        """The runs that failed."""
        return tuple(run for run in self.runs if run.failure is not None)

    @property
    def unfinished(self) -> tuple[Run, ...]:
        """The runs that neither failed nor reached their last cycle."""
        return tuple(run for run in self.runs if run.failure is None and not run.finished)


def _kind(header: Header) -> tuple[object, ...]:
    return header.strategy, header.parameters, header.balance, header.pseudo_labels, header.carry


def read(folder: Path | str) -> Experiment:
    """Reads an experiment's folder, finished or not.

    A last line that was cut short (the run was stopped while it wrote) is left out; so is a run that has not finished
    its first cycle, unless it failed.

    Raises:
        DataNotFound: no such folder, no `experiment.json`, or no ledger with a finished cycle and no failure either.
        InputError: a file in place of the folder, or one that is not what an experiment writes; the message names the
            file and the line.
    """
    folder = Path(folder)
    if folder.is_file():
        makes = f", which `askew run {folder}` makes" if folder.suffix.lower() == ".toml" else ""
        raise InputError(f"{folder}: is a file: askew report takes the folder of an experiment's results{makes}")
    if not folder.is_dir():
        raise DataNotFound(f"{folder}: no such folder: give the folder that `askew run` wrote")
    path = folder / "experiment.json"
    about = _read_json(path)
    runs = tuple(run for one in sorted((folder / "runs").glob("*")) if (run := _read_run(one)) is not None)
    if not runs:
        raise DataNotFound(f"{folder}: no ledger with a finished cycle under runs/: run the experiment first")
    try:
        found = _experiment(folder, about, runs)
    except KeyError as error:
        raise InputError(f"{path}: the key {error} is missing") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    for run in runs:
        for cycle in run.cycles:
            if len(cycle.labeled_counts) != len(found.classes):
                raise InputError(
                    f"{folder}: {run.label}, seed {run.seed}: {len(cycle.labeled_counts)} classes in the ledger, "
                    f"{len(found.classes)} in experiment.json"
                )
    return found


def _experiment(folder: Path, about: Mapping[str, Any], runs: tuple[Run, ...]) -> Experiment:
    classes = about["classes"]
    if not isinstance(classes, list) or not classes:
        raise InputError(f"classes: expected a list of texts, got {classes!r:.60}")
    return Experiment(
        folder=folder,
        name=printable(text("name", about["name"])),
        dataset=printable(text("dataset", about["dataset"])),
        classes=tuple(printable(text("classes", name)) for name in classes),
        n_items=whole("n_items", about["n_items"], 0),
        n_test=whole("n_test", about["n_test"], 0),
        config=mapping("config", about.get("config", {})),
        versions=mapping("versions", about.get("versions", {})),
        machine=mapping("machine", about.get("machine", {})),
        created=text("created", about.get("created", "–")),
        runs=runs,
        history=tuple(_stage(one) for one in listed("history", about.get("history", []))),
    )


def _stage(record: object) -> Mapping[str, Any]:
    """Returns what runs were made with from some time on: `since`, and `versions`."""
    stage = mapping("history", record)
    return {"since": text("since", stage.get("since")), "versions": mapping("versions", stage.get("versions", {}))}


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise DataNotFound(f"{path}: not found: the folder is not an experiment's")
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InputError(f"{path}: expected a JSON object, got {type(value).__name__}")
    return value


def _read_run(folder: Path) -> Run | None:
    label, separator, seed = folder.name.rpartition("-seed")
    if not folder.is_dir() or not separator or not _NUMBER.fullmatch(seed):
        return None
    path = folder / "failure.txt"
    failure = path.read_text(encoding="utf-8", errors="replace").strip() if path.is_file() else None
    if not begun(folder / FILE):
        return None if failure is None else Run(printable(label), int(seed), None, (), failure)
    header, cycles = read_ledger(folder / FILE)
    if (header.label, header.seed) != (label, int(seed)):
        raise InputError(
            f"{folder / FILE}: is the ledger of {printable(header.label)}, seed {header.seed}: "
            "move it to its own folder"
        )
    if not cycles and failure is None:
        return None
    return Run(printable(label), header.seed, header, cycles, failure)


def printable(name: str) -> str:
    r"""Returns a name with what cannot be printed as escapes: line breaks, control characters, broken UTF-8.

    >>> print(printable("two" + chr(10) + "lines, café"))
    two\nlines, café
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in name)
