"""Reads the TOML file of an experiment, or of a study of several, at one of its scales."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from askew.data.reading import decoding, read_text, reading
from askew.errors import DataNotFound, InputError, nearest, unknown
from askew.experiment import config
from askew.experiment.config import ExperimentConfig
from askew.experiment.preset_files import preset_name, preset_text, presets
from askew.experiment.scales import DESK, Scale, chosen_scale, experiments_at, scales_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_SINGLE_STRATEGIES = re.compile(r"^[ \t]*\[[ \t]*strategies[ \t]*\]", re.MULTILINE)


@dataclass(frozen=True)
class Study:
    """What a file asks to run.

    Attributes:
        name: what its results are called, with its scale.
        scale: "full" or "desk"; None if the file has no `[desk]`.
        experiments: each one's part of the name to the experiment; "" is that of a file without `[[experiments]]`.
    """

    name: str
    scale: Scale | None
    experiments: Mapping[str, ExperimentConfig]


def read(path_or_preset: str, scale: str | None = None) -> Study:
    """Returns the experiments of a TOML file, or of a preset that comes with askew (`fashion-desk`).

    Args:
        path_or_preset: the file, or the preset's name.
        scale: "full" or "desk" of a file with `[desk]`; "desk" if left out. Both are checked.

    Raises:
        DataNotFound: neither a file nor a preset.
        InputError: not TOML, a wrong key or value, or a scale that there is not.
    """
    return of(toml_of(path_or_preset), path_or_preset, scale)


def of(values: Mapping[str, Any], origin: str, scale: str | None = None) -> Study:
    """Returns the experiments that a TOML file holds; see `read`."""
    chosen = chosen_scale(values, scale, origin)
    found = {one: _checked(values, one, origin) for one in scales_of(values) or (None,)}[chosen]
    return Study(values["name"] + ("" if chosen is None else f"-{chosen}"), chosen, found)


def read_single(path_or_preset: str, scale: str | None = None) -> ExperimentConfig:
    """Returns the experiment of a file or a preset that has one.

    Raises:
        DataNotFound, InputError: as `read`, and for a study of several experiments.
    """
    return single_of(read(path_or_preset, scale), path_or_preset)


def single_of(study: Study, origin: str) -> ExperimentConfig:
    """Returns the experiment of a file that has one.

    Raises:
        InputError: it is a study of several.
    """
    found = study.experiments.get("")
    if found is None:
        raise InputError(f"{origin}: is a study of {len(study.experiments)} experiments; expected a single one")
    return found


def _checked(values: Mapping[str, Any], scale: Scale | None, origin: str) -> dict[str, ExperimentConfig]:
    """Returns the checked experiments at one scale; what is wrong there only is said to be of `[desk]`."""
    try:
        found = experiments_at(values, scale)
    except InputError as error:
        raise InputError(f"{origin}: {error}") from error
    where = f"{origin}: with [desk]" if scale == DESK else origin
    return {part: config.parse(one, f"{where}: {part}" if part else where) for part, one in found.items()}


def toml_of(path_or_preset: str) -> dict[str, Any]:
    """Returns what a TOML file or a preset holds, unchecked.

    Raises:
        DataNotFound: neither a file nor a preset.
        InputError: not TOML.
    """
    path = Path(path_or_preset)
    with reading(path_or_preset):
        text = read_text(path) if path.is_file() else preset_text(path_or_preset)
    if text is None:
        raise DataNotFound(_nothing_of(path_or_preset))
    try:
        with decoding(path_or_preset, "TOML"):
            values: dict[str, Any] = tomllib.loads(text)
    except InputError as error:
        if len(_SINGLE_STRATEGIES.findall(text)) > 1:
            raise InputError(
                f"{path_or_preset}: [strategies] stands there more than once: write [[strategies]] with two brackets, "
                "once for each"
            ) from error
        raise
    return values


def _nothing_of(name: str) -> str:
    """Says that there is no such file or preset, and what may have been meant: a file beside it first."""
    path = Path(name)
    if path.is_dir():
        return f"{name}: is a folder; expected a TOML file or the name of a preset"
    folder = path.parent if path.parent.is_dir() else Path()
    files = {one.name: str(one) for one in folder.glob("*.toml")}
    near = nearest(path.name, files, alike=0.7) or f"{path.name}.toml"
    if near in files:
        return f"{name}: no such file: did you mean {files[near]}?"
    return f"{name}: no such file, and no preset of that name: {unknown('preset', preset_name(name), presets())}"
