"""Takes the pictures of the page of `askew label` that the docs show: the real page, in Chromium.

    python scripts/make_screenshots.py

The photos are the two that come with scikit-learn, and parts of them; four are labelled before the picture is taken.
The street with boxes is drawn here. Writes docs/images/label-page.jpg, label-page-phone.jpg, label-boxes.jpg and
label-boxes-phone.jpg. Needs playwright and chromium (`$CHROMIUM`, or on the path).
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from PIL import Image, ImageDraw, ImageFilter
from playwright.sync_api import expect, sync_playwright
from sklearn.datasets import load_sample_images

from askew.project import folder, questions, scan
from askew.project.items import all_items
from askew.project.page.guard import Door
from askew.project.page.server import page_app

IMAGES = Path(__file__).parent.parent / "docs" / "images"
TOKEN = "only-for-the-pictures-of-the-docs"
CLASSES = ("dahlia", "rose", "tulip", "sunflower", "lily", "no flower")


def project_of(where: Path) -> folder.Project:
    """Makes a project of twelve pictures; the first four to be asked are parts, the next is the whole flower."""
    china, flower = (Image.fromarray(one) for one in load_sample_images().images)
    pictures = where / "pictures"
    pictures.mkdir()
    for i, left in enumerate((0, 90, 180, 270)):
        for name, photo in (("flower", flower), ("china", china)):
            photo.crop((left, 0, left + 360, 427)).save(pictures / f"{name}-{i}.png")
    flower.save(pictures / "whole.png")
    made = folder.create(where / "garden", images=[pictures], classes=CLASSES)
    scan.scan(made.store, made.config.images, test_share=0.0)
    rest = sorted(all_items(made.store), key=lambda one: str(one.path))
    whole = rest.pop()
    asked = [questions.NewQuestion(one.id, reason="it is like 2 others") for one in rest]
    asked.insert(4, questions.NewQuestion(whole.id, reason="covers 4 pictures like it"))
    questions.put(made.store, asked, strategy="maxherding", n_labeled=0, seed=0)
    return made


STREET = (960, 600)
"""Width and height of the drawn street in pixels."""

CARS = ((120, 370, 330, 480, "#b23a48"), (560, 345, 720, 430, "#2f6690"), (470, 310, 530, 342, "#d9dcd6"))
PEOPLE = ((795, 330, 835, 450), (850, 345, 884, 440))
FOUND = [
    {"class": "car", "box": [116, 364, 334, 486], "score": 0.93},
    {"class": "car", "box": [556, 340, 724, 434], "score": 0.88},
    {"class": "person", "box": [791, 326, 839, 454], "score": 0.81},
    {"class": "person", "box": [404, 262, 442, 372], "score": 0.34, "kind": "suspected"},
    {"class": "car", "box": [466, 306, 534, 346], "score": 0.52, "kind": "missed"},
]
"""What a detector may find there: it takes a sign for a person, and loses the third car and the second person."""


def street() -> Image.Image:
    """Draws a street with three cars, two people and a sign, as through a plain camera."""
    width, height = STREET
    image = Image.new("RGB", STREET, "#9fb8cc")
    draw = ImageDraw.Draw(image)
    for x, top, wide, colour in ((0, 90, 190, "#8d7966"), (200, 150, 150, "#a08f7d"), (620, 120, 170, "#96867a"),
                                 (800, 60, 160, "#7d6f63")):  # fmt: skip
        draw.rectangle((x, top, x + wide, 320), fill=colour)
        for row in range(top + 20, 290, 45):
            for column in range(x + 18, x + wide - 25, 40):
                draw.rectangle((column, row, column + 18, row + 24), fill="#5d6f7d")
    draw.rectangle((0, 300, width, height), fill="#8a8f86")
    draw.polygon([(430, 300), (560, 300), (860, height), (40, height)], fill="#55585c")
    for y in range(312, height, 48):
        wide = (y - 290) / 42
        middle = 495 - (y - 300) * 0.15
        draw.polygon([(middle - wide, y), (middle + wide, y), (middle + wide * 1.2, y + 22),
                      (middle - wide * 1.2, y + 22)], fill="#d8d6cc")  # fmt: skip
    for left, top, right, bottom, colour in CARS:
        _car(draw, left, top, right, bottom, colour)
    for left, top, right, bottom in PEOPLE:
        _person(draw, left, top, right, bottom)
    draw.rectangle((420, 300, 426, 372), fill="#4a4a4a")
    draw.ellipse((408, 266, 438, 300), fill="#b3282d", outline="#f1efe7", width=3)
    return image.filter(ImageFilter.GaussianBlur(0.8))


def _car(draw: ImageDraw.ImageDraw, left: int, top: int, right: int, bottom: int, colour: str) -> None:
    wide, high = right - left, bottom - top
    draw.polygon([(left + wide * a, top + high * b) for a, b in ((0.18, 0.4), (0.3, 0), (0.72, 0), (0.86, 0.4))],
                 fill="#2b3338")  # fmt: skip
    draw.rounded_rectangle((left, top + high * 0.36, right, bottom - high * 0.14), radius=high * 0.14, fill=colour)
    for a in (0.2, 0.8):
        x, r = left + wide * a, high * 0.18
        draw.ellipse((x - r, bottom - 2 * r, x + r, bottom), fill="#1d1f21")


def _person(draw: ImageDraw.ImageDraw, left: int, top: int, right: int, bottom: int) -> None:
    middle, high = (left + right) / 2, bottom - top
    draw.ellipse((middle - high * 0.09, top, middle + high * 0.09, top + high * 0.18), fill="#d8a47f")
    draw.rounded_rectangle((left, top + high * 0.19, right, top + high * 0.6), radius=9, fill="#3d5a3c")
    for x in (middle - high * 0.09, middle + high * 0.09):
        draw.line((middle, top + high * 0.58, x, bottom), fill="#23262b", width=int(high * 0.11))


def film_of(where: Path) -> folder.Project:
    """Makes a project of two pictures of the street, the second one mirrored, that asks for boxes."""
    pictures = where / "frames"
    pictures.mkdir()
    image = street()
    image.save(pictures / "street-000041.png")
    image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(pictures / "street-000059.png")
    made = folder.create(where / "film", images=[pictures], classes=["car", "person", "bicycle"], task="boxes")
    scan.scan(made.store, made.config.images, test_share=0.0)
    first, second = sorted(all_items(made.store), key=lambda one: str(one.path))
    reason = "5 boxes: 1 probably wrong, 1 probably missed by the detector"
    asked = [questions.NewQuestion(first.id, reason=reason, detail=json.dumps(FOUND))]
    asked.append(questions.NewQuestion(second.id, detail="[]"))
    questions.put(made.store, asked, strategy="import:coco", n_labeled=0, seed=0)
    return made


@contextmanager
def served(project: folder.Project) -> Iterator[str]:
    """Serves the page of a project and gives its address."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    app = page_app(project.store, name=project.folder.name, door=Door(TOKEN))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/?token={TOKEN}"
    server.should_exit = True
    thread.join()


