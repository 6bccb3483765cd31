"""No acknowledged label is lost, none is doubled, and the store is sound, however its writers are killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from askew.project.store import Store

from . import conftest, killed

KILLS = int(os.environ.get("ASKEW_KILLS", "6"))
"""How often writers are killed; 30 is the figure the project is held to, 6 keeps the suite quick."""

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no SIGKILL there")


def test_writers_that_are_killed_lose_nothing(any_url: str, tmp_path: Path) -> None:
    store = Store.create(any_url, ["c0", "c1", "c2"])
    conftest.fill(store, 40)
    store.close()
    folder = tmp_path / "photos"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, killed.__file__, any_url, str(folder), str(KILLS), "0"],
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.startswith(f"{KILLS} kills")
    assert int(done.stdout.split()[2]) > KILLS
