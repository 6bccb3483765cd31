"""`askew pick` and `askew strategies`: files in, items out; bad input is one line, status 2, and nothing written."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import askew
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


def test_what_a_strategy_proved_is_said_and_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save("x.npy", np.array([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]]))
    assert main("pick coreset -n 2 --features x.npy --out picks.json".split()) == 0
    assert re.match(r"radius 1: proved optimal, in [\d.]+ s\n", capsys.readouterr().err)
    proof = json.loads((folder / "picks.json").read_text())["proof"]
    assert (proof["value"], proof["bound"], proof["gap"], proof["stopped"]) == (1.0, 1.0, 0.0, "")
    assert main("pick coreset -n 2 --features x.npy --set most_pairs=0".split()) == 0
    said = capsys.readouterr().err
    assert said.startswith("radius 2, at least 1 for any choice: gap 50% at more than 0 pairs")


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
    for word in ("class counts, expected of these picks/wanted to reach the target", "L1 score", "objective", "gap"):
        assert word in shown
    record = json.loads((folder / "o.json").read_text())
    assert record["objective"] >= record["bound"]
    assert sum(record["expected_counts"]) == pytest.approx(6, abs=0.01)


def test_a_target_can_be_written_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main("pick random -n 6 --probs p.npy --balance 5 --target 0,0,1".split()) == 0
    chosen = [int(line) for line in capsys.readouterr().out.split()]
    assert P[chosen, 2].mean() > P[:, 2].mean() + 0.2


TARGETS = {
    "class and share": "class,share\nemu,0.1\ncat,0.7\ndog,0.2\n",
    "no names of columns": "emu,0.1\ncat,0.7\ndog,0.2\n",
    "share and class": "share,class\n0.1,emu\n0.7,cat\n0.2,dog\n",
    "decimal commas": "class;share\nemu;0,1\ncat;0,7\ndog;0,2\n",
    "as pandas writes value_counts": "label,proportion\ncat,0.7\ndog,0.2\nemu,0.1\n",
    "a row with names": "emu,cat,dog\n0.1,0.7,0.2\n",
    "a row without": "0.7,0.2,0.1\n",
    "a column without": "0.7\n0.2\n0.1\n",
}


@pytest.mark.parametrize("case", TARGETS)
def test_a_target_in_a_file_is_read_by_its_names(folder: Path, case: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("t.csv").write_text(TARGETS[case])
    table("p.csv", columns_of_p())
    record = answer(capsys, "pick entropy -n 6 --probs p.csv --balance 5 --target t.csv")
    assert record["demand"] == pytest.approx([4.2, 1.2, 0.6])
    assert record["items"] == query("entropy", 6, probs=P, balance=5.0, target=[0.7, 0.2, 0.1]).tolist()


def test_a_target_in_a_file_may_name_classes_by_numbers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("t.csv").write_text("class,share\n2,0.1\n0,0.7\n1,0.2\n")
    record = answer(capsys, "pick entropy -n 6 --probs p.npy --balance 5 --target t.csv")
    assert record["demand"] == pytest.approx([4.2, 1.2, 0.6])


@pytest.mark.parametrize("file", ["y.npy", "y.csv"])
def test_classes_that_are_numbers_name_the_labels(folder: Path, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    called = np.array([1, 2, 3])
    labels = np.where(LABELS < 0, -1, called[LABELS])
    np.save("y.npy", labels)
    np.savetxt("y.csv", labels, fmt="%d")
    command = f"pick entropy -n 6 --probs p.npy --labels {file} --balance 5 --classes"
    assert (
        answer(capsys, f"{command} 1,2,3")["items"] == query("entropy", 6, probs=P, labels=LABELS, balance=5.0).tolist()
    )
    assert main(f"{command} 0,1,2".split()) == 2
    assert re.search("--labels: .*3.* at item 8 is none of the .*classes: 0, 1, 2", capsys.readouterr().err)


BAD = {
    "unknown strategy": ("pick entropi -n 5 --probs p.npy", "did you mean 'entropy'"),
    "names of strategies": ("pick nothing -n 5 --probs p.npy", "entropy, frame_coherence, frame_entropy"),
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
    "target of other names": ("pick entropy -n 5 --probs p.npy --balance 1 --target t.csv", "'cat' is none of the"),
    "target twice": ("pick entropy -n 5 --probs p.npy --balance 1 --target t2.csv", "class '0' is there twice"),
    "target of words": ("pick entropy -n 5 --probs p.npy --balance 1 --target t3.csv", "'half', which is no number"),
    "target by =": ("pick entropy -n 5 --probs p.npy --balance 1 --target cat=1", "a .csv of class and share"),
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
    (folder / "t.csv").write_text("class,share\ncat,0.5\ndog,0.5\n")
    (folder / "t2.csv").write_text("class,share\n0,0.5\n0,0.5\n")
    (folder / "t3.csv").write_text("class,share\n0,half\ncat,0.5\n")
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


def test_strategies_lists_the_registry_and_below_it_what_chooses_from_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["strategies", "--json"]) == 0
    assert [entry["name"] for entry in json.loads(capsys.readouterr().out)] == list(strategies())
    assert main(["strategies"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [*strategies(), "auto"]


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


NAMES = [f"img {i:02d}, a.jpg" for i in range(40)]
ANIMALS = ("cat", "dog", "emu")


def table(name: str, columns: dict[str, list]) -> None:
    with open(name, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def answer(capsys: pytest.CaptureFixture[str], command: str) -> dict:
    assert main([*command.split(), "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def words() -> list[str]:
    return [ANIMALS[label] if label >= 0 else "" for label in LABELS]


def columns_of_p(names: tuple[str, ...] = ANIMALS) -> dict[str, list]:
    return {name: P[:, i].tolist() for i, name in enumerate(names)}


def test_names_of_classes_and_of_files_come_back(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table("p.csv", {"file": NAMES, **columns_of_p()})
    table("y.csv", {"file": NAMES, "label": words()})
    record = answer(capsys, "pick entropy -n 5 --probs p.csv --labels y.csv --ids file --balance 0.6")
    want = query("entropy", 5, probs=P, labels=LABELS, balance=0.6).tolist()
    entropies = -(P * np.log(P)).sum(axis=1)
    for rank, (row, item) in enumerate(zip(record["picks"], want, strict=True), start=1):
        assert row.pop("score") == pytest.approx(entropies[item], rel=1e-12)
        assert row == {"rank": rank, "item": item, "id": NAMES[item], "predicted": ANIMALS[P[item].argmax()]}
    assert record["classes"] == list(ANIMALS)


@pytest.mark.parametrize("ids", ["names.txt", "names.csv", "names.npy", "names.parquet", "pool.csv:file"])
def test_ids_of_every_file_are_printed(folder: Path, ids: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("names.txt").write_text("\n".join(NAMES) + "\n")
    table("names.csv", {"file": NAMES})
    table("pool.csv", {"size": [1] * 40, "file": NAMES})
    np.save("names.npy", NAMES)
    if ids.endswith("parquet"):
        arrow, files = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        files.write_table(arrow.table({"file": NAMES}), ids)
    assert main(f"pick entropy -n 5 --probs p.npy --labels y.npy --ids {ids}".split()) == 0
    assert capsys.readouterr().out.splitlines() == [NAMES[item] for item in EXPECTED]


def test_the_csv_answer_has_what_is_known(folder: Path) -> None:
    Path("names.txt").write_text("\n".join(NAMES))
    assert main("pick entropy -n 2 --probs p.npy --labels y.npy --ids names.txt --out o.csv".split()) == 0
    with open("o.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["rank", "item", "id", "score", "predicted"]
    assert [row[:3] for row in rows[1:]] == [[str(i + 1), str(EXPECTED[i]), NAMES[EXPECTED[i]]] for i in range(2)]
    assert [row[4] for row in rows[1:]] == [str(P[item].argmax()) for item in EXPECTED[:2]]
    assert main("pick random -n 1 --dispersion d.npy --out o.csv".split()) == 2
    assert main("pick random -n 1 --labels y.npy --out o.csv".split()) == 0
    assert Path("o.csv").read_text().splitlines()[0] == "rank,item,score"


def test_a_prediction_that_there_is_not_is_empty(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save("gaps.npy", np.where(np.arange(40)[:, None] < 39, np.nan, P))
    record = answer(capsys, "pick random -n 40 --probs gaps.npy")
    known = {row["item"]: row["predicted"] for row in record["picks"] if row["predicted"] is not None}
    assert known == {39: P[39].argmax()}


@pytest.mark.parametrize("gap", ["", "NaN", "null", "NA", "-1"])
def test_labels_with_gaps_are_unlabeled(folder: Path, gap: str, capsys: pytest.CaptureFixture[str]) -> None:
    table("numbers.csv", {"label": [label if label >= 0 else gap for label in LABELS]})
    table("words.csv", {"label": [word or gap for word in words()]})
    np.save("floats.npy", np.where(LABELS < 0, np.nan, LABELS))
    for file in ("numbers.csv", "words.csv", "floats.npy"):
        assert answer(capsys, f"pick entropy -n 5 --probs p.npy --labels {file}")["items"] == EXPECTED


def test_a_labelled_item_needs_no_probabilities(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gaps = np.where(LABELS[:, None] >= 0, "", P.astype(str)).T.tolist()
    table("p.csv", dict(zip(ANIMALS, gaps, strict=True)))
    assert answer(capsys, "pick entropy -n 5 --probs p.csv --labels y.npy")["items"] == EXPECTED
    assert main("pick entropy -n 5 --probs p.csv".split()) == 2
    assert "--probs: 10 of 40 rows are not finite; first at item 0" in capsys.readouterr().err


def test_one_table_holds_names_probabilities_and_labels(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table("all.csv", {"file": NAMES, **columns_of_p(), "label": words(), "site": NAMES})
    for more in (
        "--probs all.csv:cat,dog,emu --labels all.csv:label --ids file",
        "--probs all.csv:cat,dog,emu --labels all.csv --ids all.csv:file",
        "--probs all.csv:cat,dog,emu --labels y.npy --ids all.csv:file",
    ):
        record = answer(capsys, f"pick entropy -n 5 {more}")
        assert [row["id"] for row in record["picks"]] == [NAMES[item] for item in EXPECTED]
        assert record["classes"] == list(ANIMALS)
    assert main("pick entropy -n 5 --probs all.csv --labels all.csv:label --ids file".split()) == 2
    assert "column 'site' holds words, 'img 00, a.jpg' first" in (said := capsys.readouterr().err)
    assert "name the columns to read, as in FILE:cat,dog" in said


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_what_labels_and_ids_take_of_a_table_is_no_feature(
    folder: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    held = {"file": NAMES, **columns_of_p(), "label": words()}
    if suffix == "csv":
        table("all.csv", held)
    else:
        arrow, files = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        files.write_table(arrow.table(held), "all.parquet")
    for labels, ids in ((":label", "file"), ("", "file"), (":label", f"all.{suffix}:file")):
        record = answer(capsys, f"pick entropy -n 5 --probs all.{suffix} --labels all.{suffix}{labels} --ids {ids}")
        assert [row["id"] for row in record["picks"]] == [NAMES[item] for item in EXPECTED]
        assert [row["predicted"] for row in record["picks"]] == [ANIMALS[P[item].argmax()] for item in EXPECTED]


def test_columns_are_read_in_the_order_they_are_named_in(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table("p.csv", {**columns_of_p(), "size": [7] * 40})
    record = answer(capsys, "pick entropy -n 5 --probs p.csv:emu,cat,dog --labels y.npy")
    assert record["classes"] == ["emu", "cat", "dog"]
    assert [row["predicted"] for row in record["picks"]] == [ANIMALS[P[item].argmax()] for item in record["items"]]


COLUMNS = {
    "p.csv:cat,fox": "has no column 'fox'; it has cat, dog, emu",
    "p.csv:cat,cat": "is asked twice for column 'cat'",
    "p.npy:cat": "p.npy has no columns with names: leave :cat out",
    "ragged.csv:cat,dog": "line 3 does not have the 2 cells of line 1",
    "percent.csv": "column 'cat' holds percentages, '96.2%' first: write shares from 0 to 1",
}


@pytest.mark.parametrize("given", COLUMNS)
def test_columns_that_cannot_be_read_are_named(folder: Path, given: str, capsys: pytest.CaptureFixture[str]) -> None:
    table("p.csv", columns_of_p())
    Path("ragged.csv").write_text("cat,dog\n1,0\n1,0,5\n")
    table("percent.csv", {"cat": ["96.2%"] * 2, "dog": ["3.8%"] * 2})
    assert main(["pick", "entropy", "-n", "1", "--probs", given]) == 2
    assert COLUMNS[given] in capsys.readouterr().err


def test_a_file_of_which_columns_are_read_is_not_written_over(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table("p.csv", columns_of_p())
    assert main("pick entropy -n 5 --probs p.csv:cat,dog,emu --out p.csv".split()) == 2
    assert "--out: p.csv is what --probs reads" in capsys.readouterr().err


def test_a_column_that_has_the_ids_in_another_order_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody named the column, and its rows are other items all the same."""
    Path("names.txt").write_text("\n".join(NAMES))
    turned = NAMES[::-1]
    table("y.csv", {"file": turned, "label": words()})
    table("p.csv", {"file": turned, **columns_of_p()})
    for option, given in (("labels", "--probs p.npy --labels y.csv"), ("probs", "--probs p.csv:cat,dog,emu")):
        assert main(f"pick entropy -n 5 {given} --ids names.txt".split()) == 2
        said = f"--ids: item 0 is '{NAMES[0]}' in --ids and '{turned[0]}' in --{option}: the rows are in another order"
        assert said in capsys.readouterr().err
    table("y.csv", {"file": NAMES, "label": words()})
    assert answer(capsys, "pick entropy -n 5 --probs p.npy --labels y.csv --ids names.txt")["items"] == EXPECTED


