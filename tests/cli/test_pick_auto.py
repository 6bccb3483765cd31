"""`askew pick auto`: what the adviser says of the files that are given, said on the way and written with the picks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from askew.advice import advise
from askew.cli.main import main
from askew.query import query

RNG = np.random.default_rng(0)
N, C = 300, 3
P, X = RNG.dirichlet(np.ones(C), N), RNG.normal(size=(N, 4))
LABELS = np.where(np.arange(N) % 10 == 0, np.arange(N) // 10 % C, -1)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    np.save("p.npy", P)
    np.save("x.npy", X)
    np.save("y.npy", LABELS)
    return tmp_path


@pytest.mark.parametrize(
    ("files", "arrays"),
    [
        ("--features x.npy --probs p.npy", {"features": X, "probs": P}),
        ("--features x.npy", {"features": X}),
        ("--probs p.npy", {"probs": P}),
        ("", {}),
    ],
)
def test_the_picks_are_those_of_the_call_and_say_why(
    files: str, arrays: dict[str, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    expected = advise(C, N, 30, 10, gives=set(arrays))
    assert main(f"pick auto -n 10 --labels y.npy {files} --out picks.json".split()) == 0
    assert capsys.readouterr().err.startswith(f"asked with {expected.name} ({expected.confidence}). {expected.why}\n")
    found = json.loads(Path("picks.json").read_text(encoding="utf-8"))
    assert found["strategy"] == expected.plan.strategy.name
    assert found["advice"] == json.loads(json.dumps(expected.in_short()))
    assert [row["item"] for row in found["picks"]] == query("auto", 10, labels=LABELS, **arrays).tolist()


def test_names_of_classes_tell_how_many_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("pick auto -n 10 --features x.npy".split()) == 2
    said = capsys.readouterr().err
    assert said.startswith("askew: --classes: auto asks by the number of classes, and none are known: pass --classes,")
    assert main("pick auto -n 10 --features x.npy --classes cat,dog,emu --json".split()) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["advice"]["why"] == advise(3, N, 0, 10, gives={"features"}).why


@pytest.mark.parametrize(
    ("more", "flag"),
    [
        ("--balance auto", "--balance"),
        ("--balance-by predicted", "--balance-by"),
        ("--target 0.5,0.3,0.2", "--target"),
        ("--balance-distance l2", "--balance-distance"),
        ("--balance-per-class", "--balance-per-class"),
        ("--around-picked 2", "--around-picked"),
        ("--set width=1", "--set"),
    ],
)
def test_what_it_chooses_itself_is_refused_beside_it(more: str, flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(f"pick auto -n 10 --probs p.npy --labels y.npy {more}".split()) == 2
    assert capsys.readouterr().err == f"askew: {flag}: auto chooses it: leave {flag} out, or name a strategy\n"


def test_it_is_explained_as_no_strategy(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["strategies", "auto"]) == 0
    assert capsys.readouterr().out.startswith("auto: No strategy: asks with the one that `askew advise` names")
    assert main(["strategies", "auto", "--json"]) == 0
    assert [one["kind"] for one in json.loads(capsys.readouterr().out)] == ["adviser"]
