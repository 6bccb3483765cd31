"""A project with questions, and a Label Studio server: the stand-in and, where it is installed, the real one.

`make test-label-studio` installs Label Studio in an environment of its own and says where in ASKEW_LABEL_STUDIO.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("uvicorn")
pytest.importorskip("label_studio_sdk")

import httpx
from PIL import Image
from tests.project.label_studio.standin import EMAIL, TOKEN, StandIn, served

from askew.project.folder import Project, create
from askew.project.items import all_items
from askew.project.label_studio.client import Server, connected
from askew.project.questions import NewQuestion, put
from askew.project.scan import scan

REAL = os.environ.get("ASKEW_LABEL_STUDIO")
"""The command `label-studio` of an environment that has it."""

CLASSES = ("heron", "gull & <tern>")


@dataclass(frozen=True, eq=False)
class Person:
    """Somebody at Label Studio: what they do in its page, done by its API."""

    url: str

    def ask(self, method: str, path: str, **named: Any) -> Any:
        headers = {"Authorization": f"Token {TOKEN}"}
        answer = httpx.request(method, f"{self.url}/api/{path}", headers=headers, timeout=60, **named)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def tasks(self, title: str) -> list[dict[str, Any]]:
        """The tasks of a project, the one that is asked first at the beginning."""
        number = next(one["id"] for one in self.ask("GET", "projects/")["results"] if one["title"] == title)
        params = {"project": number, "fields": "all", "page_size": 100}
        found = self.ask("GET", "tasks/", params=params)["tasks"]
        return sorted(found, key=lambda one: one["predictions"][0]["score"])

    def annotate(self, task: int, *chosen: str, skip: bool = False) -> int:
        sent = {"result": said(*chosen), "was_cancelled": skip}
        return int(self.ask("POST", f"tasks/{task}/annotations/", json=sent)["id"])

    def draw(self, task: int, result: list[dict[str, Any]]) -> int:
        return int(self.ask("POST", f"tasks/{task}/annotations/", json={"result": result})["id"])

    def redraw(self, annotation: int, result: list[dict[str, Any]]) -> None:
        self.ask("PATCH", f"annotations/{annotation}/", json={"result": result})

    def change(self, annotation: int, *chosen: str, **more: Any) -> None:
        self.ask("PATCH", f"annotations/{annotation}/", json={"result": said(*chosen), **more})

    def delete(self, annotation: int) -> None:
        self.ask("DELETE", f"annotations/{annotation}/")


def said(*chosen: str) -> list[dict[str, Any]]:
    """The result of an annotation that chooses so."""
    value = {"choices": list(chosen)}
    return [{"from_name": "label", "to_name": "image", "type": "choices", "value": value}] if chosen else []


@pytest.fixture(scope="session")
def real_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the real server is, started once for all tests that ask for it."""
    if not REAL:
        pytest.skip("needs Label Studio itself: make test-label-studio")
    folder, url = tmp_path_factory.mktemp("label-studio"), "http://127.0.0.1:18093"
    command = [REAL, "start", "--no-browser", "--internal-host", "127.0.0.1", "-p", "18093"]
    person = ["--username", EMAIL, "--password", "a-password-of-tests", "--user-token", TOKEN]
    settings = {"LABEL_STUDIO_BASE_DATA_DIR": str(folder), "LATEST_VERSION_CHECK": "false", "PYTHONPATH": ""}
    settings |= {"SSRF_PROTECTION_ENABLED": "false", "ML_BLOCK_LOCAL_IP": "false", "COLLECT_ANALYTICS": "false"}
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [*command, *person, "--enable-legacy-api-token"],
            env={**os.environ, **settings},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            _wait_for(f"{url}/health", server, folder / "log")
            yield url
        finally:
            os.killpg(server.pid, 15)
            server.wait(30)


def _wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 600
    while time.monotonic() < until:
        assert server.poll() is None, log.read_text()[-2000:]
        try:
            if httpx.get(address, timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(1)
    raise AssertionError(log.read_text()[-2000:])


@pytest.fixture
def standin() -> StandIn:
    return StandIn()


@pytest.fixture(params=["stand-in", pytest.param("real", marks=pytest.mark.slow)])
def url(request: pytest.FixtureRequest, standin: StandIn) -> Iterator[str]:
    if request.param == "real":
        yield request.getfixturevalue("real_url")
    else:
        with served(standin.app()) as address:
            yield address


@pytest.fixture
def server(url: str) -> Iterator[Server]:
    with connected(url, TOKEN) as found:
        yield found


@pytest.fixture
def person(url: str) -> Person:
    return Person(url)


@pytest.fixture
def title() -> str:
    return f"birds {secrets.token_hex(4)}"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """Six pictures, the formats that people have among them, of which items 4, 2 and 5 are asked in that order."""
    monkeypatch.setenv("ASKEW_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, ending in enumerate(["jpg", "png", "tif", "jpg", "webp", "bmp"]):
        pixels = np.random.default_rng(number).integers(0, 256, (9, 12, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"picture {number}.{ending}")
    made = create(tmp_path / "birds", images=[folder], classes=CLASSES)
    scan(made.store, made.config.images, test_share=0.0)
    asked = [NewQuestion(4, guess="heron", confidence=0.625), NewQuestion(2), NewQuestion(5, guess="heron")]
    put(made.store, asked, strategy="entropy", n_labeled=0, seed=0)
    assert [one.id for one in all_items(made.store)] == [1, 2, 3, 4, 5, 6]
    yield made
    made.close()
