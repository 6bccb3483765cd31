"""Configuration: every preset is valid, and what is wrong is named with its key, its value and the choices."""

from __future__ import annotations

import copy
import dataclasses
import datetime
import re
from pathlib import Path
from typing import Any

import pytest

from askew.advice import Auto
from askew.errors import DataNotFound, InputError
from askew.experiment import config
from askew.experiment.config import parse
from askew.experiment.preset_files import RENAMED, SAME, presets
from askew.experiment.study import read
from askew.experiment.vaal_config import VaalConfig
from askew.learn.vaal_settings import PRESETS, VaalSettings
from askew.pseudo_labels import PseudoLabels

GOOD: dict[str, Any] = {
    "name": "try",
    "data": {"source": "digits"},
    "protocol": {"initial": 20, "budget": 10, "cycles": 3},
    "strategies": [{"strategy": "random"}, {"strategy": "entropy", "balance": 0.6}],
}


KEYS = {
    "data": config.DataConfig.model_fields,
    "long_tail": config.LongTailConfig.model_fields,
    "learner": config.LearnerConfig.model_fields,
    "protocol": config.ProtocolConfig.model_fields,
    "strategies": config.StrategyConfig.model_fields,
    "paper": config.PaperConfig.model_fields,
    "pseudo_labels": config.PseudoLabelsConfig.model_fields,
    "vaal": config.VaalConfig.model_fields,
}


def changed(path: str, value: object) -> dict[str, Any]:
    values = copy.deepcopy(GOOD)
    place: Any = values
    *way, last = path.split(".")
    for part in way:
        place = place[int(part)] if part.isdigit() else place.setdefault(part, {})
    place[int(last) if last.isdigit() else last] = value
    return values


@pytest.mark.parametrize("name", presets())
def test_every_preset_is_valid_and_says_what_it_is(name: str) -> None:
    found = read(name)
    assert found.name == SAME.get(name, (name,))[0] + ("" if found.scale is None else "-desk")
    assert len(presets()[name]) > 20
    assert read(f"presets/{name}.toml") == found


@pytest.mark.parametrize("name", RENAMED)
def test_a_preset_that_was_renamed_says_its_new_name(name: str) -> None:
    new, _, scale = RENAMED[name].partition(" --scale ")
    assert read(new, scale or None).experiments
    with pytest.raises(InputError, match=f"^{name}: is another preset now: askew run {RENAMED[name]}$"):
        read(name)


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
        ("vaal.iteration", 5, ["key in [vaal]", "iteration", "did you mean 'iterations'"]),
        ("vaal.iterations", 0, ["vaal.iterations", "more than 0", "0"]),
        ("vaal.preset", "dask", ["vaal.preset", "desk", "thesis"]),
        ("vaal.beta", -0.5, ["vaal.beta", "at least 0", "-0.5"]),
        ("vaal.loss", "mse", ["vaal.loss", "elbo", "authors"]),
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


@pytest.mark.parametrize("where", ["{}", "{} = 1\n[data]", "[data]\n{} = 1", "[[strategies]]\n{} = 1", "[{}]\nx = nan"])
def test_a_key_as_long_as_a_page_is_shortened(tmp_path: Any, where: str) -> None:
    path = tmp_path / "long.toml"
    path.write_text(where.format(4000 * "balance"))
    with pytest.raises(InputError) as said:
        read(path)
    assert len(str(said.value)) < 1000


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Any) -> None:
    (tmp_path / "a.toml").write_text("\ufeffx = 1", encoding="utf-8")
    with pytest.raises(InputError, match="unknown key 'x'"):
        read(str(tmp_path / "a.toml"))


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("protocol.budget", "10", ["protocol.budget", '"10"']),
        ("protocol.initial", True, ["protocol.initial", "true"]),
        ("protocol.budget", 2.0, ["protocol.budget", "2.0"]),
        ("protocol.seeds", 1_000_000_000, ["protocol.seeds", "1 to 10,000"]),
        ("protocol.seeds", True, ["protocol.seeds"]),
        ("protocol.seeds", ["1"], ["protocol.seeds, entry 1", '"1"']),
        ("strategies.1.balance", True, ["balance"]),
        ("strategies.1.target", [float("nan"), 1.0], ["strategies, entry 2: target, entry 1", "finite"]),
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


