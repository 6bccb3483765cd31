"""`askew pick` and `askew strategies`: files in, items out; bad input is one line, status 2, and nothing written."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from askew.cli.main import main
from askew.query import query
from askew.strategies.registry import strategies

RNG = np.random.default_rng(0)
P = RNG.dirichlet(np.ones(3), 40)
LABELS = np.where(np.arange(40) % 4 == 0, np.arange(40) % 3, -1)
EXPECTED = query("entropy", 5, probs=P, labels=LABELS).tolist()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    np.save("p.npy", P)
    np.save("y.npy", LABELS)
    return tmp_path


def listing(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir()}


def test_items_go_to_stdout_one_a_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main("pick entropy -n 5 --probs p.npy --labels y.npy".split()) == 0
    assert [int(line) for line in capsys.readouterr().out.split()] == EXPECTED


@pytest.mark.parametrize("suffix", ["npz", "csv", "header.csv", "parquet"])
def test_every_format_in_gives_the_same_items(folder: Path, suffix: str, capsys: pytest.CaptureFixture[str]) -> None:
    if suffix == "npz":
        np.savez("p.npz", probs=P, other=np.ones(3))
    elif suffix == "csv":
        np.savetxt("p.csv", P, delimiter=",", fmt="%.17g")
    elif suffix == "header.csv":
        np.savetxt("p.header.csv", P, delimiter=",", fmt="%.17g", header="cat,dog,emu", comments="")
    else:
        arrow = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        parquet.write_table(arrow.table({name: P[:, i] for i, name in enumerate("abc")}), "p.parquet")
    np.savetxt("y.csv", LABELS, fmt="%d")
    assert main(["pick", "entropy", "-n", "5", "--probs", f"p.{suffix}", "--labels", "y.csv"]) == 0
    assert [int(line) for line in capsys.readouterr().out.split()] == EXPECTED


@pytest.mark.parametrize("suffix", ["csv", "json", "npy"])
def test_every_format_out_holds_the_same_items(folder: Path, suffix: str) -> None:
    assert main(["pick", "entropy", "-n", "5", "--probs", "p.npy", "--labels", "y.npy", "--out", f"o.{suffix}"]) == 0
    path = folder / f"o.{suffix}"
    if suffix == "csv":
        with open(path, newline="") as file:
            got = [int(row["item"]) for row in csv.DictReader(file)]
    elif suffix == "json":
        got = json.loads(path.read_text())["items"]
    else:
        got = np.load(path).tolist()
    assert got == EXPECTED


def test_balance_prints_counts_score_objective_and_gap(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main("pick entropy -n 6 --probs p.npy --balance 0.5 --out o.json".split()) == 0
    shown = capsys.readouterr().err
    for word in ("class counts", "L1 score", "objective", "gap"):
        assert word in shown
    record = json.loads((folder / "o.json").read_text())
    assert record["objective"] >= record["bound"]
    assert sum(record["expected_counts"]) == pytest.approx(6, abs=0.01)


def test_a_target_can_be_written_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main("pick random -n 6 --probs p.npy --balance 5 --target 0,0,1".split()) == 0
    chosen = [int(line) for line in capsys.readouterr().out.split()]
    assert P[chosen, 2].mean() > P[:, 2].mean() + 0.2


BAD = {
    "unknown strategy": ("pick entropi -n 5 --probs p.npy", "did you mean 'entropy'"),
    "no such file": ("pick entropy -n 5 --probs q.npy", "q.npy"),
    "logits": ("pick entropy -n 5 --probs logits.npy", "softmax"),
    "nan": ("pick entropy -n 5 --probs nan.npy", "1 of 40 rows are not finite; first at item 7"),
    "wrong shape": ("pick entropy -n 5 --probs y.npy", "(N, C)"),
    "n too large": ("pick entropy -n 41 --probs p.npy", "41 is more than the 40"),
    "label outside": ("pick entropy -n 5 --probs p.npy --labels high.npy", "outside the 3 classes"),
    "empty npy": ("pick entropy -n 5 --probs empty.npy", "empty"),
    "truncated npy": ("pick entropy -n 5 --probs cut.npy", "cut.npy"),
    "truncated header": ("pick entropy -n 5 --probs cut-header.npy", "cut-header.npy"),
    "truncated npz": ("pick entropy -n 5 --probs cut.npz", "cut.npz"),
    "pickled": ("pick entropy -n 5 --probs object.npy", "object.npy"),
    "words": ("pick entropy -n 5 --probs words.csv", "words.csv"),
    "ragged": ("pick entropy -n 5 --probs ragged.csv", "ragged.csv"),
    "format in": ("pick entropy -n 5 --probs p.mat", "format"),
    "format out": ("pick entropy -n 5 --probs p.npy --out o.xls", "format"),
    "folder out": ("pick entropy -n 5 --probs p.npy --out none/o.csv", "none"),
    "fractional labels": ("pick entropy -n 5 --probs p.npy --labels half.csv", "0.5"),
    "parameter": ("pick entropy -n 5 --probs p.npy --set heat=2", "heat"),
    "parameter form": ("pick entropy -n 5 --probs p.npy --set heat", "KEY=VALUE"),
    "balance": ("pick entropy -n 5 --probs p.npy --balance lots", "lots"),
    "target alone": ("pick entropy -n 5 --probs p.npy --target 1,0,0", "--balance"),
    "target length": ("pick entropy -n 5 --probs p.npy --balance 1 --target 1,0", "target"),
    "nothing": ("pick random -n 5", "--labels"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_nothing_is_written(
    folder: Path, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save("logits.npy", np.log(P))
    np.save("nan.npy", np.where(np.arange(40)[:, None] == 7, np.nan, P))
    np.save("high.npy", np.where(LABELS == 2, 3, LABELS))
    np.save("object.npy", np.array([{}, {}]), allow_pickle=True)
    whole = (folder / "p.npy").read_bytes()
    (folder / "empty.npy").write_bytes(b"")
    (folder / "cut.npy").write_bytes(whole[:-100])
    (folder / "cut-header.npy").write_bytes(whole[:40])
    np.savez("cut.npz", probs=P)
    (folder / "cut.npz").write_bytes((folder / "cut.npz").read_bytes()[:-60])
    (folder / "words.csv").write_text("a,b\n0.5,half\n")
    (folder / "ragged.csv").write_text("0.5,0.5\n1.0\n")
    (folder / "half.csv").write_text("\n".join(["-1"] * 39 + ["0.5"]))
    command, words = BAD[case]
    before = listing(folder)
    assert main([*command.split(), *([] if "--out" in command else ["--out", "o.csv"])]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("askew: ")
    assert captured.err.count("\n") == 1
    assert words in captured.err
    assert captured.out == ""
    assert listing(folder) == before


@pytest.mark.parametrize(
    "command", ["pick entropy -n 5 --probs p.npy --fast", "pick entropy", "pick entropy -n five", "pik"]
)
def test_arguments_that_cannot_be_read_are_one_line_too(
    folder: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(command.split())
    assert caught.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_strategies_lists_the_registry(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["strategies", "--json"]) == 0
    assert [entry["name"] for entry in json.loads(capsys.readouterr().out)] == list(strategies())
    assert main(["strategies"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(strategies())


def test_one_strategy_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["strategies", "kcenter"]) == 0
    shown = capsys.readouterr().out
    assert "features" in shown
    assert "source:" in shown


HELP_SECONDS = """
import resource, subprocess, sys
subprocess.run([sys.executable, "-m", "askew.cli.main", "--help"], check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no processor time of children there")
def test_help_answers_in_half_a_second() -> None:
    """Held to processor time: what else the machine is doing is not the command's fault."""
    run = [sys.executable, "-c", HELP_SECONDS]
    shown = [subprocess.run(run, check=True, capture_output=True, text=True).stdout for _ in range(5)]
    assert min(float(text.split()[-1]) for text in shown) < 0.5
