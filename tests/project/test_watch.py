"""Learning while people go on: what is due, two at once, and killed at any moment."""

from __future__ import annotations

import os
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

from tests.project.birds import answer, begun

from askew.errors import InputError
from askew.project import questions, trainings
from askew.project.folder import Project, open_project
from askew.project.labels import Answer, history, record
from askew.project.learning import network_of, trained
from askew.project.questions import Round, hand_out, open_questions
from askew.project.trainings import Training
from askew.project.watch import only_one, round_due, step, training_due, watch


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
    project = begun(tmp_path, word, 90, n=6, retrain_after=4)
    command = [sys.executable, "-m", "askew.cli.main", "watch", str(project.folder), "--poll", "0.02"]
    told, deadline = 0, time.monotonic() + 600
    for pause in (0.0, 0.07):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=os.environ)
        until = len(trainings.trainings(project.store)) + 2
        while len(trainings.trainings(project.store)) < until:
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            assert time.monotonic() < deadline
            told += answer(project, hand_out(project.store, "ann", 1))
            time.sleep(0.02)
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert process.stderr is not None
        process.stderr.close()
        project.store.check()
        assert len(history(project.store)) == told
        found = trained(project)
        assert found is not None
        assert found.training.id == trainings.trainings(project.store)[-1].id
    counts = [one.n_labeled for one in trainings.trainings(project.store)]
    assert counts == sorted(counts)
    assert len(counts) >= 4
    project.close()