WORDING = [
    ("protocol.budget", "10", 'protocol.budget: expected a whole number, got "10"'),
    ("protocol.budget", -1, "protocol.budget: expected more than 0, got -1"),
    ("protocol.budget", [], "protocol.budget: expected a whole number, got []"),
    ("protocol.seeds", [], "protocol.seeds: expected at least 1 entry, got []"),
    ("protocol.seeds", "2", 'protocol.seeds: expected a list of seeds, or how many (got "2")'),
    ("protocol.seeds", [0, "a"], 'protocol.seeds, entry 2: expected a whole number, got "a"'),
    (
        "protocol.initial_set",
        "unifrm",
        'protocol.initial_set: expected "random" or "uniform", got "unifrm": did you mean "uniform"?',
    ),
    ("protocol.full", "yes", 'protocol.full: expected true or false, got "yes"'),
    ("protocol.data", {"source": "digits"}, "unknown key in [protocol] 'data': known: budget, "),
    ("protocol", 3, "protocol: expected a table, got 3"),
    ("data.source", "", 'data.source: expected a text that is not empty, got ""'),
    ("data.long_tail", 0.1, "data.long_tail: expected a table, got 0.1"),
    ("data.test_fraction", 1.0, "data.test_fraction: expected less than 1, got 1.0"),
    ("learner.pretrained", 3, "learner.pretrained: expected true or false or a text, got 3"),
    ("learner.mc_passes", 1, "learner.mc_passes: expected at least 2, got 1"),
    ("learner.training", {"lr": {}}, "learner.training.lr: expected a number, true or false, a text or a list, got {}"),
    ("strategies", [], "strategies: expected at least 1 entry, got []"),
    ("strategies", [3], "strategies, entry 1: expected a table, got 3"),
    ("strategies.1.balance", "auto!", 'strategies, entry 2: balance: expected a number or "auto", got "auto!"'),
    ("strategies.1.blance", 1, "unknown key in strategies, entry 2: 'blance': did you mean 'balance'?"),
    ("strategies.1.strategy", "random", "strategies: two entries are called 'random': give one a label"),
    ("strategies", [{}], "strategies, entry 1: strategy: is missing"),
]


@pytest.mark.parametrize(("path", "value", "words"), WORDING)
def test_a_mistake_is_told_in_the_words_of_the_file(path: str, value: object, words: str) -> None:
    values = changed(path, value)
    if words.startswith("strategies: two"):
        values["strategies"][1].pop("balance")
    with pytest.raises(InputError) as caught:
        parse(values, "my.toml")
    assert str(caught.value).startswith(f"my.toml: {words}")
    for leaked in ("Input should", "valid", "item", "dictionary", "Config", "integer", "boolean", "str("):
        assert leaked not in str(caught.value).replace("initial", ""), leaked


WRONG = (3, -1, 0, 1.5, "x", "", True, [], [3], ["x"], [[1]], {}, {"a": 1}, [{"a": 1}], datetime.date(1979, 5, 27))
SETTINGS = [
    *(f"{section}.{key}" for section in ("data", "learner", "protocol") for key in KEYS[section]),
    *(f"strategies.1.{key}" for key in KEYS["strategies"]),
    *(f"data.long_tail.{key}" for key in KEYS["long_tail"]),
    *(f"paper.{key}" for key in KEYS["paper"]),
    *(f"strategies.1.pseudo_labels.{key}" for key in KEYS["pseudo_labels"]),
    *("name", "data", "learner", "protocol", "strategies", "strategies.0", "learner.training.lr"),
]


