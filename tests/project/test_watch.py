"""Learning while people go on: what is due, two at once, and killed at any moment."""

from __future__ import annotations

import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("torch")
pytest.importorskip("timm")
pytest.importorskip("sklearn")

import sqlalchemy as sa
from tests.project.birds import answer, begun

from askew.errors import InputError
from askew.project import questions, schema, trainings
from askew.project.folder import Project, open_project
from askew.project.labels import Answer, history, record
from askew.project.learning import network_of, trained
from askew.project.questions import Round, hand_out, open_questions
from askew.project.trainings import Training
from askew.project.watch import LOCK, only_one, round_due, step, training_due, watch

KILLS = int(os.environ.get("ASKEW_KILLS", "2"))
"""How often a watcher is killed; 30 is the figure the project is held to, 2 keeps the suite quick."""


@pytest.fixture
def project(tmp_path: Path, word: str):
    made = begun(tmp_path, word, n=8, retrain_after=6)
    yield made
    made.close()


def test_what_is_due_is_done_and_nothing_else(tmp_path: Path, word: str) -> None:
    project = begun(tmp_path, word, 120, share=0.0, n=8, retrain_after=6)
    network, news = network_of(project), []
    assert step(project, network, told=news.append)
    assert [type(one) for one in news] == [Round]
    assert not step(project, network, told=news.append), "nothing has been answered"
    answer(project, open_questions(project.store)[:3])
    assert not step(project, network, told=news.append)
    answer(project, open_questions(project.store)[:3])
    assert training_due(project)
    assert step(project, network, told=news.append)
    assert [type(one) for one in news] == [Round, Training, Round]
    assert news[1].n_labeled == 6
    assert (news[2].training_id, news[2].n) == (news[1].id, 8)
    assert not step(project, network, told=news.append)
    answer(project, open_questions(project.store)[:4])
    assert not training_due(project)
    assert step(project, network, told=news.append), "half of the round is left: more is asked of the same model"
    assert news[-1].training_id == news[1].id
    project.close()


def test_one_class_alone_is_not_trained_on_and_more_is_asked(project: Project) -> None:
    network, news = network_of(project), []
    step(project, network, told=news.append)
    asked = open_questions(project.store)
    record(project.store, [Answer(one.item_id, "class", "gull", who="ann", question_id=one.id) for one in asked])
    assert not training_due(project)
    assert step(project, network, told=news.append)
    assert [type(one) for one in news] == [Round, Round]


def test_what_everybody_skips_does_not_stop_the_questions(project: Project) -> None:
    network = network_of(project)
    step(project, network)
    for one in open_questions(project.store):
        questions.skip(project.store, one.id, "ann")
    assert hand_out(project.store, "ann", 3) == []
    assert step(project, network)
    assert len(hand_out(project.store, "ann", 3)) == 3


def test_a_training_without_its_round_gets_one(project: Project) -> None:
    network = network_of(project)
    step(project, network)
    answer(project)
    step(project, network)
    with project.store.write() as connection:  # as if the process had ended before it asked
        last = questions.rounds(project.store)[-1].id
        connection.exec_driver_sql(f"DELETE FROM questions WHERE round_id = {last}")
        connection.exec_driver_sql(f"DELETE FROM rounds WHERE id = {last}")
    assert not training_due(project)
    assert round_due(project)


def test_it_ends_when_it_is_told_and_says_once_that_nothing_is_left(project: Project) -> None:
    stop, news = threading.Event(), []
    project_of_thread = open_project(project.folder)
    thread = threading.Thread(
        target=watch, args=(project_of_thread, stop), kwargs={"told": news.append, "poll_s": 0.01}
    )
    thread.start()
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not any(isinstance(one, str) for one in news):
        answer(project)
        time.sleep(0.02)
    time.sleep(0.1)
    with pytest.raises(InputError, match="is watched already"):
        watch(project, threading.Event())
    stop.set()
    thread.join(60)
    assert not thread.is_alive()
    said = [one for one in news if isinstance(one, str)]
    assert len(said) == 1
    assert "nothing is left" in said[0]
    assert any(isinstance(one, Training) for one in news)
    assert all(one.training_id is not None for one in questions.rounds(project.store)[-2:])
    project_of_thread.close()


