"""A store with some items, and folders of small pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sqlalchemy")

from PIL import Image

from askew.project import schema
from askew.project.store import Store, present, sqlite_url


def picture(path: Path, seed: int, side: tuple[int, int] = (12, 9)) -> Path:
    """Writes a picture of noise; the same seed gives the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (side[1], side[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def fill(store: Store, n: int, *, test: int = 0) -> None:
    """Adds n items, each in one place, the last `test` of them in the test part."""
    now = present()
    rows = [
        {
            "id": i,
            "hash": hashlib.sha256(str(i).encode()).hexdigest(),
            "part": "pool" if i <= n - test else "test",
            "width_px": 4,
            "height_px": 3,
            "added": now,
        }
        for i in range(1, n + 1)
    ]
    where = [
        {"item_id": i, "path": f"/p/{i:07}.png", "size": 1, "mtime_ns": 1, "seen": now, "gone": False}
        for i in range(1, n + 1)
    ]
    with store.write() as connection:
        connection.execute(schema.items.insert(), rows)
        connection.execute(schema.places.insert(), where)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store.create(sqlite_url(tmp_path / "store.sqlite"), ["heron", "gull", "tern"])
    fill(made, 10, test=2)
    yield made
    made.close()


@pytest.fixture(scope="session")
def word(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A source of features: a tiny network whose weights were drawn once."""
    timm, torch = pytest.importorskip("timm"), pytest.importorskip("torch")
    from safetensors.torch import save_file

    with torch.random.fork_rng():
        torch.manual_seed(0)
        body = timm.create_model("test_efficientnet", num_classes=0)
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    save_file(body.state_dict(), path)
    return f"timm:test_efficientnet:{path}"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets every test have a cache folder of its own."""
    monkeypatch.setenv("ASKEW_CACHE", str(tmp_path / "cache"))
