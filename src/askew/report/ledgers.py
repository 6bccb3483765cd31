"""Reads what an experiment left on disk: `experiment.json`, one ledger a run, and the failures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from askew.errors import DataNotFound, InputError
from askew.experiment.ledger import read_ledger

FULL = "full"
"""The label of the run that trains on everything once."""

RANDOM = "random"
"""The label of the run that every other one is held against."""


@dataclass(frozen=True)
class Cycle:
    """One finished cycle of a run: what was trained on, what was measured, what was asked next.

    Attributes:
        number: from 0.
        n_labeled: how many labels the model was trained on.
        metrics: name to value, measured on the test set.
        asked: pool indices asked after this cycle's training, best first; empty in the last cycle.
        asked_labels: their true classes.
        labeled_counts: labels of each class in the training set of this cycle.
        asked_counts: of each class in `asked`.
        seconds: phase to seconds.
        balance: what the balanced pick reported (weight, objective, bound, gap, curve), or None.
        l1_score: Eq. 4.10 of `asked_counts`, or None.
    """

    number: int
    n_labeled: int
    metrics: Mapping[str, float]
    asked: tuple[int, ...] = ()
    asked_labels: tuple[int, ...] = ()
    labeled_counts: tuple[float, ...] = ()
    asked_counts: tuple[float, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    balance: Mapping[str, Any] | None = None
    l1_score: float | None = None


@dataclass(frozen=True)
class Run:
    """One strategy with one seed.

    Attributes:
        label: how the experiment calls the strategy, such as "entropy+balance".
        seed: of the initial set, the training and the ties.
        settings: the ledger's header: strategy, parameters, balance, planned cycles, budget, initial items.
        cycles: those that finished.
        failure: the text of `failure.txt`, or None.
    """

    label: str
    seed: int
    settings: Mapping[str, Any]
    cycles: tuple[Cycle, ...]
    failure: str | None = None

    @property
    def finished(self) -> bool:
        """Whether the last cycle is there: the one that asks nothing more."""
        return bool(self.cycles) and not self.cycles[-1].asked

    @property
    def balanced(self) -> bool:
        """Whether the run asked for class balance."""
        return self.settings.get("balance") is not None


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

    @property
    def labels(self) -> tuple[str, ...]:
        """The strategies' labels: random first, a balanced variant after its plain strategy, `full` left out."""
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
        """Returns the label of the same strategy and parameters without balance, or None if there is none."""
        settings = next((run.settings for run in self.runs if run.label == label and run.settings), None)
        if settings is None or settings.get("balance") is None:
            return None
        same = ("strategy", "parameters")
        for run in self.runs:
            if run.settings and not run.balanced and all(run.settings.get(k) == settings.get(k) for k in same):
                return run.label
        return None

    @property
    def failures(self) -> tuple[Run, ...]:
        """The runs that failed."""
        return tuple(run for run in self.runs if run.failure is not None)

    @property
    def unfinished(self) -> tuple[Run, ...]:
        """The runs that neither failed nor reached their last cycle."""
        return tuple(run for run in self.runs if run.failure is None and not run.finished)


