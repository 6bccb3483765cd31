"""`experiment.json`: what a folder's experiment is and what its results depend on, typed; read and written here."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from askew.errors import InputError
from askew.experiment.provenance import processor, versions
from askew.experiment.records import checked, listed, mapping, text, whole
from askew.files import write_whole

FILE = "experiment.json"


@dataclass(frozen=True)
class About:
    """What an experiment is.

    Attributes:
        name: its name.
        dataset: the data set's name.
        classes: their names.
        n_items: items of the first seed's pool.
        n_test: test items.
        config: the whole configuration.
        threads: how many each run computes with.
        unreadable: picture files that were left out.
        versions, machine: what the results depend on: those of the last runs.
        created: when the folder was first prepared, UTC.
        history: if they changed between runs, each `versions` and `machine` in order, and `since` when (UTC).

    Raises:
        InputError: a value of the wrong type or out of range.
    """

    name: str
    dataset: str
    classes: tuple[str, ...]
    n_items: int
    n_test: int
    config: Mapping[str, Any]
    threads: int = 1
    unreadable: tuple[str, ...] = ()
    versions: Mapping[str, Any] = field(default_factory=versions)
    machine: Mapping[str, Any] = field(
        default_factory=lambda: {"processor": processor(), "cores": os.cpu_count(), "system": platform.platform()}
    )
    created: str = field(default_factory=lambda: datetime.now(timezone.utc).isoformat(timespec="seconds"))
    history: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        for name in ("name", "dataset", "created"):
            text(name, getattr(self, name))
        for name, least in (("n_items", 1), ("n_test", 1), ("threads", 1)):
            whole(name, getattr(self, name), least)
        for name in ("config", "versions", "machine"):
            mapping(name, getattr(self, name))
        for name in ("classes", "unreadable"):
            value = getattr(self, name)
            if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
                raise InputError(f"{name}: expected a list of texts, got {value!r:.60}")
            object.__setattr__(self, name, tuple(value))
        object.__setattr__(self, "history", tuple(mapping("history", one) for one in listed("history", self.history)))

    def after(self, earlier: About) -> About:
        """Returns this in a folder with results of an earlier one: begun then, with both versions if they differ."""
        history, now = earlier.history, {"versions": dict(self.versions), "machine": dict(self.machine)}
        before = {"versions": dict(earlier.versions), "machine": dict(earlier.machine)}
        if now != before:
            history = (*(history or ({"since": earlier.created, **before},)), {"since": self.created, **now})
        return replace(self, created=earlier.created, history=history)

    def write(self, folder: Path) -> None:
        """Writes it into the folder, whole or not at all."""
        record = {**vars(self), "classes": list(self.classes), "unreadable": list(self.unreadable)}
        record["history"] = list(self.history)
        write_whole(folder / FILE, json.dumps(record, indent=2, allow_nan=False) + "\n")


def read_about(folder: Path) -> About:
    """Returns what the folder's experiment is.

    Raises:
        InputError: the file is not one that askew wrote; the message names it.
    """
    path = folder / FILE
    try:
        return checked(About, json.loads(path.read_text(encoding="utf-8")))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON: {error}") from error
