"""Push and pull against a server: the stand-in, and Label Studio itself where it is installed."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route
from tests.project.label_studio.conftest import CLASSES, Person
from tests.project.label_studio.standin import EMAIL, TOKEN, StandIn, expired_jwt, served

from askew.errors import DataNotFound, InputError
from askew.project import schema
from askew.project.folder import Project
from askew.project.items import all_items
from askew.project.label_studio import client
from askew.project.label_studio.client import Server, checked_url, connected
from askew.project.label_studio.pull import pull
from askew.project.label_studio.push import push
from askew.project.labels import Answer, current, history, record
from askew.project.questions import NewQuestion, hand_out, put
from askew.project.store import add_class


def said(project: Project) -> dict[int, tuple[str, str | None, str]]:
    return {item: (one.kind, one.class_name, one.who) for item, one in current(project.store).items()}


def test_the_open_questions_become_tasks_with_guesses_and_again_nothing_is_doubled(
    project: Project, server: Server, person: Person, title: str
) -> None:
    done = push(project, server, title)
    assert (done.made, done.new, done.told_anew, done.left_out) == (True, 3, 0, ())
    tasks = person.tasks(title)
    hashes = {one.id: one.hash for one in all_items(project.store)}
    assert [one["data"]["askew_item"] for one in tasks] == [hashes[4], hashes[2], hashes[5]]
    assert [one["data"]["askew_file"] for one in tasks] == ["picture 3.jpg", "picture 1.png", "picture 4.webp"]
    guesses = [one["predictions"][0] for one in tasks]
    assert [one["score"] for one in guesses] == pytest.approx([0, 1 / 6, 1 / 3], abs=1e-6)
    assert guesses[0]["result"][0]["value"] == {"choices": ["heron"]}
    assert guesses[0]["result"][0]["score"] == 0.625
    assert guesses[1]["result"] == []
    again = push(project, server, title)
    assert (again.made, again.new, again.told_anew, again.as_before) == (False, 0, 0, 3)
    assert [one["id"] for one in person.tasks(title)] == [one["id"] for one in tasks]


def test_label_studio_serves_the_pictures_that_were_uploaded(
    project: Project, server: Server, person: Person, title: str, standin: StandIn
) -> None:
    put(project.store, [NewQuestion(3)], strategy="entropy", n_labeled=0, seed=0)  # a TIFF
    push(project, server, title)
    files = {one.hash: one.path for one in all_items(project.store)}
    for one in person.tasks(title):
        place = one["data"]["image"]
        if standin.bytes:
            sent = standin.bytes[place]
        else:
            sent = httpx.get(f"{person.url}{place}", headers={"Authorization": f"Token {TOKEN}"}).content
        path = files[one["data"]["askew_item"]]
        assert path is not None
        assert sent[:4] == b"\x89PNG" if path.suffix == ".tif" else sent == path.read_bytes()


def test_an_interrupted_push_is_completed_without_uploading_twice(
    project: Project, server: Server, person: Person, title: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: Any) -> None:
        raise InputError("pulled the plug")

    with monkeypatch.context() as patch:
        patch.setattr(client, "import_tasks", stopped)
        with pytest.raises(InputError, match="plug"):
            push(project, server, title)
    there = client.find_project(server, title)
    assert there is not None
    before = client.uploaded(server, there)
    assert len(before) == 3
    assert push(project, server, title).new == 3
    assert client.uploaded(server, there) == before
    assert len(person.tasks(title)) == 3


def test_annotations_come_back_as_labels_with_who_and_when_and_again_nothing_is_doubled(
    project: Project, server: Server, person: Person, title: str
) -> None:
    push(project, server, title)
    first, second, third = (one["id"] for one in person.tasks(title))
    person.annotate(first, CLASSES[1])
    person.annotate(second, "(cannot tell)")
    person.annotate(third, skip=True)
    done = pull(project, server, title)
    assert (len(done.labels), done.known, done.skipped, done.unknown, done.strange) == (2, 0, 1, {}, 0)
    assert said(project) == {4: ("class", CLASSES[1], EMAIL), 2: ("cannot_tell", None, EMAIL)}
    assert [(one.how, one.question_id) for one in done.labels] == [("label-studio", 1), ("label-studio", 2)]
    assert hand_out(project.store, EMAIL, 5) == []
    assert [one.item_id for one in hand_out(project.store, "bob", 5)] == [5]
    again = pull(project, server, title)
    assert (again.labels, again.known, again.skipped, again.deleted) == ((), 2, 1, ())


def test_a_changed_annotation_is_a_new_row_and_a_deleted_one_is_told(
    project: Project, server: Server, person: Person, title: str
) -> None:
    push(project, server, title)
    first, second, _ = (one["id"] for one in person.tasks(title))
    changed, dropped = person.annotate(first, "heron"), person.annotate(second, "heron")
    pull(project, server, title)
    person.change(changed, CLASSES[1])
    person.delete(dropped)
    done = pull(project, server, title)
    assert [(one.item_id, one.class_name) for one in done.labels] == [(4, CLASSES[1])]
    assert [(one.item_id, one.who) for one in done.deleted] == [(2, EMAIL)]
    assert [one.class_name for one in history(project.store) if one.item_id == 4] == ["heron", CLASSES[1]]
    assert "still labels here: 1 (item 2 by ann@example.org)" in done.lines()[-1]


def test_a_class_that_was_added_in_label_studio_is_told_and_one_added_here_can_be_chosen_there(
    project: Project, server: Server, person: Person, title: str
) -> None:
    there = push(project, server, title).project
    config = there.config.replace("</Choices>", '<Choice value="kite"/></Choices>')
    client.set_config(server, there, config)
    first, second, _ = (one["id"] for one in person.tasks(title))
    person.annotate(first, "kite")
    assert pull(project, server, title).unknown == {"kite": 1}
    add_class(project.store, "kite")
    add_class(project.store, "swan")
    push(project, server, title)
    person.annotate(second, "swan")
    pull(project, server, title)
    assert {item: one[1] for item, one in said(project).items()} == {4: "kite", 2: "swan"}


def test_a_new_round_adds_its_tasks_and_puts_all_in_the_new_order(
    project: Project, server: Server, person: Person, title: str
) -> None:
    push(project, server, title)
    record(project.store, [Answer(4, "class", "heron", who="bob")])
    put(project.store, [NewQuestion(6, guess="heron", confidence=0.5), NewQuestion(2, guess="heron", confidence=0.5)],
        strategy="margin", n_labeled=1, seed=1)  # fmt: skip
    done = push(project, server, title)
    assert done.new == 1
    hashes = {one.hash: one.id for one in all_items(project.store)}
    tasks = person.tasks(title)
    assert [hashes[one["data"]["askew_item"]] for one in tasks] == [6, 2, 5, 4]
    assert [len(one["predictions"]) for one in tasks] == [1, 1, 1, 1]
    assert tasks[1]["predictions"][0]["result"][0]["value"] == {"choices": ["heron"]}
    assert tasks[-1]["predictions"][0]["score"] == 1


def test_test_items_are_asked_without_a_guess(project: Project, server: Server, person: Person, title: str) -> None:
    with project.store.write() as connection:
        connection.execute(sa.update(schema.items).where(schema.items.c.id == 4).values(part="test"))
    push(project, server, title)
    assert person.tasks(title)[0]["predictions"][0]["result"] == []


def test_a_picture_that_is_gone_is_told_and_the_others_are_pushed(
    project: Project, server: Server, person: Person, title: str
) -> None:
    path = all_items(project.store)[3].path
    assert path is not None
    path.unlink()
    done = push(project, server, title)
    assert (done.new, len(done.left_out)) == (2, 1)
    assert "picture 3.jpg" in done.left_out[0]


def test_another_s_project_of_the_title_is_left_alone(
    project: Project, server: Server, person: Person, title: str
) -> None:
    config = '<View><Text name="t" value="$text"/><Choices name="c" toName="t"><Choice value="a"/></Choices></View>'
    theirs = client.make_project(server, title, config, "")
    with pytest.raises(InputError, match="no project that askew made"):
        push(project, server, title)
    assert client.get_project(server, theirs.id).config == config


def test_pull_without_a_project_says_what_makes_it(project: Project, server: Server, title: str) -> None:
    with pytest.raises(DataNotFound, match="askew label-studio push"):
        pull(project, server, title)


@pytest.mark.parametrize("token", ["wrong-token-of-somebody", expired_jwt()])
def test_a_wrong_token_is_one_line_without_the_token(project: Project, url: str, title: str, token: str) -> None:
    with pytest.raises(InputError, match=r"the token is refused \(401\)") as caught, connected(url, token) as server:
        push(project, server, title)
    assert token not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_server_that_fails_or_is_another_s_is_one_line(
    project: Project, standin: StandIn, title: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    standin.broken = True
    with served(standin.app()) as url, connected(url, TOKEN) as server:
        monkeypatch.setattr("time.sleep", lambda _: None)  # the SDK waits before it tries again
        with pytest.raises(InputError, match=r"refused \(500\): out of order"):
            push(project, server, title)
    monkeypatch.undo()
    page = Starlette(routes=[Route("/{rest:path}", lambda _: HTMLResponse("<p>hello"))])
    with (
        served(page) as url,
        connected(url, TOKEN) as server,
        pytest.raises(InputError, match="none of Label Studio's: is this its address"),
    ):
        push(project, server, title)
    with (
        connected("http://127.0.0.1:9", TOKEN) as server,
        pytest.raises(InputError, match=r"http://127\.0\.0\.1:9: cannot be reached"),
    ):
        pull(project, server, title)


@pytest.mark.parametrize("token", ["", "a token", "töken", "a\nb"])
def test_what_is_no_token_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(InputError, match="token: holds what no token holds") as caught, connected("http://x", token):
        pass
    assert not token or token not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["localhost:8080", "ftp://x", "http://", "http://x:y", "http://x?y=1", "", "http://x:0"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="is no address"):
        checked_url(url)


def test_a_password_in_the_address_is_refused_and_not_shown() -> None:
    with pytest.raises(InputError) as caught:
        checked_url("http://ann:secret@host")
    assert "secret" not in str(caught.value)


def test_a_path_before_label_studio_s_own_is_kept() -> None:
    assert checked_url(" https://host/tools/ls/ ") == "https://host/tools/ls"