def test_draws_whose_first_axis_is_the_items_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save("d.npy", np.full((40, 10, 3), 1 / 3))
    for more in ("", " --labels y.npy", " --probs p.npy"):
        assert main(f"pick bald -n 5 --draws d.npy{more}".split()) == 2
        assert "--draws: has shape (40, 10, 3), expected (T, N, C), passes first: transpose" in capsys.readouterr().err


def test_names_of_classes_stand_for_columns_and_not_for_their_alphabet(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mixed = ("emu", "cat", "dog")
    table("p.csv", columns_of_p(mixed))
    table("y.csv", {"label": [mixed[label] if label >= 0 else "" for label in LABELS]})
    want = query("entropy", 6, probs=P, labels=LABELS, balance=2.0).tolist()
    ask = "pick entropy -n 6 --balance 2 --labels y.csv"
    assert answer(capsys, f"{ask} --probs p.csv")["items"] == want
    assert answer(capsys, f"{ask} --probs p.npy --classes emu,cat,dog")["items"] == want
    Path("names.txt").write_text("emu\ncat\ndog\n")
    assert answer(capsys, f"{ask} --probs p.npy --classes names.txt")["items"] == want


def test_pandas_index_is_left_out_or_carried(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table("p.csv", {"": list(range(40)), **columns_of_p()})
    assert answer(capsys, "pick entropy -n 5 --probs p.csv --labels y.npy")["items"] == EXPECTED
    table("p.csv", {"": list(range(100, 140)), **columns_of_p()})
    record = answer(capsys, "pick entropy -n 5 --probs p.csv --labels y.npy --ids index")
    assert [row["id"] for row in record["picks"]] == [str(100 + item) for item in EXPECTED]


WRONG = {
    "index": ("--probs shuffled.csv", "does not count the rows from 0: pass --ids index"),
    "file names": ("--probs files.csv", "column 'file' holds words, 'img 00, a.jpg' first: pass --ids file"),
    "id as a feature": ("--probs p.npy --dispersion y.npy --features ids.csv", "column 'id'"),
    "ids differ": ("--probs files.csv --labels other.csv --ids file", "--ids: item 0 is 'img 00, a.jpg' in --probs"),
    "ids twice": ("--probs p.npy --ids twice.txt", "'a' is the id of items 0 and 1"),
    "ids too few": ("--probs p.npy --ids few.txt", "has 2 rows, the other arrays have 40 items"),
    "no such column": ("--probs p.npy --ids name", "no table has a column so called"),
    "no such file": ("--probs p.npy --ids none.txt", "no such file"),
    "few names": ("--probs p.npy --labels few.csv", "has 2 names of classes, the other arrays have 3 classes: pass"),
    "no column": ("--probs files.csv --ids file --labels horse.csv", "'horse' at item 0 is none of the 3 classes"),
    "order": ("--probs files.csv --ids file --classes dog,cat,emu", "in another order than the columns of --probs"),
    "classes": ("--probs p.npy --classes a,b", "--classes: 2 names for 3 classes"),
    "doubled classes": ("--probs p.npy --classes a,b,a", "distinct names"),
    "overwrites probs": ("--probs p.npy --out ./p.npy", "--out: p.npy is what --probs reads"),
    "overwrites labels": ("--probs p.npy --labels few.csv:label --out few.csv", "is what --labels reads"),
    "overwrites ids": ("--probs p.npy --ids files.csv:file --out files.csv", "is what --ids reads"),
    "overwrites a link": ("--probs p.npy --target link.csv --balance 1 --out t.csv", "is what --target reads"),
    "draws": ("--probs p.npy --strategy-is-bald", "pass --draws"),
    "balance": ("--probs p.npy --balance -1", "--balance: expected a number"),
    "quotas": ("--probs p.npy --balance-by predicted --balance 1", "--balance-by predicted takes quotas"),
    "metric": ("--probs p.npy --balance 1 --balance-ground-metric m.csv", "goes with --balance-distance wasserstein"),
}


@pytest.mark.parametrize("case", WRONG)
def test_files_that_do_not_fit_are_one_line_in_the_words_of_the_command(
    folder: Path, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    table("shuffled.csv", {"": list(range(40))[::-1], **columns_of_p()})
    table("files.csv", {"file": NAMES, **columns_of_p()})
    table("other.csv", {"file": NAMES[::-1], "label": words()})
    table("few.csv", {"label": ["cat", "dog", *[""] * 38]})
    table("horse.csv", {"label": ["horse"] * 40})
    table("ids.csv", {"id": (np.arange(40) ** 2).tolist(), "x": P[:, 0].tolist()})
    Path("twice.txt").write_text("a\na\n" + "\n".join(NAMES[2:]))
    Path("few.txt").write_text("a\nb\n")
    Path("m.csv").write_text("0,1,2\n1,0,1\n2,1,0\n")
    Path("t.csv").write_text("0.5\n0.25\n0.25\n")
    Path("link.csv").symlink_to("t.csv")
    options, said = WRONG[case]
    strategy = "bald" if "bald" in options else "entropy"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    command = f"pick {strategy} -n 5 {options.replace(' --strategy-is-bald', '')}"
    assert main([*command.split(), *([] if "--out" in command else ["--out", "o.csv"])]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert (captured.err.count("\n"), captured.out) == (1, "")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_pick_with_words_needs_neither_pandas_nor_pyarrow(folder: Path) -> None:
    table("p.csv", {"file": NAMES, **columns_of_p()})
    table("y.csv", {"label": words()})
    code = (
        "import sys; from askew.cli.main import main\n"
        "assert main('pick entropy -n 5 --probs p.csv --labels y.csv --ids file --json'.split()) == 0\n"
        "assert not {'torch', 'pandas', 'pyarrow', 'pydantic'} & set(sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(askew.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=environment)


def test_parquet_without_pyarrow_is_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, module, None)
    Path("p.parquet").write_bytes(b"PAR1")
    for option in ("--probs", "--probs p.npy --labels", "--probs p.npy --ids"):
        assert main(f"pick entropy -n 5 {option} p.parquet".split()) == 2
        assert capsys.readouterr().err.endswith('not installed: in a clone of askew, pip install ".[parquet]"\n')


def test_fields_that_no_strategy_reads_are_no_options(capsys: pytest.CaptureFixture[str]) -> None:
    from askew.predictions import fields
    from askew.strategies.registry import strategies

    with pytest.raises(SystemExit):
        main(["pick", "--help"])
    shown = capsys.readouterr().out
    needed = {name for entry in strategies().values() for name in (*entry.needs, *entry.instead)}
    offered = {name for name in fields() if f"--{name.replace('_', '-')} FILE[:COLUMNS]" in shown}
    assert offered == needed | {"probs"}


def test_the_variants_of_dispersion_read_the_classes_of_every_epoch(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = np.random.default_rng(0).integers(3, size=(40, 12))
    table[5, 3] = table[7, 0] = -1
    np.save("e.npy", table.astype(np.int8))
    with Path("e.csv").open("w") as file:
        for row in table.tolist():
            file.write(",".join("" if one < 0 else str(one) for one in row) + "\n")
    expected = query("dispersion", 5, epoch_classes=table, last=4, divisor="epochs+1").tolist()
    assert expected != query("dispersion", 5, epoch_classes=table).tolist()
    for file in ("e.npy", "e.csv"):
        command = f"pick dispersion -n 5 --epoch-classes {file} --set last=4 --set divisor=epochs+1"
        assert main(command.split()) == 0
        assert [int(line) for line in capsys.readouterr().out.split()] == expected
    assert main("pick dispersion -n 5 --epoch-classes e.npy --set divisor=T".split()) == 2
    assert "unknown divisor 'T'" in capsys.readouterr().err
