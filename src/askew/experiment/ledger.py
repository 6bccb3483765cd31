"""The ledger: one append-only file a run, a line an event; what stands in it is never written again.

    {"format":2,"run":{…},"check":"…"}                  the header: what is run
    {"asked":{"cycle":0, …},"check":"…"}                a cycle's measurements and its question
    {"answered":{"cycle":0,"labels":[…]},"check":"…"}   the oracle's answer; the last cycle asks nothing and has none

A line is complete when it ends in a newline and reached the disk (fsync). A process killed while it wrote leaves half a
line, which the next one cuts off before it goes on. `check` is a hash of the line and of the check before it, so a line
that was edited, dropped, doubled or moved is refused. A file lock keeps two processes from going on with the same run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from askew.errors import InputError
from askew.experiment.chain import complete_lines, sync_folder, write_line
from askew.experiment.records import checked, finite, finites, items, listed, mapping, numbers, text, whole, words
from askew.pick.balance import l1_score
from askew.plan import Balance
from askew.pseudo_labels import PseudoLabels

try:
    import fcntl
except ImportError:  # Windows has no fcntl: there two processes on one folder are the user's to avoid
    fcntl = None  # type: ignore[assignment]

FILE = "ledger.jsonl"

FORMAT = 2
"""Of the lines; 1 had no checks."""


@dataclass(frozen=True)
class Header:
    """What a ledger's run is: everything that its picks depend on beside the data and the learner.

    Attributes:
        label: how the experiment calls it, such as "entropy+balance".
        strategy: the strategy's name; None for a run that is trained on the whole pool and asks nothing.
        seed: of the initial set, the training and the ties.
        cycles: trainings planned.
        budget: labels asked after each but the last.
        initial: pool items labelled at the start; empty if the strategy is None.
        parameters: the strategy's own.
        balance: `Balance.record()`, or None.
        warm_start: whether each cycle's training starts from the model of the one before.
        threads: how many the run computes with.
        pseudo_labels: `PseudoLabels.record()`, or None; a ledger without them does not name them.
        arrivals: `Arrivals.record()`, or None where the whole pool is there from the start.
        carry: whether what trainings record of an item goes on from cycle to cycle.

    Raises:
        InputError: a value of the wrong type or out of range.
    """

    label: str
    strategy: str | None
    seed: int
    cycles: int
    budget: int
    initial: tuple[int, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    balance: Mapping[str, Any] | None = None
    warm_start: bool = False
    threads: int = 1
    pseudo_labels: Mapping[str, Any] | None = None
    arrivals: Mapping[str, Any] | None = None
    carry: bool = False

    def __post_init__(self) -> None:
        text("label", self.label)
        if self.strategy is not None:
            text("strategy", self.strategy)
        for name, least in (("seed", 0), ("cycles", 1), ("budget", 0), ("threads", 1)):
            whole(name, getattr(self, name), least)
        for name in ("warm_start", "carry"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"{name}: expected true or false, got {getattr(self, name)!r}")
        if self.arrivals is not None:
            numbers("arrivals.counts", mapping("arrivals", self.arrivals).get("counts"))
        object.__setattr__(self, "initial", items("initial", self.initial))
        mapping("parameters", self.parameters)
        if self.balance is not None:
            mapping("balance", self.balance)
        if self.pseudo_labels is not None:
            checked(PseudoLabels, self.pseudo_labels)

    def record(self) -> dict[str, Any]:
        """Returns it as plain values for JSON."""
        left_out = [name for name in ("pseudo_labels", "arrivals", "carry") if not getattr(self, name)]
        return {**{k: v for k, v in vars(self).items() if k not in left_out}, "initial": list(self.initial)}


@dataclass(frozen=True)
class Cycle:
    """One cycle of a run: what was trained on, what was measured, what was asked next and what was answered.

    Attributes:
        number: from 0.
        n_labeled: how many labels the model was trained on.
        metrics: name to value, measured on the test items.
        labeled_counts: (C,) labels of each class that the model was trained on.
        asked: pool items asked after this training, best first; empty in the last cycle.
        asked_labels: their classes as the oracle told them; empty as long as it did not.
        seconds: phase to seconds.
        balance: what the balanced selection reported (weight, objective, bound, gap, l1_score, demand, curve), or None.
        proof: what the strategy proved of its choice (quantity, value, bound, gap, seconds, stopped), or None.
        model: SHA-256 of the saved model that the next cycle starts from, or None where each starts anew.
        predicted: the class that the model held most probable for each item asked, None where it said nothing; empty as
            a whole in ledgers that do not have it.
        plan: `Plan.record()` of the question where the strategy is "auto", and why it was chosen; else None.
        arrived: how many pool items were there, or None where the whole pool is there from the start.
        history: SHA-256 of the file of what trainings recorded so far, or None where nothing is carried on.

    Raises:
        InputError: a value of the wrong type or out of range.
    """

    number: int
    n_labeled: int
    metrics: Mapping[str, float]
    labeled_counts: tuple[int, ...]
    asked: tuple[int, ...] = ()
    asked_labels: tuple[int, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    balance: Mapping[str, Any] | None = None
    model: str | None = None
    predicted: tuple[int | None, ...] = ()
    proof: Mapping[str, Any] | None = None
    plan: Mapping[str, Any] | None = None
    arrived: int | None = None
    history: str | None = None

    def __post_init__(self) -> None:
        whole("cycle", self.number, 0)
        whole("n_labeled", self.n_labeled, 1)
        words("metrics", self.metrics)
        words("seconds", self.seconds)
        for name in ("model", "history"):
            if getattr(self, name) is not None:
                text(name, getattr(self, name))
        if self.arrived is not None:
            whole("arrived", self.arrived, self.n_labeled)
        object.__setattr__(self, "labeled_counts", numbers("labeled_counts", self.labeled_counts))
        object.__setattr__(self, "asked", items("asked", self.asked))
        object.__setattr__(self, "asked_labels", numbers("labels", self.asked_labels))
        if self.balance is not None:
            _check_balance(self.balance)
        if self.proof is not None:
            _check_proof(self.proof)
        if self.plan is not None:
            text("strategy", mapping("plan", self.plan).get("strategy"))
        object.__setattr__(self, "predicted", self._checked_predictions())
        if self.asked_labels:
            if len(self.asked_labels) != len(self.asked):
                raise InputError(f"labels: {len(self.asked_labels)} for {len(self.asked)} items asked")
            if max(self.asked_labels) >= len(self.labeled_counts):
                raise InputError(
                    f"labels: {max(self.asked_labels)} is outside the {len(self.labeled_counts)} classes of "
                    "labeled_counts"
                )

    def _checked_predictions(self) -> tuple[int | None, ...]:
        found = tuple(
            None if one is None else whole("predicted", one, 0) for one in listed("predicted", self.predicted)
        )
        if found and len(found) != len(self.asked):
            raise InputError(f"predicted: {len(found)} for {len(self.asked)} items asked")
        outside = [one for one in found if one is not None and one >= len(self.labeled_counts)]
        if outside:
            raise InputError(
                f"predicted: {outside[0]} is outside the {len(self.labeled_counts)} classes of labeled_counts"
            )
        return found

    @property
    def waiting(self) -> bool:
        """Whether the cycle asked something that the oracle has not answered yet."""
        return bool(self.asked) and not self.asked_labels

    @property
    def asked_counts(self) -> tuple[int, ...]:
        """(C,) the answers of each class."""
        labels = np.array(self.asked_labels, dtype=np.int64)
        return tuple(np.bincount(labels, minlength=len(self.labeled_counts)).tolist())

    @property
    def l1_score(self) -> float | None:
        """Eq. 4.10 of the answers, or None without any."""
        return l1_score(np.array(self.asked_counts)) if self.asked_labels else None

    def answered(self, labels: tuple[int, ...]) -> Cycle:
        """Returns the cycle with the oracle's answer.

        Raises:
            InputError: it was answered already, or the labels do not fit what was asked.
        """
        if not self.waiting or not labels:
            raise InputError(f"cycle {self.number}: no answer is waited for, or an empty one was given")
        return Cycle(**{**vars(self), "asked_labels": labels})

    def question(self) -> dict[str, Any]:
        """Returns all but the answer as plain values for JSON."""
        absent = [name for name in ("plan", "arrived", "history") if getattr(self, name) is None]
        left_out = ("number", "asked_labels", *absent)
        record = {name: value for name, value in vars(self).items() if name not in left_out}
        lists = {name: list(getattr(self, name)) for name in ("labeled_counts", "asked", "predicted")}
        return {"cycle": self.number, **record, **lists}


@dataclass
class Ledger:
    """The open ledger of one run: its folder, its header, the cycles so far, and what appends to them.

    When one of its methods returns, the line is on the disk.
    """

    folder: Path
    header: Header
    cycles: list[Cycle]
    _file: IO[bytes]
    _check: str

    def ask(self, cycle: Cycle) -> None:
        """Adds a cycle whose question, if there is one, the oracle has not answered yet.

        Raises:
            InputError: it cannot follow the cycles so far.
        """
        _check_next(self.header, self.cycles, cycle)
        self._write({"asked": cycle.question()})
        self.cycles.append(Cycle(**{**vars(cycle), "asked_labels": ()}))

    def answer(self, labels: tuple[int, ...]) -> None:
        """Adds the oracle's answer to the last cycle's question.

        Raises:
            InputError: the last cycle waits for none, or the labels do not fit what was asked.
        """
        if not self.cycles:
            raise InputError("no cycle has asked anything yet")
        answered = self.cycles[-1].answered(labels)
        self._write({"answered": {"cycle": answered.number, "labels": list(answered.asked_labels)}})
        self.cycles[-1] = answered

    def append(self, cycle: Cycle) -> None:
        """Adds a whole cycle, its answer too."""
        self.ask(cycle)
        if cycle.asked_labels:
            self.answer(cycle.asked_labels)

    def _write(self, event: dict[str, Any]) -> None:
        self._check = write_line(self._file, event, self._check)


@contextmanager
def open_ledger(folder: Path, header: Header) -> Iterator[Ledger]:
    """Opens the run's ledger in `folder`, makes it if it is new, and holds its lock until the end.

    Raises:
        InputError: the ledger there is damaged, or of another run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    with open(path, "a+b") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        lines, size = complete_lines(file.read(), path)
        file.truncate(size)
        if not lines:
            check = write_line(file, {"format": FORMAT, "run": header.record()}, "")
            sync_folder(folder)
            yield Ledger(folder, header, [], file, check)
            return
        found, cycles = _read(lines, path)
        if _plain(complete(found).record()) != _plain(complete(header).record()):
            raise InputError(f"{folder}: holds another run, with other settings: choose another output folder")
        yield Ledger(folder, found, cycles, file, lines[-1][1])


