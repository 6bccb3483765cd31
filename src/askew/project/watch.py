"""Learning while people go on: trains and asks again when enough new answers are in, until it is told to stop.

Nothing is remembered but in the store: what is due is read from it each time. So a process that is killed at any moment
loses nothing, and the next one goes on where it stood.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import sqlalchemy as sa

from askew.errors import InputError
from askew.learn.extractor import Extractor
from askew.learn.features import Tell, quiet_progress
from askew.project import questions, schema, trainings
from askew.project.asking import Exhausted, ask_with
from askew.project.folder import Project
from askew.project.items import all_items
from askew.project.labels import count_since, current
from askew.project.learning import LEAST_CLASSES, look, network_of, train_on, trained
from askew.project.questions import Round
from askew.project.trainings import Training

try:
    import fcntl
except ImportError:  # Windows has no fcntl: there nobody keeps a second one out
    fcntl = None  # type: ignore[assignment]

LOCK = "watch.lock"
"""The file in the project's folder that is locked while `watch` is at work."""

BOXES = (
    "the boxes of a file are asked, and boxes are not learned here: askew import --ask brings more of them, and askew "
    "query asks about pictures without any"
)

POLL_S = 0.5
"""Seconds between two looks at the store."""

Told = Callable[["Training | Round | str"], None]
"""Called with each training and each round, and with a line on what stands in the way of one."""


def quiet(news: Training | Round | str) -> None:
    """Tells nobody."""


def watch(
    project: Project,
    stop: Event,
    *,
    told: Told = quiet,
    progress: Tell = quiet_progress,
    poll_s: float = POLL_S,
) -> None:
    """Trains and asks whenever it is due, until `stop` is set; answers that come in meanwhile are not held up.

    - A training is due when `retrain_after` labels have come since the last one, or when people have nothing left to
      answer; and two classes are labelled.
    - A round is due when there is a newer model than the one that asked last, or when half of the last round or less is
      left to answer.
    - Boxes are not learned here: no training is due where they are asked, and no round while the newest one was made
      of a file.

    Args:
        project: what is watched.
        stop: set by another thread or a signal to end it; a training at work is ended first.
        told: called with what was done.
        progress: told of pictures whose features are computed.
        poll_s: seconds between two looks at the store.

    Raises:
        InputError: another process watches this project, or its features cannot be had.
    """
    with only_one(project.folder):
        network: Extractor | None = None
        stuck, said = None, ""
        while not stop.is_set():
            before = _state(project)
            if _of_a_file(project):
                if said != BOXES:
                    said = BOXES
                    told(said)
                stop.wait(poll_s)
                continue
            network = network_of(project) if network is None else network
            try:
                if before != stuck and step(project, network, told=told, progress=progress):
                    said = ""
                    continue
            except Exhausted as error:
                stuck = before
                if said != str(error):
                    said = str(error)
                    told(said)
            stop.wait(poll_s)


def step(
    project: Project, network: Extractor | None = None, *, told: Told = quiet, progress: Tell = quiet_progress
) -> bool:
    """Does what is due, a training or a round or both, and tells whether there was anything.

    Raises:
        Exhausted: a round is due, and nothing is left to ask.
    """
    train, did = training_due(project), False
    if train:
        told(train_on(project, look(project, progress, network)))
        did = True
    if round_due(project):
        told(ask_with(project, look(project, progress, network), trained(project)))
        did = True
    return did


def training_due(project: Project) -> bool:
    """Tells whether there are enough labels that the last training did not know."""
    if project.asks_for_boxes:
        return False
    store, last = project.store, trainings.latest(project.store)
    new = count_since(store, 0 if last is None else last.last_label_id)
    if new == 0 or (new < project.config.retrain_after and questions.open_questions(store)):
        return False
    pool, present = {one.id for one in all_items(store) if one.part == "pool"}, current(store).values()
    return len({one.class_name for one in present if one.kind == "class" and one.item_id in pool}) >= LEAST_CLASSES


def round_due(project: Project) -> bool:
    """Tells whether there is a newer model than the one that asked last, or little is left to answer.

    Where a file asked for boxes last, none is: more of them come in by another file, or when somebody says so.
    """
    if _of_a_file(project):
        return False
    store, last = project.store, trainings.latest(project.store)
    asked = questions.rounds(store)
    if not asked or (last is not None and asked[-1].training_id != last.id):
        return True
    skipped = questions.skipped(store)
    left = sum(one.round_id == asked[-1].id and one.id not in skipped for one in questions.open_questions(store))
    return 2 * left <= asked[-1].n


def _of_a_file(project: Project) -> bool:
    """Tells whether boxes are asked, and the newest round was made of a file."""
    asked = questions.rounds(project.store) if project.asks_for_boxes else []
    return bool(asked) and asked[-1].strategy.startswith(questions.IMPORTED)


def _state(project: Project) -> tuple[int, int]:
    """Returns what changes when there may be something to ask again: labels and items."""
    labels, items = sa.func.max(schema.labels.c.id), sa.select(sa.func.count(schema.items.c.id)).scalar_subquery()
    with project.store.read() as connection:
        newest, count = connection.execute(sa.select(labels, items)).one()
    return int(newest or 0), int(count)


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Holds the lock of `watch` for a block; it goes with the process, however that ends.

    Raises:
        InputError: another process holds it.
    """
    with open(folder / LOCK, "a+", encoding="utf-8") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                file.seek(0)
                who = file.read(20).strip()
                raise InputError(
                    f"{folder}: is watched already, by process {who or 'unknown'}: end that one first, or let it work"
                ) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
