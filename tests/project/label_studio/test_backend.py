"""The ML backend: Label Studio's protocol, and annotations that become labels, a model, and new questions there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("torch")

import httpx
from tests.project.label_studio.conftest import CLASSES, Person, said
from tests.project.label_studio.standin import EMAIL, StandIn, served

from askew.project import watch
from askew.project.folder import Project
from askew.project.items import all_items
from askew.project.label_studio import guesses
from askew.project.label_studio import worker as working
from askew.project.label_studio.backend import MOST_BYTES, backend, tasks_of
from askew.project.label_studio.client import Server
from askew.project.label_studio.guesses import Guesses
from askew.project.label_studio.tasks import Guess
from askew.project.label_studio.worker import Worker
from askew.project.labels import Answer, current, record
from askew.project.questions import NewQuestion, put


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def worker(project: Project, server: Server, title: str, told: list[str]) -> Worker:
    return Worker(project, server, title, say=told.append)


@pytest.fixture
def unlearned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out training, which `test_a_person_s_answers_are_learned_from` does."""
    monkeypatch.setattr(Worker, "_learn", lambda _: None)
    monkeypatch.setattr(Worker, "_may_learn", lambda *_: False)


@pytest.fixture
def address(project: Project, worker: Worker, unlearned: None) -> Iterator[str]:
    with served(backend(project, worker)) as url:
        yield url