def complete(header: Header) -> Header:
    """Returns a header whose balance has all settings: those that its ledger is older than have their defaults."""
    if header.balance is None:
        return header
    known = {one.name: one.default for one in fields(Balance) if one.default is not MISSING}
    return replace(header, balance={**known, **header.balance})


def begun(path: Path) -> bool:
    """Tells whether there is a ledger with a complete line: a run killed at its start leaves none."""
    return path.is_file() and b"\n" in path.read_bytes()


def read_ledger(path: Path) -> tuple[Header, tuple[Cycle, ...]]:
    """Returns the header and the cycles of a ledger file, leaving out half a last line.

    Raises:
        InputError: not a ledger, or a line of it is damaged; the message names the line.
    """
    lines, _ = complete_lines(path.read_bytes(), path)
    if not lines:
        raise InputError(f"{path}: not a ledger of a run: it holds no complete line")
    header, cycles = _read(lines, path)
    return header, tuple(cycles)


def _read(lines: list[tuple[dict[str, Any], str]], path: Path) -> tuple[Header, list[Cycle]]:
    with _naming(path, 1):
        header = _header(lines[0][0])
    cycles: list[Cycle] = []
    for number, (line, _) in enumerate(lines[1:], start=2):
        with _naming(path, number):
            if "asked" in line:
                cycle = _asked(line["asked"])
                _check_next(header, cycles, cycle)
                cycles.append(cycle)
            else:
                cycles = _with_answer(cycles, line)
    return header, cycles


