from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    """Every test has a cache folder of its own, and none of the user's data folders."""
    monkeypatch.setenv("ASKEW_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.delenv("ASKEW_DATA", raising=False)
