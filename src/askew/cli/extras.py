"""Says which extra a command needs, before anything heavy is imported."""

from __future__ import annotations

import importlib.util

from askew.errors import MissingExtra


def need(feature: str, extra: str, *modules: str) -> None:
    """Checks that the modules are installed, without importing them.

    Raises:
        MissingExtra: one is not.
    """
    if any(importlib.util.find_spec(module) is None for module in modules):
        raise MissingExtra(feature, extra)
