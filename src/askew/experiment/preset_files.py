"""The experiments that come with askew: what they are called, and their files. Nothing here is parsed."""

from __future__ import annotations

from importlib import resources

from askew.errors import InputError

SAME = {"figure-3.6": ("table-3.1", "the learning curves of the runs of table-3.1: the same experiment")}
"""Further names: the preset that each one is, and what it says of itself."""

RENAMED = {
    "cifar10-dispersion": "table-3.1 --scale full",
    "cifar100-dispersion": "table-3.1 --scale full",
    "cifar10-balance-if01": "table-4.1 --scale full",
}
"""Presets that there were: what to give to `askew run` in their place."""


def presets() -> dict[str, str]:
    """Returns the presets that come with askew: name to the first comment line of its file."""
    folder = resources.files("askew.experiment") / "presets"
    names = [entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")]
    found = {name: _text(name).split("\n")[0].lstrip("# ") for name in names}
    return dict(sorted({**found, **{name: about for name, (_, about) in SAME.items()}}.items()))


def preset_text(name: str) -> str | None:
    """Returns the file of a preset, given its name or its place (`presets/digits.toml`); None if there is none.

    Raises:
        InputError: there was one, and it is called otherwise now.
    """
    short = preset_name(name)
    if short in RENAMED:
        raise InputError(f"{short}: is another preset now: askew run {RENAMED[short]}")
    short = SAME[short][0] if short in SAME else short
    return _text(short) if short in presets() else None


def preset_name(name: str) -> str:
    """Returns the name alone: `digits` of `presets/digits.toml`."""
    return name.removeprefix("presets/").removesuffix(".toml")


def _text(name: str) -> str:
    return (resources.files("askew.experiment") / "presets" / f"{name}.toml").read_text(encoding="utf-8")
