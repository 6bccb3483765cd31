"""Two scales of one file, the experiments of a study, a paper's numbers: what is laid over what, what is refused."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from askew.errors import InputError
from askew.experiment.config import parse
from askew.experiment.scales import experiments_at, merged, scales_of
from askew.experiment.study import of, read, read_single, toml_of
from askew.experiment.vaal_config import VaalConfig

FILE: dict[str, Any] = {
    "name": "table",
    "data": {"source": "digits", "pool_items": 1000},
    "learner": {"training": {"epochs": 9, "lr": 0.1}},
    "protocol": {"initial": 100, "budget": 50, "cycles": 4, "seeds": 3},
    "strategies": ["random", "entropy"],
    "paper": {"source": "Table 1", "values": {"entropy": 90.0}},
    "desk": {
        "data": {"pool_items": 300},
        "learner": {"training": {"epochs": 2}},
        "protocol": {"budget": 5, "seeds": 5},
        "strategies": ["margin"],
    },
}
STUDY: dict[str, Any] = {
    **FILE,
    "experiments": [
        {"name": "rare-0.1", "data": {"long_tail": {"imbalance": 0.1}}, "paper": {"values": {"entropy": 80.0}}},
        {"name": "rare-1", "data": {"long_tail": {"imbalance": 1}}, "desk": {"protocol": {"budget": 7}}},
    ],
}
TABLE_3_1 = """
name = "table-3.1-desk"
[data]
source = "cifar10"
pool_items = 20000
[learner]
backbone = "small-convnet"
preset = "quick"
training = { epochs = 25 }
[protocol]
initial = 2000
budget = 1000
cycles = 5
seeds = 5
full = true
[[strategies]]
strategy = "random"
[[strategies]]
strategy = "margin"
[[strategies]]
strategy = "bald"
[[strategies]]
strategy = "dispersion"
[[strategies]]
strategy = "kcenter"
[[strategies]]
strategy = "coreset"
[[strategies]]
strategy = "vaal"
[[strategies]]
strategy = "oracle"
"""


def test_at_full_scale_the_desk_table_is_left_out() -> None:
    full = of(FILE, "x", "full")
    assert (full.name, full.scale) == ("table-full", "full")
    config = full.experiments[""]
    without = {key: value for key, value in FILE.items() if key != "desk"}
    assert config == parse({**without, "name": "table-full"}, "x")


def test_at_desk_scale_tables_are_merged_and_lists_and_values_replaced() -> None:
    config = of(FILE, "x").experiments[""]
    assert config.name == "table-desk"
    assert config.data.source == "digits"
    assert config.data.pool_items == 300
    assert config.learner.training == {"epochs": 2, "lr": 0.1}
    assert (config.protocol.initial, config.protocol.budget, config.protocol.cycles) == (100, 5, 4)
    assert config.protocol.seeds == [0, 1, 2, 3, 4]
    assert [entry.name for entry in config.strategies] == ["margin"]
    assert config.paper is not None
    assert config.paper.scale == "desk"


def test_merging_leaves_both_as_they_were() -> None:
    below, above = {"a": {"b": 1, "c": [1, 2]}, "d": 1}, {"a": {"c": [3]}, "d": {"e": 2}}
    before = copy.deepcopy((below, above))
    assert merged(below, above) == {"a": {"b": 1, "c": [3]}, "d": {"e": 2}}
    assert (below, above) == before


def test_a_file_without_desk_has_no_scales() -> None:
    plain = {key: value for key, value in FILE.items() if key != "desk"}
    assert scales_of(plain) == ()
    assert of(plain, "x").name == "table"
    with pytest.raises(InputError, match=r"^--scale: x has one scale only, since it has no \[desk\]: leave it out$"):
        of(plain, "x", "desk")
    with pytest.raises(InputError, match="unknown scale 'dsk': did you mean 'desk'"):
        of(FILE, "x", "dsk")


@pytest.mark.parametrize("scale", ["full", "desk"])
@pytest.mark.parametrize(
    ("desk", "message"),
    [
        (
            {"protocol": {"budgett": 3}},
            r"^x: with \[desk\]: unknown key in \[protocol\] 'budgett': did you mean 'budget'",
        ),
        ({"protokol": {"budget": 3}}, r"^x: with \[desk\]: unknown key 'protokol': did you mean 'protocol'"),
        ({"data": {"pool_items": 0}}, r"^x: with \[desk\]: data.pool_items: expected more than 0, got 0"),
        ({"strategies": ["entropi"]}, r"^x: with \[desk\]: .*did you mean 'entropy'"),
        ({"name": "other"}, r"^x: desk.name: the name at desk scale is made from the file's: leave it out"),
        ({"desk": {}}, r"^x: with \[desk\]: unknown key 'desk'"),
        (3, r"^x: desk: expected a table, got 3"),
    ],
)
def test_what_is_wrong_in_desk_is_refused_at_either_scale(scale: str, desk: object, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        of({**FILE, "desk": desk}, "x", scale)
    assert "\n" not in str(caught.value)


def test_each_experiment_of_a_study_is_laid_over_what_all_share() -> None:
    study = of(STUDY, "x", "full")
    assert list(study.experiments) == ["rare-0.1", "rare-1"]
    first, second = study.experiments.values()
    assert (first.name, second.name) == ("table-full-rare-0.1", "table-full-rare-1")
    assert first.data.long_tail is not None
    assert first.data.long_tail.imbalance == 0.1
    assert first.paper is not None
    assert second.paper is not None
    assert (first.paper.values, second.paper.values) == ({"entropy": 80.0}, {"entropy": 90.0})
    assert (first.protocol.budget, second.protocol.budget) == (50, 50)
    desk = of(STUDY, "x")
    assert [one.protocol.budget for one in desk.experiments.values()] == [5, 7]
    assert [one.name for one in desk.experiments.values()] == ["table-desk-rare-0.1", "table-desk-rare-1"]


def test_a_desk_scale_can_be_a_single_experiment() -> None:
    study = of({**STUDY, "desk": {**FILE["desk"], "experiments": []}}, "x")
    assert list(study.experiments) == [""]
    assert study.experiments[""].name == "table-desk"


@pytest.mark.parametrize(
    ("experiments", "message"),
    [
        ({"name": "a"}, r"write \[\[experiments\]\] with two brackets"),
        ([3], r"write \[\[experiments\]\] with two brackets"),
        ([{}], "experiments, entry 1: name: expected letters"),
        ([{"name": "a"}, {"name": "../b"}], "experiments, entry 2: name: expected letters"),
        ([{"name": "a"}, {"name": "a"}], "two entries are called 'a'"),
        ([{"name": "a", "desk": 3}], "experiments a: desk: expected a table, got 3"),
        (
            [{"name": "a", "data": {"sauce": "digits"}}],
            r"^x: a: unknown key in \[data\] 'sauce': did you mean 'source'",
        ),
        ([{"name": "a", "desk": {"data": {"sauce": "b"}}}], r"^x: with \[desk\]: a: unknown key in \[data\] 'sauce'"),
    ],
)
def test_what_is_wrong_in_a_study_is_one_line(experiments: object, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        of({**FILE, "experiments": experiments}, "x")
    assert "\n" not in str(caught.value)


def test_a_study_without_a_name_is_told_so() -> None:
    nameless = {key: value for key, value in STUDY.items() if key != "name"}
    with pytest.raises(InputError, match=r"^x: rare-0\.1: name: is missing$"):
        of(nameless, "x")


@pytest.mark.parametrize(
    ("paper", "message"),
    [
        ({"source": "T"}, "paper: expected values or gains: give one, or leave"),
        ({"source": "", "values": {"a": 1.0}}, "paper.source: expected a text that is not empty"),
        ({"source": "T", "valuess": {"a": 1.0}}, r"unknown key in \[paper\] 'valuess': did you mean 'values'"),
        ({"source": "T", "values": {"a": "many"}}, 'paper.values.a: expected a number, got "many"'),
        ({"source": "T", "at": 0, "values": {"a": 1.0}}, "paper.at: expected more than 0, got 0"),
        ({"source": "T", "gains": {"a": []}}, "paper.gains.a: expected at least 1 entry"),
        ({"values": {"a": 1.0}}, "paper.source: is missing"),
    ],
)
def test_what_is_wrong_in_paper_is_named(paper: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        of({**FILE, "paper": paper}, "x")


def test_the_desk_scale_of_table_3_1_is_this_experiment(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(TABLE_3_1)
    ours, wanted = read_single("table-3.1"), read_single(str(tmp_path / "a.toml"))
    assert ours.model_copy(update={"paper": None, "vaal": None}) == wanted
    assert ours.vaal is not None
    assert ours.vaal.settings() == VaalConfig().settings()
    assert ours.paper is not None
    assert ours.paper.at == 0.3
    assert ours.paper.values["dispersion"] == 90.74


def test_a_second_name_of_a_preset_is_the_same_experiment() -> None:
    assert read("figure-3.6") == read("table-3.1")
    assert experiments_at(toml_of("figure-3.6"), "full") == experiments_at(toml_of("table-3.1"), "full")


@pytest.mark.parametrize(
    ("name", "sources", "backbone"),
    [
        ("table-3.1", {"cifar10": "cifar10", "cifar100": "cifar100"}, "resnet18-cifar"),
        ("table-4.1", {"if-0.1": "cifar10", "if-0.3": "cifar10", "if-1": "cifar10"}, "resnet18-cifar"),
        ("table-4.2", {"if-0.1": "cifar100", "if-0.3": "cifar100", "if-1": "cifar100"}, "resnet18-cifar"),
        ("table-4.3", {"if-0.1": "tiny-imagenet", "if-0.3": "tiny-imagenet", "if-1": "tiny-imagenet"}, "resnet101"),
    ],
)
def test_full_scale_is_the_protocol_of_the_thesis(name: str, sources: dict[str, str], backbone: str) -> None:
    """A tenth of the data at first, a twentieth a cycle, four times (sections 3.4 and 4.4); 50,000 or 100,000 items."""
    found = read(name, "full").experiments
    assert {part: one.data.source for part, one in found.items()} == sources
    n_items = 100_000 if "tiny-imagenet" in sources.values() else 50_000
    for part, one in found.items():
        protocol = one.protocol
        assert (protocol.initial, protocol.budget, protocol.cycles) == (n_items // 10, n_items // 20, 5)
        assert len(protocol.seeds) == 3
        assert one.learner.backbone == backbone
        assert one.data.pool_items is None
        if name != "table-3.1":
            assert one.data.long_tail is not None
            assert part == f"if-{one.data.long_tail.imbalance:g}"
        assert one.paper is not None
        assert one.paper.scale == "full"


@pytest.mark.parametrize("name", ["table-3.1", "table-4.1", "table-4.2", "table-4.3"])
def test_desk_scale_keeps_the_shares_and_has_five_seeds(name: str) -> None:
    for one in read(name, "desk").experiments.values():
        protocol = one.protocol
        assert one.data.pool_items is not None
        assert protocol.initial * 10 == protocol.budget * 20 == one.data.pool_items
        assert len(protocol.seeds) >= 5
        assert one.paper is not None
        assert one.paper.scale == "desk"


def test_desk_scale_of_table_4_3_names_what_stands_in_and_no_tiny_imagenet() -> None:
    for one in read("table-4.3").experiments.values():
        assert one.data.source == "cifar10"
        assert one.paper is not None
        assert one.paper.stands_in.startswith("CIFAR-10 on frozen features stands in for Tiny ImageNet")