@pytest.mark.parametrize("path", SETTINGS)
def test_no_value_of_any_setting_brings_the_words_of_the_library_that_checks(path: str) -> None:
    said = [message for value in WRONG if (message := mistake(path, value)) is not None]
    assert said
    for message in said:
        assert re.match(r"my\.toml: [^\n]+$", message)
        assert not re.search(
            r"Input should|Value error|validation error|\btype=|pydantic|dictionary|valid (string|integer|number)"
            r"|_type|\bstr\(|Field required|instance of",
            message,
        ), message


def mistake(path: str, value: object) -> str | None:
    try:
        parse(changed(path, value), "my.toml")
    except InputError as error:
        return str(error)
    return None


def test_every_kind_of_check_in_the_configuration_has_its_words() -> None:
    """Whatever constraint a setting carries, its kind of mistake is worded; a new one fails here first."""
    from askew.experiment.config import ExperimentConfig
    from askew.experiment.mistakes import _EXPECTED

    def kinds(schema: object) -> set[str]:
        if isinstance(schema, list | tuple):
            return set().union(*map(kinds, schema))
        if not isinstance(schema, dict):
            return set()
        found = set().union(*map(kinds, schema.values()))
        worded = {"int": "int_type", "float": "float_type", "str": "string_type", "bool": "bool_type"}
        worded |= {"list": "list_type", "dict": "dict_type", "model": "model_type", "literal": "literal_error"}
        found |= {worded[kind] for kind in [schema.get("type")] if isinstance(kind, str) and kind in worded}
        bounds = {"gt": "greater_than", "ge": "greater_than_equal", "lt": "less_than", "le": "less_than_equal"}
        found |= {name for key, name in bounds.items() if key in schema}
        if "min_length" in schema:
            found.add("string_too_short" if schema["type"] == "str" else "too_short")
        assert not {"pattern", "max_length", "multiple_of", "max_digits"} & set(schema)
        return found

    found = kinds(ExperimentConfig.__pydantic_core_schema__)
    assert {"int_type", "greater_than", "literal_error", "model_type"} <= found
    assert found <= set(_EXPECTED)


