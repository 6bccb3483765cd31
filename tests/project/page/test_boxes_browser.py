"""Boxes on the page in a real browser: drawn, moved, resized, rejected and accepted, by mouse, by touch, by keys."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api")

from tests.project.page.test_browser import (  # noqa: F401  (fixtures)
    CHROMIUM,
    Served,
    chromium,
    eventually,
    serious,
    shown,
    visit,
)

from askew.project.items import all_items
from askew.project.labels import history
from askew.project.questions import NewQuestion, put

GUESSED = [
    {"class": "three", "box": [4, 4, 24, 24], "score": 0.9},
    {"class": "one", "box": [34, 4, 60, 20], "score": 0.4, "kind": "suspected"},
    {"class": "two", "box": [10, 40, 30, 60], "score": 0.6, "kind": "missed"},
]
Small = Any  # a project of conftest.py
Page = Any

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium: apt install chromium")


@pytest.fixture
def small(make: Callable[..., Small]) -> Small:
    """Digits of 64 px, six of them asked with three boxes each."""
    made = make(n=6, classes=("one", "two", "three"))
    ids = [one.id for one in all_items(made.project.store)]
    found = [NewQuestion(one, reason="3 boxes", detail=json.dumps(GUESSED)) for one in ids]
    put(made.project.store, found, strategy="import:coco", n_labeled=0, seed=0)
    return made


@pytest.fixture
def served(small: Small) -> Iterator[Served]:
    made = Served(small)
    yield made
    made.close()


def answers(small: Small, n: int = 1) -> list[list[tuple[str, list[float]]]]:
    """Waits for labels of boxes and returns those that stand, the oldest first."""
    eventually(lambda: len(history(small.project.store)) == n)
    rows = [json.loads(one.detail) for one in history(small.project.store) if one.kind == "boxes"]
    return [[(box["class"], box["box"]) for box in row] for row in rows]


def at(page: Page, x: float, y: float) -> tuple[float, float]:
    """Returns where a point of the picture lies on the screen."""
    found = page.evaluate(
        "([x, y]) => { const p = new DOMPoint(x, y).matrixTransform(document.querySelector('#picture svg')"
        ".getScreenCTM()); return [p.x, p.y]; }",
        [x, y],
    )
    return found[0], found[1]


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*at(page, *start))
    page.mouse.down()
    page.mouse.move(*at(page, *[(a + b) / 2 for a, b in zip(start, end, strict=True)]))
    page.mouse.move(*at(page, *end))
    page.mouse.up()


KEPT = [("three", [4, 4, 24, 24]), ("two", [10, 40, 30, 60])]
"""What stands without a person's doing: the suspected one is left out."""


def test_the_boxes_lie_where_they_are_in_the_picture(visit: Callable[..., Page]) -> None:  # noqa: F811
    page = visit("Ann")
    picture = page.locator("#picture img").bounding_box()
    side = min(picture["width"], picture["height"])
    left = picture["x"] + (picture["width"] - side) / 2
    box = page.locator("#picture svg .line").first.bounding_box()
    assert box["x"] == pytest.approx(left + side * 4 / 64, abs=3)
    assert box["width"] == pytest.approx(side * 20 / 64, abs=6)
    assert page.text_content("#counted") == "1 detected: in · 1 probably wrong: out · 1 probably missed: in"


def test_the_name_of_a_box_at_the_right_edge_stays_within_the_picture(visit: Callable[..., Page]) -> None:  # noqa: F811
    page = visit("Ann", viewport={"width": 390, "height": 844})
    picture = page.locator("#picture img").bounding_box()
    name = page.locator("#picture svg text", has_text="2 one ? (out)").bounding_box()
    assert name["x"] + name["width"] <= picture["x"] + picture["width"] + 1


def test_enter_accepts_and_goes_on_and_undo_comes_back(small: Small, visit: Callable[..., Page]) -> None:  # noqa: F811
    page = visit("Ann")
    first = page.get_attribute("#picture img", "src")
    page.keyboard.press("Enter")
    assert answers(small) == [KEPT]
    shown(page)
    assert page.get_attribute("#picture img", "src") != first
    page.keyboard.press("u")
    eventually(lambda: history(small.project.store)[-1].kind == "withdrawn")
    shown(page)
    assert page.get_attribute("#picture img", "src") == first
    page.keyboard.press("s")
    shown(page)
    page.keyboard.press("0")
    eventually(lambda: history(small.project.store)[-1].kind == "cannot_tell")


def test_by_keys_alone(small: Small, visit: Callable[..., Page]) -> None:  # noqa: F811
    page = visit("Ann")
    page.keyboard.press("Tab")  # the first box
    assert page.get_attribute(":focus", "role") == "checkbox"
    assert page.get_attribute(":focus", "aria-label").startswith("Box 1 of 3, three, detected, in the answer")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+ArrowLeft")
    assert page.text_content("#say").strip() == "Size: left 5, top 5, 19 by 20."
    page.keyboard.press("Tab")
    assert page.get_attribute(":focus", "aria-checked") == "false"
    page.keyboard.press("a")
    page.keyboard.press("2")
    page.keyboard.press("Tab")
    page.keyboard.press("Delete")
    assert page.text_content("#say").strip() == "Rejected. Box 3 of 3, two, probably missed, left out."
    page.keyboard.press("n")
    page.keyboard.press("3")
    page.keyboard.press("Enter")
    assert answers(small) == [
        [("three", [5, 5, 24, 25]), ("two", [34, 4, 60, 20]), ("three", [25.6, 25.6, 38.4, 38.4])]
    ]


