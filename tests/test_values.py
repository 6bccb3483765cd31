"""Values that cannot be changed once they are made."""

from __future__ import annotations

import dataclasses
import importlib

import pytest

MODULES = (
    "askew.plan",
    "askew.pool",
    "askew.predictions",
    "askew.selection",
    "askew.strategies.registry",
    "askew.pick.balance",
    "askew.experiment.ledger",
    "askew.experiment.loop",
)
CHANGES = {"Ledger"}
"""A ledger on disk grows."""

VALUES = [
    value
    for name in MODULES
    for value in vars(importlib.import_module(name)).values()
    if isinstance(value, type) and dataclasses.is_dataclass(value) and value.__module__ == name
]


@pytest.mark.parametrize("value", [one for one in VALUES if one.__name__ not in CHANGES])
def test_a_value_refuses_to_be_changed(value: type) -> None:
    for field in dataclasses.fields(value):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(object.__new__(value), field.name, None)


def test_there_are_values() -> None:
    assert {"Balance", "Plan", "Spacing", "Field", "Pool", "Selection", "Header", "Cycle", "Run"} <= {
        one.__name__ for one in VALUES
    }
