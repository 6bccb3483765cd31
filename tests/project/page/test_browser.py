"""The page in a real browser: by keys, by touch, two people at once, a reload in the middle, and without connection."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api")

import uvicorn
from playwright.sync_api import expect, sync_playwright

from askew.project import trainings
from askew.project.labels import current, history
from askew.project.page.guard import Door
from askew.project.page.server import page_app

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
TOKEN = "a-token-of-the-tests-0123456789"
SECONDS = 240
"""What is waited for at most; a busy machine may take a minute for what takes a second alone."""
Small = Any  # a project of conftest.py
Page = Any

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium: apt install chromium")


class Served:
    """The page of a project at a port of its own, which can be closed and opened again."""

    def __init__(self, small: Small, **settings: Any) -> None:
        self.small, self.settings = small, settings
        self.port = 0
        self.open()

    def open(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen()
        self.port = listener.getsockname()[1]
        app = page_app(self.small.project.store, name="digits", door=Door(TOKEN), **self.settings)
        config = uvicorn.Config(app, log_level="error", ws="none", lifespan="off", timeout_graceful_shutdown=1)
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [listener]})
        self.thread.start()

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/?token={TOKEN}"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with sync_playwright() as started:
        made = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=SECONDS * 1000)
        yield made
        made.close()


@pytest.fixture
def served(small: Small) -> Iterator[Served]:
    made = Served(small, learning=lambda: True)
    yield made
    made.close()


@pytest.fixture
def visit(chromium: Any, served: Served) -> Iterator[Callable[..., Page]]:
    """Opens the page as a person with a browser of their own; whatever goes wrong in the script fails the test."""
    contexts, wrong = [], []

    def opened(who: str | None = "Ann", url: str | None = None, **settings: Any) -> Page:
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 800}, **settings})
        context.set_default_timeout(SECONDS * 1000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if "Content Security" in said.text else None)
        page.goto(url or served.url)
        if who is not None:
            page.fill("#name", who)
            page.press("#name", "Enter")
            shown(page)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def shown(page: Page) -> None:
    """Waits until there is a picture to answer.

    Not with `wait_for_function`: it evaluates a string in the page again and again, which the page's policy forbids.
    """
    page.wait_for_selector("#picture img")
    expect(page.locator("#cannot")).to_have_attribute("aria-disabled", "false", timeout=SECONDS * 1000)


def eventually(check: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not check():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)


def test_twenty_pictures_by_keyboard_alone(small: Small, served: Served, visit: Callable[..., Page]) -> None:
    page = visit("Ann")
    names = small.project.config.classes
    expected = []
    for i in range(20):
        shown(page)
        name = names[i % 9]
        page.keyboard.press(str(i % 9 + 1))
        expected.append(name)
    eventually(lambda: len(current(small.project.store)) == 20)
    rows = history(small.project.store)
    assert [row.class_name for row in rows] == expected
    assert {row.who for row in rows} == {"Ann"}
    page.wait_for_selector("#rest >> text=The model is learning")
    assert page.text_content("#mine") == "20"
    small.ask(3, first=20)
    shown(page)  # new questions come by themselves
    page.keyboard.press("0")
    eventually(lambda: history(small.project.store)[-1].kind == "cannot_tell")


def test_the_first_letter_is_the_tenth_class(small: Small, visit: Callable[..., Page]) -> None:
    page = visit("Ann")
    page.keyboard.press("a")
    eventually(lambda: [row.class_name for row in history(small.project.store)] == ["nine"])


@pytest.mark.parametrize("key", ["u", "Backspace", "Control+z", "ArrowLeft"])
def test_undo_brings_the_picture_back(small: Small, visit: Callable[..., Page], key: str) -> None:
    page = visit("Ann")
    page.keyboard.press("1")
    eventually(lambda: len(current(small.project.store)) == 1)
    (first,) = history(small.project.store)
    shown(page)
    page.keyboard.press(key)
    eventually(lambda: current(small.project.store) == {})
    shown(page)
    page.keyboard.press("2")
    eventually(lambda: len(current(small.project.store)) == 1)
    assert current(small.project.store)[first.item_id].class_name == "one"
    assert [row.kind for row in history(small.project.store)] == ["class", "withdrawn", "class"]


def test_a_key_held_down_answers_once(small: Small, visit: Callable[..., Page]) -> None:
    page = visit("Ann")
    for _ in range(5):
        page.keyboard.down("1")  # the second and later ones are repeats
    page.keyboard.up("1")
    shown(page)
    eventually(lambda: len(history(small.project.store)) > 0)
    page.wait_for_timeout(300)
    assert len(history(small.project.store)) == 1


def test_twenty_pictures_by_touch(small: Small, visit: Callable[..., Page]) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    page = visit("Bo", **phone)
    for i in range(20):
        shown(page)
        page.tap(f"#classes button >> nth={i % 10}")
    eventually(lambda: len(current(small.project.store)) == 20)
    boxes = [
        one.bounding_box() for one in page.query_selector_all("#classes button, #others button") if one.is_visible()
    ]
    assert all(box["height"] >= 44 and box["width"] >= 44 for box in boxes)


def test_nothing_on_a_phone_lies_beside_the_screen(small: Small, visit: Callable[..., Page]) -> None:
    for n_labeled in (1000, 2000):
        measured = {"accuracy": 0.876, "low": 0.812, "high": 0.931}
        known = {"n_labeled": n_labeled, "n_test": 100, "metrics": measured, "last_label_id": 0}
        trainings.add(small.project.store, seconds=1.0, file="head", features="f", **known)
    for width, height in ((320, 568), (390, 844), (844, 390)):
        page = visit("Bo", viewport={"width": width, "height": height}, has_touch=True, is_mobile=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("document.documentElement.scrollHeight") <= height
        for which in ("#picture img", "#undo", "#skip", "#cannot", "#classes button >> nth=0"):
            box = page.locator(which).bounding_box()
            assert box["y"] >= 0
            assert box["y"] + box["height"] <= height + 1


def test_two_people_at_once_are_never_asked_the_same(small: Small, visit: Callable[..., Page]) -> None:
    ann, bob = visit("Ann"), visit("Bob")
    for _ in range(10):
        for page, key in ((ann, "1"), (bob, "2")):
            if page.is_visible("#picture img"):
                shown(page)
                page.keyboard.press(key)
    eventually(lambda: len(current(small.project.store)) >= 19)
    rows = history(small.project.store)
    assert len({row.item_id for row in rows}) == len(rows)
    assert {row.who for row in rows} == {"Ann", "Bob"}


def test_a_reload_in_the_middle_loses_nothing(small: Small, served: Served, visit: Callable[..., Page]) -> None:
    page = visit("Ann")
    page.keyboard.press("1")
    shown(page)
    served.close()
    page.keyboard.press("2")
    shown(page)
    page.keyboard.press("3")
    page.wait_for_selector("#banner >> text=2 answers are kept here")
    served.open()
    page.reload()
    eventually(lambda: len(current(small.project.store)) == 3)
    assert [row.class_name for row in history(small.project.store)] == ["zero", "one", "two"]
    shown(page)
    assert page.is_hidden("#settings")  # the name is asked once
    page.keyboard.press("u")  # and what was answered before can still be taken back
    eventually(lambda: history(small.project.store)[-1].kind == "withdrawn")
    assert len(current(small.project.store)) == 2


def test_a_lost_connection_is_told_and_made_good(small: Small, served: Served, visit: Callable[..., Page]) -> None:
    page = visit("Ann")
    page.context.set_offline(True)
    page.keyboard.press("1")
    page.wait_for_selector("#banner >> text=One answer is kept here")
    assert history(small.project.store) == []
    page.context.set_offline(False)
    eventually(lambda: len(history(small.project.store)) == 1)
    page.wait_for_selector("#banner", state="hidden")


def test_skip_asks_another_and_undo_brings_it_back(small: Small, visit: Callable[..., Page]) -> None:
    page = visit("Ann")
    first = page.get_attribute("#picture img", "src")
    page.keyboard.press("s")
    shown(page)
    assert page.get_attribute("#picture img", "src") != first
    page.keyboard.press("u")
    expect(page.locator("#picture img")).to_have_attribute("src", first, timeout=SECONDS * 1000)
    shown(page)
    page.keyboard.press("5")
    eventually(lambda: [row.class_name for row in history(small.project.store)] == ["four"])


def test_the_next_picture_is_there_at_once(visit: Callable[..., Page]) -> None:
    page = visit("Ann")
    loaded = "performance.getEntriesByType('resource').filter(one => /image/.test(one.name) && one.responseEnd).length"
    eventually(lambda: page.evaluate(loaded) > 1)
    page.wait_for_timeout(500)
    before = page.get_attribute("#picture img", "src")
    page.route("**/image/*", lambda _: None)  # from now on no picture arrives
    page.keyboard.press("1")
    expect(page.locator("#picture img")).not_to_have_attribute("src", before, timeout=SECONDS * 1000)


def test_the_guess_can_be_switched_off(visit: Callable[..., Page]) -> None:
    page = visit("Ann")
    assert page.text_content("#guess") == "The model guesses three, 41 %"
    page.click("#menu")
    page.click("#show-guess")
    page.click("#done")
    assert page.text_content("#guess") == ""
    page.reload()
    shown(page)
    assert page.text_content("#guess") == ""


def test_a_hundred_classes_are_found_by_typing(make: Callable[..., Small], visit: Callable[..., Page]) -> None:
    names = tuple(f"{colour} {bird}" for colour in COLOURS for bird in BIRDS)
    small = make(classes=names)
    small.ask(20)
    served = Served(small)
    try:
        page = visit("Ann", url=served.url)
        page.keyboard.type("gr")
        assert page.locator("#classes button").all_text_contents()[0].startswith("grey heron")
        page.keyboard.type("ey ow")
        page.keyboard.press("Enter")
        eventually(lambda: [row.class_name for row in history(small.project.store)] == ["grey owl"])
        shown(page)
        assert page.input_value("#filter") == ""
        page.keyboard.type("tern")
        page.keyboard.press("2")
        eventually(lambda: len(history(small.project.store)) == 2)
        assert history(small.project.store)[-1].class_name == "grey tern"
        shown(page)
        page.keyboard.press("Backspace")
        eventually(lambda: history(small.project.store)[-1].kind == "withdrawn")
    finally:
        served.close()


COLOURS = ("red", "grey", "great", "little", "marsh", "black", "white", "common", "rock", "wood")
BIRDS = ("heron", "gull", "tern", "owl", "finch", "warbler", "duck", "tit", "plover", "swift")


def test_all_labelled_says_so(make: Callable[..., Small], visit: Callable[..., Page]) -> None:
    small = make(n=3)
    small.ask(3)
    served = Served(small)
    try:
        page = visit("Ann", url=served.url)
        for _ in range(3):
            shown(page)
            page.keyboard.press("1")
        page.wait_for_selector("#rest >> text=Everything is labelled")
    finally:
        served.close()


def test_a_wrong_token_is_told_in_words(served: Served, visit: Callable[..., Page]) -> None:
    page = visit(None, url=served.url.replace(TOKEN, "wrong"))
    assert "use the whole address that" in page.text_content("body")


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_serious(visit: Callable[..., Page], look: str, width: int) -> None:
    axe = pytest.importorskip("axe_core_python.sync_playwright").Axe()
    page = visit(None, color_scheme=look, viewport={"width": width, "height": 844}, bypass_csp=True)
    page.wait_for_selector("#name")
    found = serious(axe.run(page))
    page.fill("#name", "Ann")
    page.press("#name", "Enter")
    shown(page)
    page.keyboard.press("1")
    shown(page)
    page.wait_for_timeout(300)
    found += serious(axe.run(page))
    page.click("#menu")
    found += serious(axe.run(page))
    page.click("#done")
    page.context.set_offline(True)
    page.keyboard.press("1")
    page.wait_for_selector("#banner >> text=kept here")
    found += serious(axe.run(page))
    assert found == []


def serious(found: Any) -> list[str]:
    return [
        f"{one['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def test_what_changed_is_said_to_those_who_do_not_see_it(visit: Callable[..., Page]) -> None:
    page = visit("Ann")
    page.keyboard.press("3")
    assert page.text_content("#say").strip() == "two. Next picture."
    page.keyboard.press("u")
    assert page.text_content("#say").strip() == "Undone: two. The picture is back."
    assert page.get_attribute("#say", "aria-live") == "polite"
