"""Configuration: every preset is valid, and what is wrong is named with its key, its value and the choices."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from askew.errors import DataNotFound, InputError
from askew.experiment.config import parse, presets, read

GOOD: dict[str, Any] = {
    "name": "try",
    "data": {"source": "digits"},
    "protocol": {"initial": 20, "budget": 10, "cycles": 3},
    "strategies": [{"strategy": "random"}, {"strategy": "entropy", "balance": 0.6}],
}


def changed(path: str, value: object) -> dict[str, Any]:
    values = copy.deepcopy(GOOD)
    place: Any = values
    *way, last = path.split(".")
    for part in way:
        place = place[int(part)] if part.isdigit() else place.setdefault(part, {})
    place[last] = value
    return values


@pytest.mark.parametrize("name", presets())
def test_every_preset_is_valid_and_says_what_it_is(name: str) -> None:
    assert read(name).name == name
    assert len(presets()[name]) > 20
    assert read(f"presets/{name}.toml") == read(name)


def test_names_come_from_the_strategy_and_its_balance() -> None:
    assert [s.name for s in parse(GOOD, "x").strategies] == ["random", "entropy+balance"]


def test_a_number_of_seeds_means_the_first_ones() -> None:
    assert parse(changed("protocol.seeds", 4), "x").protocol.seeds == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("protocol.budgett", 5, ["budgett", "budget", "protocol"]),
        ("protocol.budget", 0, ["protocol.budget", "0"]),
        ("protocol.cycles", "many", ["protocol.cycles", "many"]),
        ("protocol.seeds", [1, 1], ["protocol.seeds", "distinct"]),
        ("data.source", 3, ["data.source", "3"]),
        ("data.long_tail", {"imbalance": 2.0}, ["data.long_tail.imbalance", "2.0"]),
        ("data.long_tail", {"imbalance": 0.1, "kind": "stepp"}, ["kind", "stepp", "step", "exponential"]),
        ("strategies.0.strategy", "entropi", ["entropi", "did you mean 'entropy'"]),
        ("strategies.1.parameters", {"speed": 1}, ["parameter of entropy", "speed"]),
        ("strategies.1.balance", -1, ["balance"]),
        ("strategies.1.label", "random", ["two entries", "random"]),
        ("strategies.1.label", "../x", ["../x"]),
        ("learner.mc_passes", 1, ["learner.mc_passes", "1"]),
        ("name", None, ["name"]),
    ],
)
def test_what_is_wrong_is_named_in_one_line(path: str, value: object, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        parse(changed(path, value), "my.toml")
    message = str(caught.value)
    assert message.startswith("my.toml: ")
    assert "\n" not in message
    for word in words:
        assert word in message, message


def test_a_missing_file_lists_the_presets() -> None:
    with pytest.raises(DataNotFound, match="did you mean 'digits'"):
        read("digit")


def test_what_is_not_toml_says_where(tmp_path: Any) -> None:
    path = tmp_path / "x.toml"
    path.write_text("name = \n")
    with pytest.raises(InputError, match="line 1"):
        read(str(path))


@pytest.mark.parametrize(
    "raw",
    [
        b"\xff\xfe" + 'name = "x"'.encode("utf-16-le"),
        b'name = "caf\xe9"',
        b"a = " + b"[" * 100_000,
        b"a = 1\0",
        b"a" * 99,
    ],
    ids=["UTF-16", "Latin-1", "nested", "NUL", "a word"],
)
def test_files_that_are_no_toml_at_all_are_one_line(tmp_path: Any, raw: bytes) -> None:
    (tmp_path / "a.toml").write_bytes(raw)
    with pytest.raises(InputError, match=r"a\.toml: cannot be read as") as caught:
        read(str(tmp_path / "a.toml"))
    assert "\n" not in str(caught.value)


def test_a_name_too_long_for_a_file_is_one_line() -> None:
    with pytest.raises(InputError, match="File name too long"):
        read("x" * 300 + ".toml")


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Any) -> None:
    (tmp_path / "a.toml").write_text("\ufeffx = 1", encoding="utf-8")
    with pytest.raises(InputError, match="unknown key 'x'"):
        read(str(tmp_path / "a.toml"))


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("protocol.budget", "10", ["protocol.budget", "'10'"]),
        ("protocol.initial", True, ["protocol.initial", "True"]),
        ("protocol.budget", 2.0, ["protocol.budget", "2.0"]),
        ("protocol.seeds", 1_000_000_000, ["protocol.seeds", "at most 10000"]),
        ("protocol.seeds", True, ["protocol.seeds"]),
        ("protocol.seeds", ["1"], ["protocol.seeds", "'1'"]),
        ("strategies.1.balance", True, ["balance"]),
        ("strategies.1.target", [float("nan"), 1.0], ["strategies.1.target.0", "finite"]),
        ("data.long_tail", {"imbalance": float("nan")}, ["data.long_tail.imbalance", "finite"]),
        ("learner.training", {"lr": float("inf")}, ["learner.training.lr", "finite"]),
        ("learner.parameters", {"C": float("inf")}, ["learner.parameters.C", "finite"]),
        ("learner.warm_start", 1, ["learner.warm_start"]),
        ("learner", {"warm_start": True, "estimator": "sklearn.svm.SVC"}, ["warm_start", "estimator"]),
        ("name", "../../evil", ["../../evil"]),
        ("name", "/etc", ["/etc"]),
        ("name", "", ["cannot name a folder"]),
        ("name", "..", ["'..'"]),
        ("strategies.0.label", "a\nb", ["cannot name a folder"]),
        ("strategies.0.label", "a\0b", ["cannot name a folder"]),
        ("strategies.0.label", "$x$", ["$x$"]),
        ("strategies.0.label", "x" * 300, ["at most 100"]),
        ("strategies.0.label", "full", ["'full'"]),
        ("data.pool_items", "many", ["data.pool_items"]),
    ],
)
def test_values_of_wrong_types_and_names_that_are_none(path: str, value: object, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        parse(changed(path, value), "my.toml")
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 250
    for word in words:
        assert word in message, message


def test_a_whole_number_is_a_share_too() -> None:
    assert parse(changed("data.long_tail", {"imbalance": 1}), "x").data.long_tail.imbalance == 1.0  # type: ignore[union-attr]