def read(folder: Path | str) -> Experiment:
    """Reads an experiment's folder, finished or not.

    A last line that was cut short (the run was stopped while it wrote) is left out; so is a run that has not finished
    its first cycle, unless it failed.

    Raises:
        DataNotFound: no such folder, no `experiment.json`, or no ledger with a finished cycle and no failure either.
        InputError: a file that is not what an experiment writes; the message names the file and the line.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataNotFound(f"{folder}: no such folder: give the folder that `askew run` wrote")
    about = _read_json(folder / "experiment.json")
    runs = tuple(run for path in sorted((folder / "runs").glob("*")) if (run := _read_run(path)) is not None)
    if not runs:
        raise DataNotFound(f"{folder}: no ledger with a finished cycle under runs/: run the experiment first")
    try:
        return Experiment(
            folder=folder,
            name=str(about["name"]),
            dataset=str(about["dataset"]),
            classes=tuple(str(name) for name in about["classes"]),
            n_items=int(about["n_items"]),
            n_test=int(about["n_test"]),
            config=about.get("config", {}),
            versions=about.get("versions", {}),
            machine=about.get("machine", {}),
            created=str(about.get("created", "")),
            runs=runs,
        )
    except KeyError as error:
        raise InputError(f"{folder / 'experiment.json'}: the key {error} is missing") from error


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise DataNotFound(f"{path}: not found: the folder is not an experiment's")
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InputError(f"{path}: expected a JSON object, got {type(value).__name__}")
    return value


def _read_run(folder: Path) -> Run | None:
    label, separator, seed = folder.name.rpartition("-seed")
    if not folder.is_dir() or not separator or not seed.isdigit():
        return None
    path = folder / "failure.txt"
    failure = path.read_text(encoding="utf-8", errors="replace").strip() if path.is_file() else None
    if (checked := _read_checked(folder / "ledger.jsonl", failure)) is not None:
        return checked if checked.cycles or failure is not None else None
    lines = _read_lines(folder / "ledger.jsonl")
    settings = lines[0].get("run") if lines else {}
    if not isinstance(settings, dict):
        raise InputError(f"{folder / 'ledger.jsonl'}: line 1 is not a ledger's header: the key 'run' is missing")
    cycles = tuple(_cycle(folder / "ledger.jsonl", number, line) for number, line in enumerate(lines[1:]))
    if not cycles and failure is None:
        return None
    return Run(str(settings.get("label", label)), int(settings.get("seed", seed)), settings, cycles, failure)


def _read_checked(path: Path, failure: str | None) -> Run | None:
    """Returns the run of a ledger whose lines have checks, or None if it is none."""
    if not path.is_file() or not path.read_bytes().startswith(b'{"format":'):
        return None
    header, found = read_ledger(path)
    cycles = tuple(
        Cycle(
            one.number,
            one.n_labeled,
            one.metrics,
            one.asked,
            one.asked_labels,
            one.labeled_counts,
            one.asked_counts,
            one.seconds,
            one.balance,
            one.l1_score,
        )
        for one in found
    )
    return Run(header.label, header.seed, header.record(), cycles, failure)


def _read_lines(path: Path) -> list[dict[str, Any]]:
    """Returns the lines of a ledger; a last one that was cut short is left out, any other bad line is an error."""
    if not path.is_file():
        return []
    texts = path.read_text(encoding="utf-8", errors="replace").split("\n")
    last = texts.pop()
    lines: list[dict[str, Any]] = []
    for number, text in enumerate(texts, start=1):
        line = _parse(text)
        if line is None:
            raise InputError(f"{path}: line {number} is not a JSON object: {text[:60]!r}")
        lines.append(line)
    tail = _parse(last)
    return lines if tail is None else [*lines, tail]


def _parse(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _cycle(path: Path, number: int, line: dict[str, Any]) -> Cycle:
    where = f"{path}: line {number + 2}"
    try:
        if int(line["cycle"]) != number:
            raise InputError(f"{where}: cycle {line['cycle']} where cycle {number} was expected")
        return Cycle(
            number=number,
            n_labeled=int(line["n_labeled"]),
            metrics={key: float(value) for key, value in line["metrics"].items()},
            asked=tuple(line.get("asked") or ()),
            asked_labels=tuple(line.get("asked_labels") or ()),
            labeled_counts=tuple(line.get("labeled_counts") or ()),
            asked_counts=tuple(line.get("asked_counts") or ()),
            seconds=line.get("seconds") or {},
            balance=line.get("balance"),
            l1_score=line.get("l1_score"),
        )
    except KeyError as error:
        raise InputError(f"{where}: the key {error} is missing") from error
