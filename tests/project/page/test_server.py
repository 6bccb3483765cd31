"""The page over HTTP: what is asked and answered, who may, and what is refused in one line."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("httpx")

import numpy as np
from PIL import Image
from sqlalchemy import NullPool, create_engine, event
from starlette.testclient import TestClient

from askew.project import scan, trainings
from askew.project.items import all_items
from askew.project.labels import current, history
from askew.project.page import glance
from askew.project.page.guard import Door, door_for
from askew.project.page.said import MOST_BYTES
from askew.project.page.server import page_app
from askew.project.store import add_class

BASE = "http://localhost:8427"
TOKEN = "a-token-of-the-tests-0123456789"
Small = Any  # a project of conftest.py


def client_of(small: Small, **settings: Any) -> TestClient:
    app = page_app(small.project.store, name="digits", door=Door(TOKEN), **settings)
    return TestClient(app, base_url=BASE, headers={"Authorization": f"Bearer {TOKEN}"}, raise_server_exceptions=False)


@pytest.fixture
def small(make: Callable[..., Small], any_url: str) -> Small:
    """40 digits, 20 of them asked, in either database."""
    made = make(store=any_url)
    made.ask()
    return made


@pytest.fixture
def client(small: Small) -> Iterator[TestClient]:
    with client_of(small) as made:
        yield made


@pytest.fixture(scope="module")
def visitor(shared: Small) -> Iterator[TestClient]:
    """A client that changes nothing."""
    with client_of(shared) as made:
        yield made


def questions(client: TestClient, who: str = "ann", n: int = 3) -> list[dict[str, Any]]:
    reply = client.post("/api/next", json={"who": who, "n": n})
    assert reply.status_code == 200, reply.text
    found: list[dict[str, Any]] = reply.json()["questions"]
    return found


def said(question: dict[str, Any], name: str = "three", key: str = "key-0001", **more: Any) -> dict[str, Any]:
    body = {"who": "ann", "question": question["question"], "item": question["item"], "key": key}
    return body | {"kind": "class", "class": name} | more


def test_an_answer_is_a_label_with_who_when_and_how(small: Small, client: TestClient) -> None:
    (first, *_) = questions(client)
    reply = client.post("/api/answer", json=said(first))
    (label,) = history(small.project.store)
    assert reply.json() == {"label": label.id}
    assert (label.item_id, label.class_name, label.who, label.how) == (first["item"], "three", "ann", "page")
    assert label.question_id == first["question"]
    assert label.key == "key-0001"


def test_the_same_answer_sent_twice_is_one_label(small: Small, client: TestClient) -> None:
    (first, *_) = questions(client)
    replies = [client.post("/api/answer", json=said(first)).json() for _ in range(3)]
    assert replies[0] == replies[1] == replies[2]
    assert len(history(small.project.store)) == 1


def test_a_key_of_another_answer_is_refused(client: TestClient) -> None:
    first, second, *_ = questions(client)
    client.post("/api/answer", json=said(first))
    assert client.post("/api/answer", json=said(second)).status_code == 409


def test_what_is_answered_is_not_asked_again(client: TestClient) -> None:
    asked = questions(client, n=20)
    for i, one in enumerate(asked):
        client.post("/api/answer", json=said(one, key=f"key-{i:04d}"))
    assert len(asked) == 20
    assert questions(client, n=20) == []
    assert client.get("/api/state?who=ann").json()["by_you"] == 20


def test_two_people_are_handed_different_pictures(client: TestClient) -> None:
    ann, bob = ({one["item"] for one in questions(client, who, n=8)} for who in ("ann", "bob"))
    assert len(ann) == len(bob) == 8
    assert ann.isdisjoint(bob)


def test_overlap_asks_so_many_people_the_same(small: Small) -> None:
    with client_of(small, overlap=2) as client:
        ann, bob, cid = ({one["item"] for one in questions(client, who, n=20)} for who in ("ann", "bob", "cid"))
    assert ann == bob
    assert cid == set()


def test_undo_takes_back_the_answer_of_that_key_and_asks_it_again(small: Small, client: TestClient) -> None:
    first, second, *_ = questions(client)
    client.post("/api/answer", json=said(first, key="key-0001"))
    client.post("/api/answer", json=said(second, key="key-0002"))
    for _ in range(2):  # sent again, it takes back nothing more
        client.post("/api/undo", json={"who": "ann", "key": "key-0001"})
    assert set(current(small.project.store)) == {second["item"]}
    assert [row.kind for row in history(small.project.store)] == ["class", "class", "withdrawn"]
    assert first["item"] in {one["item"] for one in questions(client, n=20)}
    assert client.post("/api/undo", json={"who": "ann", "key": "key-9999"}).json() == {"label": None}


def test_a_question_skipped_is_left_to_others_and_can_be_had_back(client: TestClient) -> None:
    (first, *_) = questions(client)
    body = {"who": "ann", "question": first["question"]}
    assert client.post("/api/skip", json=body).status_code == 200
    assert first["question"] not in {one["question"] for one in questions(client, n=20)}
    assert client.post("/api/unskip", json=body).status_code == 200
    assert first["question"] in {one["question"] for one in questions(client, n=20)}


def test_cannot_tell_is_an_answer_without_a_class(small: Small, client: TestClient) -> None:
    (first, *_) = questions(client)
    reply = client.post("/api/answer", json={**said(first), "kind": "cannot_tell", "class": None})
    assert reply.status_code == 200, reply.text
    assert [(row.kind, row.class_name) for row in history(small.project.store)] == [("cannot_tell", None)]


def test_the_state_counts_what_people_did(small: Small) -> None:
    with client_of(small, learning=lambda: True) as client:
        first, second, *_ = questions(client)
        client.post("/api/answer", json=said(first, key="key-0001"))
        client.post("/api/answer", json=said(second, key="key-0002", who="bob"))
        state = client.get("/api/state?who=ann").json()
    assert {key: state[key] for key in ("project", "items", "labelled", "by_you", "unlabelled", "open")} == {
        "project": "digits",
        "items": 40,
        "labelled": 2,
        "by_you": 1,
        "unlabelled": None,
        "open": 18,
    }
    assert state["round"] == {"n": 20, "answered": 2}
    assert state["classes"] == list(small.project.config.classes)
    assert state["learning"] is True
    assert state["training"] is None
    assert TOKEN not in json.dumps(state)


def test_accuracy_is_told_with_its_interval_once_it_says_something(small: Small, client: TestClient) -> None:
    for n_labeled, n_test, accuracy in ((10, 3, 1.0), (20, 20, 0.6), (30, 40, 0.75)):
        trainings.add(
            small.project.store,
            seconds=1.0,
            n_labeled=n_labeled,
            n_test=n_test,
            file="head",
            features="f",
            metrics={"accuracy": accuracy, "low": accuracy - 0.1, "high": accuracy + 0.1},
            last_label_id=0,
        )
        if n_test == 3:
            assert client.get("/api/state").json()["training"] is None
            time.sleep(glance.FRESH_SECONDS + 0.1)
    state = client.get("/api/state").json()
    assert state["training"] == {"n_labeled": 30, "n_test": 40, "accuracy": 0.75, "low": 0.65, "high": 0.85}
    assert state["curve"] == [[20, 0.6], [30, 0.75]]


def test_what_is_left_is_counted_where_no_question_is_open(make: Callable[..., Small]) -> None:
    small = make(test_share=0.5)
    n_pool = sum(one.part == "pool" for one in all_items(small.project.store))
    with client_of(small) as client:
        assert client.get("/api/state").json()["unlabelled"] == n_pool
        (small.project.config.images[0] / "00000.png").unlink()
        gone = next(one for one in all_items(small.project.store) if one.path and one.path.name == "00000.png")
        scan.scan(small.project.store, small.project.config.images, test_share=0.5)
        small.ask(40)
        for i, one in enumerate(questions(client, n=40)):
            client.post("/api/answer", json=said(one, key=f"key-{i:04d}"))
        state = client.get("/api/state").json()
    assert (state["labelled"], state["open"], state["unlabelled"]) == (39, 0, 0)
    assert gone.id not in current(small.project.store)


def test_no_guess_is_shown_where_accuracy_is_measured(make: Callable[..., Small]) -> None:
    small = make(test_share=0.5)
    small.ask(40)
    parts = {one.id: one.part for one in all_items(small.project.store)}
    with client_of(small) as client:
        guesses = {one["item"]: (one["guess"], one["confidence"]) for one in questions(client, n=40)}
    assert {parts[item]: guess for item, guess in guesses.items()} == {"pool": ("three", 0.41), "test": (None, None)}


# --- who may come in ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/image/1", "/api/state", "/nothing", "/openapi.json", "/../token"])
@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}, {"Authorization": "Bearer é"}],
)
def test_without_the_token_nothing_is_given(shared: Small, path: str, headers: dict[str, str]) -> None:
    client = TestClient(page_app(shared.project.store, name="digits", door=Door(TOKEN)), base_url=BASE)
    sent = {name: value.encode() for name, value in headers.items()}
    for query in ("", "?token=", "?token=wrong", "?token=%C3%A9", f"?token=wrong&token={TOKEN}"):
        reply = client.get(path + query, headers=sent)
        assert reply.status_code == 403
        assert len(reply.text.strip().splitlines()) == 1


def test_the_address_with_the_token_opens_the_page_but_not_the_interface(shared: Small) -> None:
    client = TestClient(page_app(shared.project.store, name="digits", door=Door(TOKEN)), base_url=BASE)
    assert "<!doctype html>" in client.get(f"/?token={TOKEN}").text
    assert client.get(f"/image/1?token={TOKEN}").status_code == 200
    assert client.get(f"/api/state?token={TOKEN}").status_code == 403
    assert client.post(f"/api/next?token={TOKEN}", json={"who": "ann", "n": 1}).status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "192.168.1.7:8427", "", "127.0.0.1@evil"])
def test_a_foreign_name_of_the_page_is_refused(visitor: TestClient, host: str) -> None:
    assert visitor.get("/api/state", headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:9999", "[::1]:8427", "LOCALHOST:1"])
def test_the_names_of_this_machine_will_do_at_any_port(visitor: TestClient, host: str) -> None:
    assert visitor.get("/api/state", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:9", "http://localhost:8427.evil.example", "file://"]
)
def test_another_site_may_not_ask(visitor: TestClient, origin: str) -> None:
    reply = visitor.post("/api/next", json={"who": "ann", "n": 1}, headers={"Origin": origin})
    assert reply.status_code == 403
    assert "access-control-allow-origin" not in reply.headers
    assert visitor.post("/api/next", json={"who": "ann", "n": 1}, headers={"Origin": BASE}).status_code == 200


def test_a_page_on_the_network_is_called_by_addresses_and_its_own_name_alone() -> None:
    door = door_for("0.0.0.0", TOKEN)
    assert door.knows("192.168.1.7:8427")
    assert door.knows("[fe80::1]:8427")
    assert not door.knows("evil.example")
    assert not door_for("127.0.0.1", TOKEN).knows("192.168.1.7:8427")


def test_every_answer_tells_the_browser_to_be_careful(visitor: TestClient) -> None:
    for path in ("/", "/static/app.js", "/image/1", "/api/state", "/nothing"):
        headers = visitor.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "public" not in headers["cache-control"]
    assert "no-store" in visitor.get("/api/state").headers["cache-control"]


def test_a_preflight_of_another_site_gets_no_leave(visitor: TestClient) -> None:
    asked = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    reply = visitor.options("/api/answer", headers=asked)
    assert reply.status_code == 403
    assert not [name for name in reply.headers if name.startswith("access-control")]


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/static/../server.py",
        "/static/..%2fserver.py",
        "/static/%2e%2e/%2e%2e/folder.py",
        "/static/page.html",
        "/static/",
        "/image/../../token",
        "/image/..%2f..%2ftoken",
        "/image/%2fetc%2fpasswd",
        "/image/0",
        "/image/-1",
        "/image/1.5",
        "/image/1e3",
        "/image/٣",
        "/image/99999999999999999999999999",
        "/image/" + "9" * 5000,
        "/image/41",
    ],
)
def test_no_path_leads_out_of_the_project(visitor: TestClient, path: str) -> None:
    reply = visitor.get(path)
    assert reply.status_code == 404
    assert "error" in reply.json()


WRONG = [
    ("/api/next", {"who": "ann"}),
    ("/api/next", {"who": "ann", "n": 0}),
    ("/api/next", {"who": "ann", "n": True}),
    ("/api/next", {"who": "ann", "n": 10**30}),
    ("/api/next", {"who": "", "n": 1}),
    ("/api/next", {"who": "x" * 61, "n": 1}),
    ("/api/next", {"who": "a\u0000b", "n": 1}),
    ("/api/next", {"who": "\ud800", "n": 1}),
    ("/api/next", {"who": ["ann"], "n": 1}),
    ("/api/answer", {"item": 2}),
    ("/api/answer", {"item": "1"}),
    ("/api/answer", {"question": 10**9}),
    ("/api/answer", {"question": 2**40}),
    ("/api/answer", {"key": "short"}),
    ("/api/answer", {"key": "has space in it"}),
    ("/api/answer", {"key": 12345678}),
    ("/api/answer", {"kind": "withdrawn"}),
    ("/api/answer", {"kind": None}),
    ("/api/answer", {"class": "eleven"}),
    ("/api/answer", {"class": {"name": "three"}}),
    ("/api/answer", {"who": None}),
    ("/api/skip", {"who": "ann", "question": 10**9}),
    ("/api/unskip", {"who": "ann", "question": "1"}),
    ("/api/undo", {"who": "ann"}),
]


@pytest.mark.parametrize(("path", "wrong"), WRONG)
def test_what_cannot_be_is_refused_in_one_line(shared: Small, visitor: TestClient, path: str, wrong: Any) -> None:
    (first, *_) = questions(visitor)
    body = json.dumps({**said(first), **wrong} if path == "/api/answer" else wrong)
    reply = visitor.post(path, content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code in (400, 404), reply.text
    assert list(reply.json()) == ["error"]
    assert "\n" not in reply.json()["error"]
    assert "Traceback" not in reply.text
    assert history(shared.project.store) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b"null",
        b'{"who": NaN, "n": 1e999}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"n":' + b"1" * 9000 + b"}",
    ],
)
def test_a_body_that_is_no_object_is_refused(visitor: TestClient, body: bytes) -> None:
    reply = visitor.post("/api/next", content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code == 400
    assert "error" in reply.json()


def test_a_form_is_refused_as_another_site_could_send_it(visitor: TestClient) -> None:
    reply = visitor.post("/api/next", content=b'{"who": "ann", "n": 1}', headers={"Content-Type": "text/plain"})
    assert reply.status_code == 415


def test_a_huge_body_is_refused_before_it_is_in_memory(visitor: TestClient) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(100):
            sent += MOST_BYTES // 2
            yield b" " * (MOST_BYTES // 2)

    reply = visitor.post("/api/next", content=endless(), headers={"Content-Type": "application/json"})
    assert reply.status_code == 413


def test_other_methods_are_refused(visitor: TestClient) -> None:
    assert visitor.get("/api/answer").status_code == 405
    assert visitor.request("DELETE", "/api/state").status_code == 405


FULL = {
    "sqlite": ["CREATE TRIGGER no_room BEFORE INSERT ON labels BEGIN SELECT RAISE(ABORT, 'disk full'); END"],
    "postgresql": [
        "CREATE FUNCTION no_room() RETURNS trigger AS 'BEGIN RAISE EXCEPTION ''disk full''; END' LANGUAGE plpgsql",
        "CREATE TRIGGER no_room BEFORE INSERT ON labels FOR EACH ROW EXECUTE FUNCTION no_room()",
    ],
}
ROOM = {"sqlite": "DROP TRIGGER no_room", "postgresql": "DROP TRIGGER no_room ON labels"}


def execute(small: Small, *statements: str) -> None:
    with small.project.store.write() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def test_a_store_that_cannot_write_asks_to_try_again(small: Small, client: TestClient) -> None:
    (first, *_) = questions(client)
    database = small.project.store.engine.dialect.name
    execute(small, *FULL[database])
    reply = client.post("/api/answer", json=said(first))
    assert reply.status_code == 503
    assert "disk full" in reply.json()["error"]
    execute(small, ROOM[database])
    assert client.post("/api/answer", json=said(first)).status_code == 200


def test_connections_that_the_database_closed_are_made_anew(make: Callable[..., Small], postgres_url: str) -> None:
    small = make(store=postgres_url)
    small.ask()
    with client_of(small) as client:
        (first, second, *_) = questions(client)
        assert client.post("/api/answer", json=said(first)).status_code == 200
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        other = create_engine(postgres_url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with other.connect() as connection:
            assert connection.exec_driver_sql(f"{end} AND pid <> pg_backend_pid()").all()
        assert client.post("/api/answer", json=said(second, key="key-0002")).status_code == 200
    assert {row.key for row in history(small.project.store)} == {"key-0001", "key-0002"}


# --- pictures ---------------------------------------------------------------------------------------------------------


def picture_of(small: Small, client: TestClient, file: str, data: bytes) -> Any:
    """Adds a picture file to the project and asks the page for it."""
    (small.project.config.images[0] / file).write_bytes(data)
    scan.scan(small.project.store, small.project.config.images, test_share=0.0)
    (item,) = [one.id for one in all_items(small.project.store) if one.path and one.path.name == file]
    return client.get(f"/image/{item}")


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    sink = io.BytesIO()
    image.save(sink, kind, **options)
    return sink.getvalue()


def test_a_picture_is_upright_and_carries_nothing_of_its_file(small: Small, client: TestClient) -> None:
    pixels = np.zeros((200, 300, 3), np.uint8)
    pixels[:100, :, 0] = 255  # the upper half is red
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "taken at my home"  # held a quarter to the left: turn it right
    data = encoded(Image.fromarray(pixels), "JPEG", exif=exif, comment=b"secret place")
    reply = picture_of(small, client, "turned.jpg", data)
    shown = Image.open(io.BytesIO(reply.content))
    assert reply.headers["content-type"] == "image/jpeg"
    assert shown.size == (200, 300)
    assert shown.getpixel((180, 150))[0] > 200  # the red half is at the right now
    assert shown.getpixel((20, 150))[0] < 50
    assert b"home" not in reply.content
    assert b"secret" not in reply.content


def test_a_large_picture_is_sent_smaller_and_a_small_one_without_loss(small: Small, client: TestClient) -> None:
    large = picture_of(small, client, "large.png", encoded(Image.new("RGB", (4000, 1000), (9, 99, 199)), "PNG"))
    assert Image.open(io.BytesIO(large.content)).size == (1600, 400)
    path = small.project.config.images[0] / "00000.png"
    item = next(one.id for one in all_items(small.project.store) if one.path == path)
    reply = client.get(f"/image/{item}")
    assert reply.headers["content-type"] == "image/png"
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(reply.content)))[..., 0], np.asarray(Image.open(path)))


def test_a_picture_is_fetched_once(visitor: TestClient) -> None:
    first = visitor.get("/image/1")
    assert first.headers["cache-control"] == "private, max-age=86400"
    assert visitor.get("/image/1", headers={"If-None-Match": first.headers["etag"]}).status_code == 304


def test_a_picture_of_200_megapixels_is_refused(small: Small, client: TestClient) -> None:
    data = encoded(Image.new("1", (20_000, 10_000)), "PNG")
    _refused_like_a_stranger(small, client, data)


@pytest.mark.parametrize(
    "data",
    [
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b"GIF89a<script>alert(1)</script>",
        b"root:x:0:0:root:/root:/bin/bash\n",
        b"",
    ],
)
def test_what_is_no_picture_is_never_sent(small: Small, client: TestClient, data: bytes) -> None:
    _refused_like_a_stranger(small, client, data)


def _refused_like_a_stranger(small: Small, client: TestClient, data: bytes) -> None:
    """Puts bytes where a known picture lies, even as if the project knew them, and expects one line each time."""
    import hashlib

    path = small.project.config.images[0] / "00003.png"
    item = next(one.id for one in all_items(small.project.store) if one.path == path)
    path.write_bytes(data)
    replies = [client.get(f"/image/{item}")]
    execute(small, f"UPDATE items SET hash = '{hashlib.sha256(data).hexdigest()}' WHERE id = {item}")
    replies.append(client.get(f"/image/{item}"))
    for reply, what in zip(replies, ("has changed since it was added", "cannot be read as a picture"), strict=True):
        assert reply.status_code == 422
        assert what in reply.json()["error"]
        assert reply.headers["content-type"] == "application/json"
        assert str(path.parent) not in reply.text


def test_a_link_put_where_a_picture_lay_leads_nowhere(small: Small, client: TestClient, tmp_path: Path) -> None:
    path = small.project.config.images[0] / "00003.png"
    item = next(one.id for one in all_items(small.project.store) if one.path == path)
    path.unlink()
    other = tmp_path / "private.png"
    Image.new("RGB", (64, 64), (1, 2, 3)).save(other)
    path.symlink_to(other)
    assert client.get(f"/image/{item}").status_code == 422
    path.unlink()
    assert client.get(f"/image/{item}").status_code == 422


def test_a_class_that_is_added_later_can_be_answered(small: Small, client: TestClient) -> None:
    (first, *_) = questions(client)
    assert client.post("/api/answer", json=said(first, "eleven")).status_code == 400
    add_class(small.project.store, "eleven")
    assert client.post("/api/answer", json=said(first, "eleven")).status_code == 200


def test_handing_out_many_questions_takes_no_more_statements_than_a_few(make: Callable[..., Small]) -> None:
    small = make(n=40)
    small.ask(40)
    counts, executed = [], 0

    def count(*_: object) -> None:
        nonlocal executed
        executed += 1

    event.listen(small.project.store.engine, "before_cursor_execute", count)
    with client_of(small) as client:
        for who, n in (("ann", 2), ("bob", 20)):
            executed = 0
            assert len(questions(client, who, n)) == n
            counts.append(executed)
    assert 0 < counts[0] == counts[1] < 12