def taken(browser: Any, name: str, **look: Any) -> None:
    """Labels four pictures of a new project and takes a picture of the page with the fifth."""
    with tempfile.TemporaryDirectory() as made:
        project = project_of(Path(made))
        with served(project) as url:
            context = browser.new_context(**look)
            page = context.new_page()
            page.goto(url)
            page.fill("#name", "Ann")
            page.click("#done")
            for number in range(1, 6):
                page.wait_for_selector("#picture img")
                expect(page.locator("#cannot")).to_have_attribute("aria-disabled", "false")
                if number < 5:
                    page.keyboard.press("6")
            page.wait_for_timeout(500)
            page.screenshot(path=IMAGES / name, type="jpeg", quality=86)
            context.close()
        project.close()


def boxes_taken(browser: Any, name: str, **look: Any) -> None:
    """Takes a picture of the page with the boxes of the street."""
    with tempfile.TemporaryDirectory() as made:
        project = film_of(Path(made))
        with served(project) as url:
            context = browser.new_context(**look)
            page = context.new_page()
            page.goto(url)
            page.fill("#name", "Ann")
            page.click("#done")
            page.wait_for_selector("#picture img")
            expect(page.locator("#picture svg g[role=checkbox]")).to_have_count(len(FOUND))
            page.wait_for_timeout(1000)
            page.screenshot(path=IMAGES / name, type="jpeg", quality=86)
            context.close()
        project.close()


def main() -> None:
    """Takes all four pictures."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        taken(browser, "label-page.jpg", viewport={"width": 1120, "height": 680}, color_scheme="light")
        phone = {"viewport": {"width": 390, "height": 780}, "has_touch": True, "is_mobile": True}
        taken(browser, "label-page-phone.jpg", color_scheme="dark", **phone)
        boxes_taken(browser, "label-boxes.jpg", viewport={"width": 1120, "height": 780}, color_scheme="light")
        boxes_taken(browser, "label-boxes-phone.jpg", color_scheme="dark", **phone)
        browser.close()


if __name__ == "__main__":
    main()