@contextmanager
def _naming(path: Path, line: int) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: line {line}: {error}") from error


def _header(line: dict[str, Any]) -> Header:
    if line.get("format") != FORMAT:
        raise InputError("not the header of a run")
    return checked(Header, line.get("run"))


def _asked(record: Any) -> Cycle:
    if isinstance(record, dict):
        record = {("number" if name == "cycle" else name): value for name, value in record.items()}
    return checked(Cycle, record)


def _with_answer(cycles: list[Cycle], line: dict[str, Any]) -> list[Cycle]:
    answer = line.get("answered")
    if not isinstance(answer, dict) or set(answer) != {"cycle", "labels"}:
        raise InputError("neither a question nor an answer")
    if not cycles or answer["cycle"] != cycles[-1].number:
        raise InputError(f"an answer to cycle {answer['cycle']!r}, which was not the last to ask")
    return [*cycles[:-1], cycles[-1].answered(answer["labels"])]


def _check_next(header: Header, cycles: list[Cycle], cycle: Cycle) -> None:
    if cycle.number != len(cycles):
        raise InputError(f"cycle {cycle.number} where cycle {len(cycles)} was expected")
    if cycle.number >= header.cycles:
        raise InputError(f"cycle {cycle.number} of a run of {header.cycles} cycles")
    if cycles and cycles[-1].waiting:
        raise InputError(f"cycle {cycle.number} before cycle {cycle.number - 1} was answered")
    if cycles and not cycles[-1].asked:
        raise InputError(f"cycle {cycle.number} after a cycle that asked nothing")
    known = set(header.initial).union(*(one.asked for one in cycles))
    twice = [item for item in cycle.asked if item in known]
    if twice:
        raise InputError(f"asked: item {twice[0]} was labelled before")


def _check_balance(balance: Mapping[str, Any]) -> None:
    mapping("balance", balance)
    for name in ("weight", "objective", "bound", "gap", "l1_score"):
        if balance.get(name) is not None:
            finite(f"balance.{name}", balance[name])
    if balance.get("demand") is not None:
        finites("balance.demand", balance["demand"])
    if balance.get("curve") is not None:
        curve = mapping("balance.curve", balance["curve"])
        weights, losses = (finites(f"balance.curve.{name}", curve.get(name)) for name in ("weights", "losses"))
        if len(weights) != len(losses):
            raise InputError("balance.curve: expected as many losses as weights")
        finite("balance.weight", balance.get("weight"))


def _check_proof(proof: Mapping[str, Any]) -> None:
    mapping("proof", proof)
    for name in ("quantity", "stopped"):
        if not isinstance(proof.get(name), str):
            raise InputError(f"proof.{name}: expected a text, got {proof.get(name)!r}")
    for name in ("value", "bound", "gap", "seconds"):
        finite(f"proof.{name}", proof.get(name))


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(json.dumps(record)))
