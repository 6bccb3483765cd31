"""Takes the pictures of the page of `askew label` that docs/projects.md shows: the real page, in Chromium.

    python scripts/make_screenshots.py

The photos are the two that come with scikit-learn, and parts of them; four are labelled before the picture is taken.
Writes docs/images/label-page.jpg and label-page-phone.jpg. Needs playwright and chromium (`$CHROMIUM`, or on the path).
"""

from __future__ import annotations

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
from PIL import Image
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


def main() -> None:
    """Takes both pictures."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        taken(browser, "label-page.jpg", viewport={"width": 1120, "height": 680}, color_scheme="light")
        phone = {"viewport": {"width": 390, "height": 780}, "has_touch": True, "is_mobile": True}
        taken(browser, "label-page-phone.jpg", color_scheme="dark", **phone)
        browser.close()


if __name__ == "__main__":
    main()
