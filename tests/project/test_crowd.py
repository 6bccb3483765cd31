"""Many people at once: nobody is handed what another has, every answer is kept once, and nobody waits long."""

from __future__ import annotations

from pathlib import Path

import project_store

from askew.project import labels, questions
from askew.project.store import Store, sqlite_url


def test_people_at_once_answer_each_question_once(any_url: str) -> None:
    store = Store.create(any_url, ["a", "b"])
    project_store.filled(store, 60)
    project_store.ask(store, range(1, 61))
    found = project_store.crowd(store, people=12, each=5, pause=0.02)
    assert found["items_asked_twice"] == 0
    assert sorted(labels.current(store)) == list(range(1, 61))
    assert len(labels.history(store)) == 60
    store.check()
    store.close()


def test_handing_out_takes_no_more_steps_in_a_larger_store(tmp_path: Path) -> None:
    small, large = (_steps(tmp_path / f"{n}.sqlite", n) for n in (400, 8000))
    assert 0 < large < 1.5 * small


def _steps(path: Path, n: int) -> int:
    """Returns the instructions of SQLite's machine that it takes to hand out three questions of n, half answered.

    Unlike seconds they do not depend on who else works.
    """
    store = Store.create(sqlite_url(path), ["a", "b"])
    project_store.filled(store, n)
    project_store.ask(store, range(1, n + 1), n=200)
    labels.record(store, [labels.Answer(i, "class", "a", who="bob") for i in range(1, n // 2)])
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    with store.write() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.set_progress_handler(step, 1)
        questions.give(connection, "ann", 3)
        raw.set_progress_handler(None, 0)
    store.close()
    return count