def test_undo_takes_back_changes_of_boxes_first(small: Small, visit: Callable[..., Page]) -> None:  # noqa: F811
    page = visit("Ann")
    page.keyboard.press("Tab")
    page.keyboard.press("Delete")
    page.keyboard.press("n")
    page.keyboard.press("u")
    page.keyboard.press("Control+z")
    page.keyboard.press("Enter")
    assert answers(small) == [KEPT]


def test_by_mouse_boxes_are_drawn_moved_resized_and_rejected(
    small: Small,
    visit: Callable[..., Page],  # noqa: F811
) -> None:
    page = visit("Ann")
    drag(page, (40, 40), (60, 62))  # on empty ground: a new one
    drag(page, (14, 14), (19, 12))  # the first one moves
    drag(page, (29, 22), (33, 27))  # by its corner, it grows
    page.mouse.click(*at(page, 20, 50))
    page.click("#reject-box")
    page.click("#go-on")
    ((first, new),) = answers(small)
    assert first[0] == "three"
    assert first[1] == pytest.approx([9, 2, 33, 27], abs=0.6)
    assert new[0] == "one"
    assert new[1] == pytest.approx([40, 40, 60, 62], abs=0.6)


def test_a_box_drawn_beyond_the_picture_ends_at_its_edge(small: Small, visit: Callable[..., Page]) -> None:  # noqa: F811
    page = visit("Ann")
    drag(page, (50, 50), (70, 70))
    page.keyboard.press("Enter")
    assert answers(small)[0][-1][1] == pytest.approx([50, 50, 64, 64], abs=0.6)


def test_a_drawing_inside_another_box_needs_the_button(small: Small, visit: Callable[..., Page]) -> None:  # noqa: F811
    page = visit("Ann")
    page.click("#add-box")
    drag(page, (6, 6), (14, 14))
    page.click("#classes button >> nth=1")
    page.click("#go-on")
    assert answers(small)[0][0] == KEPT[0]
    assert answers(small)[0][-1][0] == "two"
    assert answers(small)[0][-1][1] == pytest.approx([6, 6, 14, 14], abs=0.6)


def test_by_touch_on_a_phone(small: Small, visit: Callable[..., Page]) -> None:  # noqa: F811
    page = visit("Bo", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    touch = page.context.new_cdp_session(page)

    def swipe(start: tuple[float, float], end: tuple[float, float]) -> None:
        places = [at(page, *start), at(page, (start[0] + end[0]) / 2, (start[1] + end[1]) / 2), at(page, *end)]
        for kind, place in zip(("touchStart", "touchMove", "touchMove"), places, strict=True):
            points = [{"x": place[0], "y": place[1]}]
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    swipe((14, 14), (16, 20))  # moves
    page.touchscreen.tap(*at(page, 47, 12))  # the suspected one
    page.tap("#accept-box")
    swipe((44, 40), (60, 60))  # draws
    page.wait_for_timeout(500)  # a browser takes a tap right after a swipe for the end of its fling
    page.tap("#classes button >> nth=1")
    buttons = page.query_selector_all("#boxing button, #classes button, #others button")
    sizes = [one.bounding_box() for one in buttons if one.is_visible()]
    assert all(one["height"] >= 44 and one["width"] >= 44 for one in sizes)
    assert all(one["x"] >= 0 and one["x"] + one["width"] <= 390 for one in sizes)
    assert page.locator("#picture").bounding_box()["height"] >= 150
    page.tap("#go-on")
    moved, suspected, _, new = answers(small)[0]
    assert moved[1] == pytest.approx([6, 10, 26, 30], abs=0.6)
    assert suspected == ("one", [34, 4, 60, 20])
    assert new[0] == "two"
    assert new[1] == pytest.approx([44, 40, 60, 60], abs=0.6)


def test_without_guesses_the_boxes_are_not_shown(small: Small, visit: Callable[..., Page]) -> None:  # noqa: F811
    page = visit("Ann")
    page.click("#menu")
    page.click("#show-guess")
    page.click("#done")
    shown(page)
    assert page.text_content("#counted") == "No box"
    page.keyboard.press("Enter")
    assert answers(small) == [[]]


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_serious(visit: Callable[..., Page], look: str, width: int) -> None:  # noqa: F811
    axe = pytest.importorskip("axe_core_python.sync_playwright").Axe()
    page = visit("Ann", color_scheme=look, viewport={"width": width, "height": 844}, bypass_csp=True)
    found = serious(axe.run(page))
    page.keyboard.press("Tab")
    page.keyboard.press("Delete")
    found += serious(axe.run(page))
    page.click("#menu")
    found += serious(axe.run(page))
    assert found == []
