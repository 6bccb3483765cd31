"""A store with some items, and folders of small pictures."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sqlalchemy")

import sqlalchemy as sa
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


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a database of PostgreSQL, in a cluster of its own; another is made by putting a name behind it."""
    pytest.importorskip("psycopg")
    tools = [shutil.which(name) for name in ("initdb", "postgres")]
    if None in tools or sys.platform == "win32":
        pytest.skip("PostgreSQL is not installed")
    initdb, server = map(str, tools)
    folder = Path(tempfile.mkdtemp(prefix="askew-pg-"))
    user = None
    if os.getuid() == 0:  # PostgreSQL does not run as root
        import pwd

        user = next((one.pw_name for one in pwd.getpwall() if one.pw_name in ("postgres", "nobody")), None)
        shutil.chown(folder, user)
    data, quiet = folder / "data", {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = None
    try:
        made = subprocess.run(
            [initdb, "-D", str(data), "-U", "askew", "-A", "trust", "-E", "UTF8", "--no-sync"],
            user=user,
            cwd="/",
            **quiet,
        )
        if made.returncode != 0:
            pytest.skip("PostgreSQL makes no cluster here")
        process = subprocess.Popen([server, "-D", str(data), "-k", str(folder), "-h", ""], user=user, cwd="/", **quiet)
        url = f"postgresql+psycopg://askew@/postgres?host={folder}"
        _wait_for(url, process)
        yield url
    finally:
        if process is not None:
            process.send_signal(signal.SIGINT)
            process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    for _ in range(600):
        if process.poll() is not None:
            break
        with contextlib.suppress(sa.exc.OperationalError), engine.connect():
            return
        time.sleep(0.1)
    pytest.skip("PostgreSQL does not start here")


@pytest.fixture(params=["sqlite", "postgresql"])
def any_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a store that is not there yet, in either database."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path / "any.sqlite")
    else:
        yield request.getfixturevalue("postgres_url")


@pytest.fixture
def postgres_url(postgres: str) -> Iterator[str]:
    """The URL of an empty database of PostgreSQL."""
    server = postgres
    name = f"p{uuid.uuid4().hex}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield server.replace("/postgres?", f"/{name}?")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def any_store(any_url: str) -> Iterator[Store]:
    """What `store` is, in either database."""
    made = Store.create(any_url, ["heron", "gull", "tern"])
    fill(made, 10, test=2)
    yield made
    made.close()