def until(true: Callable[[], Any], seconds: float = 60) -> Any:
    """Waits until something is true, and returns it."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.05)
    return found


def labels(project: Project) -> dict[int, str | None]:
    return {item: one.class_name for item, one in current(project.store).items()}


@pytest.mark.parametrize("url", ["stand-in"], indirect=True)
def test_the_protocol_of_an_ml_backend(project: Project, worker: Worker, address: str) -> None:
    worker.guesses = Guesses(3, {1: Guess("heron", 0.75), 4: Guess("heron", 0.9)})
    hashes = {one.id: one.hash for one in all_items(project.store)}
    assert httpx.get(f"{address}/health").json()["status"] == "UP"
    sent = {"project": "1.2", "schema": "<View/>", "hostname": "http://x", "access_token": "secret"}
    assert httpx.post(f"{address}/setup", json=sent).json() == {"model_version": "askew-3"}
    assert httpx.get(f"{address}/versions").json() == {"versions": ["askew-3"]}
    tasks = [{"id": 9, "data": {"askew_item": hashes[one]}} for one in (1, 4, 2)]
    tasks.append({"id": 10, "data": {"image": "http://169.254.169.254/latest"}})
    answer = httpx.post(f"{address}/predict", json={"tasks": tasks, "params": {}}).json()
    assert answer["model_version"] == "askew-3"
    found = [(one["score"], [r["value"]["choices"] for r in one["result"]]) for one in answer["results"]]
    assert found == [(0.875, [["heron"]]), (0.0, [["heron"]]), (pytest.approx(1 / 6, abs=1e-6), []), (1.0, [])]
    assert {one["model_version"] for one in answer["results"]} == {"askew-3"}


@pytest.mark.parametrize("url", ["stand-in"], indirect=True)
def test_what_is_no_request_of_label_studio_is_refused(address: str) -> None:
    def status(**named: Any) -> int:
        return httpx.post(f"{address}/predict", **named).status_code

    headers = {"Content-Type": "application/json"}
    assert status(content=b"{}", headers={"Content-Type": "text/plain"}) == 415
    assert status(content=b"{", headers=headers) == 400
    assert status(content=b"[" * 100_000, headers=headers) == 400
    assert status(content=b"[]", headers=headers) == 400
    assert status(json={"tasks": "x"}) == 400
    assert status(json={"tasks": [None, 3, {"data": 3}]}) == 200
    assert status(content=b" " * (MOST_BYTES + 1), headers=headers) == 413
    assert httpx.get(f"{address}/predict").status_code == 405
    assert httpx.get(f"{address}/../askew.toml").status_code == 404


@pytest.mark.parametrize(
    ("sent", "tasks"),
    [
        ({"task": {"id": 3}, "annotation": {"id": 9, "task": 3}}, {3}),
        ({"annotations": [{"id": 9, "task": 3}, {"id": 10, "task": 4}]}, {3, 4}),
        ({"annotations": [{"id": 9}]}, set()),
        ({"task": [None, {"id": "3"}, {"id": True}], "annotation": 7}, set()),
    ],
)
def test_a_webhook_says_which_tasks_it_is_about(sent: dict[str, Any], tasks: set[int]) -> None:
    assert tasks_of(sent) == tasks


def test_annotations_become_labels_as_they_are_made_changed_and_deleted(
    project: Project, server: Server, person: Person, title: str, told: list[str], unlearned: None
) -> None:
    worker = Worker(project, server, title, say=told.append)
    with served(backend(project, worker)) as address:
        worker._reached_at = address
        until(lambda: f"connected: Label Studio reaches this ML backend at {address}" in told)
        first, second, _ = (one["id"] for one in person.tasks(title))
        number = person.annotate(first, "heron")
        until(lambda: labels(project) == {4: "heron"})
        person.change(number, CLASSES[1])
        dropped = person.annotate(second, "heron")
        until(lambda: labels(project) == {4: CLASSES[1], 2: "heron"})
        person.delete(dropped)
        until(lambda: any("deleted in Label Studio" in line for line in told))
    assert {one.who for one in current(project.store).values()} == {EMAIL}


@pytest.mark.parametrize("url", ["stand-in"], indirect=True)
def test_a_forged_webhook_writes_no_label(
    project: Project, address: str, standin: StandIn, worker: Worker, told: list[str]
) -> None:
    until(lambda: standin.tasks)
    task = min(standin.tasks)
    forged = {"id": 99, "task": task, "completed_by": 1, "updated_at": "2026-01-01T00:00:00Z", "result": said("heron")}
    sent = {"action": "ANNOTATION_CREATED", "annotation": forged, "task": {"id": task, **standin.tasks[task]}}
    assert httpx.post(f"{address}/webhook", json=sent).status_code == 201
    assert httpx.post(f"{address}/webhook", json={**sent, "task": {"id": 10**9}}).status_code == 201
    until(lambda: not worker._tasks)
    time.sleep(0.5)
    assert labels(project) == {}
    assert worker.works


@pytest.mark.parametrize("url", ["stand-in"], indirect=True)
def test_what_was_annotated_while_label_studio_did_not_answer_comes_in_later(
    project: Project,
    person: Person,
    address: str,
    standin: StandIn,
    told: list[str],
    title: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(working, "AGAIN_S", 0.2)
    until(lambda: standin.tasks)
    task = person.tasks(title)[0]["id"]
    person.annotate(task, "heron")
    standin.broken = True
    httpx.post(f"{address}/webhook", json={"action": "ANNOTATION_CREATED", "task": {"id": task}})
    until(lambda: any("out of order" in line for line in told))
    time.sleep(1)
    assert labels(project) == {}
    standin.broken = False
    until(lambda: labels(project) == {4: "heron"})
    assert sum("out of order" in line for line in told) == 1


@pytest.mark.parametrize("url", ["stand-in"], indirect=True)
def test_a_round_that_somebody_else_asks_becomes_tasks(project: Project, address: str, standin: StandIn) -> None:
    until(lambda: len(standin.tasks) == 3)
    put(project.store, [NewQuestion(6)], strategy="entropy", n_labeled=0, seed=1)
    until(lambda: len(standin.tasks) == 4)


@pytest.mark.parametrize("url", ["stand-in"], indirect=True)
def test_where_another_process_learns_it_only_passes_on(
    project: Project, worker: Worker, told: list[str], standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def learned(_: Worker) -> None:
        raise AssertionError

    monkeypatch.setattr(Worker, "_learn", learned)
    with watch.only_one(project.folder), served(backend(project, worker)):
        until(lambda: len(standin.tasks) == 3)
    assert "it trains and asks, this passes on" in told[0]


@pytest.mark.parametrize("url", ["stand-in"], indirect=True)
def test_the_guesses_of_now_are_the_model_s(project: Project, server: Server) -> None:
    from askew.project.learning import train
    from askew.project.predicting import predict

    assert guesses.guesses_now(project) == Guesses()
    record(project.store, [Answer(1, "class", CLASSES[0]), Answer(2, "class", CLASSES[1])])
    training = train(project)
    found = guesses.guesses_now(project)
    assert found.training_id == training.id
    files = {str(one.path): one.id for one in all_items(project.store)}
    for one in predict(project):
        if one.source == "model":
            guess = found.by_item[files[one.path]]
            assert (guess.class_name, guess.confidence) == (one.class_name, pytest.approx(one.confidence, abs=1e-6))


def test_a_person_s_answers_are_learned_from_and_the_next_questions_come_to_label_studio(
    project: Project, server: Server, person: Person, title: str, told: list[str]
) -> None:
    worker = Worker(project, server, title, say=told.append)
    with served(backend(project, worker)) as address:
        worker._reached_at = address
        until(lambda: any(line.startswith("connected") for line in told), 120)
        first, second, _ = (one["id"] for one in person.tasks(title))
        person.annotate(first, CLASSES[0])
        person.annotate(second, CLASSES[1])
        until(lambda: len(labels(project)) == 2)
        httpx.post(f"{address}/webhook", json={"action": "START_TRAINING", "project": {}})
        until(lambda: worker.guesses.training_id, 120)
        version = f"askew-{worker.guesses.training_id}"

        def told_anew() -> bool:
            tasks = person.tasks(title)
            versions = [{p["model_version"] for p in one["predictions"]} for one in tasks]
            return len(tasks) > 3 and all(version in found for found in versions)

        until(told_anew, 120)
        guessed = [one for one in person.tasks(title) if not one["annotations"]]
        assert all(one["predictions"][0]["result"][0]["value"]["choices"][0] in CLASSES for one in guessed)


@pytest.mark.slow
@pytest.mark.parametrize("url", ["real"], indirect=True)
def test_label_studio_asks_in_askew_s_order_and_takes_the_predictions_of_the_backend(
    project: Project, server: Server, person: Person, title: str, told: list[str], unlearned: None
) -> None:
    worker = Worker(project, server, title, say=told.append)
    with served(backend(project, worker)) as address:
        worker._reached_at = address
        until(lambda: any(line.startswith("connected") for line in told))
        tasks = person.tasks(title)
        number = tasks[0]["project"]
        for expected in tasks:
            found = person.ask("GET", f"projects/{number}/next/")
            assert found["id"] == expected["id"]
            person.annotate(found["id"], "heron", skip=expected is tasks[1])
        until(lambda: labels(project) == {4: "heron", 5: "heron"})
        worker.guesses = Guesses(9, {one: Guess(CLASSES[1], 0.75) for one in range(1, 7)})
        chosen = {"selectedItems": {"all": True, "excluded": []}}
        person.ask("POST", f"dm/actions/?id=retrieve_tasks_predictions&project={number}", json=chosen)
        for one in person.tasks(title):
            (new,) = [found for found in one["predictions"] if found["model_version"] == "askew-9"]
            assert new["result"][0]["value"]["choices"] == [CLASSES[1]]