@pytest.mark.parametrize("name", ["mine.tom", "mine", "mne.toml", "./mine.tml"])
def test_a_file_of_nearly_that_name_is_suggested(tmp_path: Any, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text("")
    with pytest.raises(DataNotFound) as caught:
        read(name)
    assert str(caught.value) == f"{name}: no such file: did you mean mine.toml?"


def test_a_folder_is_no_experiment(tmp_path: Any) -> None:
    with pytest.raises(DataNotFound, match="is a folder; expected a TOML file or the name of a preset"):
        read(str(tmp_path))


def test_no_column_of_labels_is_said_with_an_empty_name() -> None:
    values = {
        "name": "x",
        "data": {"source": "photos", "label_column": ""},
        "protocol": {"initial": 1, "budget": 1, "cycles": 2, "seeds": 1},
        "strategies": ["random"],
    }
    assert parse(values, "x.toml").data.label_column == ""


@pytest.mark.parametrize("times", [1, 2])
def test_strategies_with_one_bracket_are_told_of_two(tmp_path: Path, times: int) -> None:
    head = 'name = "a"\ndata.source = "digits"\nprotocol = {initial = 20, budget = 10, cycles = 3}\n'
    path = tmp_path / "a.toml"
    path.write_text(head + '[strategies]\nstrategy = "random"\n' * times)
    with pytest.raises(InputError, match=r"write \[\[strategies\]\] with two brackets, once for each"):
        read(str(path))


def test_auto_is_a_strategy_of_its_own_name_and_settles_what_it_asks_with() -> None:
    found = parse(changed("strategies.0.strategy", "auto"), "x").strategies[0]
    assert (found.name, found.plan(), found.as_balance()) == ("auto", Auto(), None)


@pytest.mark.parametrize(
    ("key", "value"), [("parameters", {"width": 1.0}), ("balance", 0.6), ("balance_by", "predicted"), ("target", [1.0])]
)
def test_auto_takes_nothing_that_it_chooses_itself(key: str, value: object) -> None:
    values = changed("strategies", [{"strategy": "auto", key: value}])
    with pytest.raises(InputError, match=f"{key}: auto chooses it: leave {key} out, or name a strategy"):
        parse(values, "x")


PSEUDO = {"strategy": "entropy", "pseudo_labels": {"share": 0.1}}


def test_pseudo_labels_are_named_in_the_label_and_have_the_defaults_of_their_kind() -> None:
    def of(values: dict[str, Any], **entry: Any) -> config.StrategyConfig:
        return parse(changed("strategies.0", {**PSEUDO, "pseudo_labels": values, **entry}), "x").strategies[0]

    assert of({"share": 0.1}).name == "entropy+two-dispersion-10"
    assert of({"share": 0.25, "certainty": "entropy"}, balance=1).name == "entropy+balance+two-entropy-25"
    assert of({"share": 0}).name == "entropy+two-dispersion-0"
    ceal = of({"models": "one", "threshold": 0.05, "decay": 0.003})
    assert ceal.name == "entropy+ceal"
    assert ceal.pseudo == PseudoLabels("one", "entropy", threshold=0.05, decay=0.003)
    assert of({"share": 0.1}, label="mine").name == "mine"
    assert of({"share": 0.1}, strategy="auto").name == "auto+two-dispersion-10"


@pytest.mark.parametrize(
    ("entry", "learner", "words"),
    [
        ({"pseudo_labels": {}}, {}, "strategies, entry 2: pseudo_labels: pseudo_labels: expected a share or a thr"),
        ({"pseudo_labels": {"share": 1.0}}, {}, "strategies, entry 2: pseudo_labels.share: expected less than 1, got"),
        ({"pseudo_labels": {"shaer": 0.1}}, {}, "unknown key in strategies, entry 2: pseudo_labels: 'shaer': did you"),
        (
            {"pseudo_labels": {"share": 0.1, "models": "one", "certainty": "dispersion"}},
            {},
            "strategies, entry 2: pseudo_labels: certainty: one model (CEAL) is certain by entropy",
        ),
        (
            {"strategy": "dispersion", "pseudo_labels": {"share": 0.1, "models": "one"}},
            {},
            'strategies, entry 2: pseudo_labels: with models = "one" dispersion of the items trained on is not known',
        ),
        (
            {},
            {"estimator": "sklearn.linear_model.LogisticRegression"},
            "entropy+two-dispersion-10: pseudo_labels train each model from another, and an estimator cannot be saved",
        ),
        (
            {},
            {"features": "efficientnet-lite0", "head": "svm"},
            "entropy+two-dispersion-10: pseudo_labels train each model from another, and head svm is trained anew",
        ),
    ],
)
def test_pseudo_labels_that_cannot_be_are_refused(entry: dict[str, Any], learner: dict[str, Any], words: str) -> None:
    values = changed("strategies.1", {**PSEUDO, **entry})
    with pytest.raises(InputError, match=re.escape(f"my.toml: {words}")) as caught:
        parse({**values, "learner": learner}, "my.toml")
    assert "\n" not in str(caught.value)


def test_the_section_of_vaal_changes_a_preset_key_by_key() -> None:
    assert parse(GOOD, "x").vaal is None
    own = {
        "iterations": 7,
        "vae_steps": 3,
        "batch": 9,
        "lr": 0.1,
        "beta": 2.0,
        "adversary": 0.5,
        "latent": 5,
        "width": 6,
        "hidden": 8,
        "loss": "elbo",
        "side_px": 10,
    }
    found = parse({**GOOD, "vaal": {"preset": "thesis", **own}}, "x").vaal
    assert found is not None
    assert vars(found.settings()) == own
    assert set(own) == {field.name for field in dataclasses.fields(VaalSettings)}
    thesis = parse({**GOOD, "vaal": {"preset": "thesis"}}, "x").vaal
    assert thesis is not None
    assert thesis.settings() == PRESETS["thesis"]
    assert VaalConfig().settings() == PRESETS["desk"]