def test_a_second_watcher_says_who_is_there(project: Project) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom askew.project.watch import only_one\n"
        "with only_one(Path(sys.argv[1])):\n    print('in', flush=True)\n    time.sleep(60)\n"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(project.folder)], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "in\n"
        with pytest.raises(InputError, match=f"by process {other.pid}"), only_one(project.folder):
            pass
    finally:
        other.kill()
        other.wait()
        assert other.stdout is not None
        other.stdout.close()
    with only_one(project.folder):
        pass


def test_killed_at_any_moment_it_loses_nothing_and_goes_on(tmp_path: Path, word: str) -> None:
    project = begun(tmp_path, word, 90 + 15 * KILLS, n=6, retrain_after=4)
    command = [sys.executable, "-m", "askew.cli.main", "watch", str(project.folder), "--poll", "0.02"]
    draw, told, trained_by, usual_s = random.Random(0), 0, [], 0.0
    for life in range(KILLS + 2):
        before, first, last = len(trainings.trainings(project.store)), life == 0, life == KILLS + 1
        long_s = math.inf if first or last else draw.uniform(0, 2 * usual_s)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:  # the first, which tells how long that takes, and the last live until they have trained
            new, lived_s = answered(project, process, long_s, before)
            process.send_signal(signal.SIGKILL)
        finally:
            process.kill()
            error = process.communicate()[1]
        assert process.returncode == -signal.SIGKILL, error
        told, usual_s = told + new, lived_s if first else usual_s
        check(project, told)
        trained_by.append(len(trainings.trainings(project.store)) - before)
    counts = [one.n_labeled for one in trainings.trainings(project.store)]
    assert counts == sorted(counts)
    print(f"{KILLS} kills, {told} answers, trainings of each life: {trained_by}")
    project.close()


def answered(project: Project, process: subprocess.Popen[str], long_s: float, before: int) -> tuple[int, float]:
    """Answers until a process has watched so many seconds, of infinitely many until it has trained.

    Returns how many answers were kept, and how many seconds it watched.
    """
    told, begin, deadline = 0, math.inf, time.monotonic() + 300
    while time.monotonic() - begin < long_s and process.poll() is None:
        assert time.monotonic() < deadline, "it does not go on"
        told += answer(project, hand_out(project.store, "ann", 1))
        time.sleep(0.05)
        if begin == math.inf and watcher(project) == process.pid:
            begin = time.monotonic()
        if long_s == math.inf and len(trainings.trainings(project.store)) > before:
            break
    return told, time.monotonic() - begin


def watcher(project: Project) -> int:
    """Returns the process that watched last, 0 if none did."""
    lock = project.folder / LOCK
    return int(lock.read_text() or 0) if lock.exists() else 0


def check(project: Project, told: int) -> None:
    """Looks at a store after a kill: the answers are there once each, and trainings and rounds are whole."""
    project.store.check()
    rows = history(project.store)
    assert len(rows) == len({row.item_id for row in rows}) == told
    with project.store.read() as connection:
        sizes = connection.execute(
            sa.select(schema.rounds.c.n, sa.func.count(schema.questions.c.id))
            .outerjoin(schema.questions, schema.questions.c.round_id == schema.rounds.c.id)
            .group_by(schema.rounds.c.id)
        ).all()
    assert all(wanted == found for wanted, found in sizes), "half a round"
    found, all_trainings = trained(project), trainings.trainings(project.store)
    assert (None if found is None else found.training.id) == (all_trainings[-1].id if all_trainings else None)
