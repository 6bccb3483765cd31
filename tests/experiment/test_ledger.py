"""The ledger: what was written stays; half a line goes; what was changed, or is wrong, is refused with its line."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from askew.errors import InputError
from askew.experiment.ledger import Cycle, Header, begun, open_ledger, read_ledger
from askew.experiment.records import checked, words

HEADER = Header("entropy+balance", "entropy", 0, 3, 2, (1, 2), {}, {"weight": 0.5}, False, 1)
FIRST = Cycle(
    0,
    2,
    {"accuracy": 0.5},
    (1, 1, 0),
    (3, 7),
    (2, 0),
    {"fit": 0.25},
    {"weight": 0.5, "curve": {"weights": [0.0, 0.5], "losses": [1.0, 0.25]}},
)
PROOF = {"quantity": "radius", "value": 2.0, "bound": 1.5, "gap": 0.25, "seconds": 3.0, "stopped": "the time limit"}
SECOND = Cycle(1, 4, {"accuracy": 0.75}, (2, 1, 1), (5, 4), (1, 1), proof=PROOF)
LAST = Cycle(2, 6, {"accuracy": 0.875}, (2, 3, 1))


def write(folder: Path, *cycles: Cycle) -> Path:
    with open_ledger(folder, HEADER) as ledger:
        for cycle in cycles:
            ledger.append(cycle)
    return folder / "ledger.jsonl"


def forged(*lines: Any) -> bytes:
    """Writes lines with right checks, by the rule in the module's docstring, so that only their values are wrong."""
    out, before = b"", ""
    for line in lines:
        body = json.dumps(line, separators=(",", ":")).encode() if not isinstance(line, bytes) else line
        before = hashlib.sha256(before.encode() + body).hexdigest()[:32]
        out += body[:-1] + b',"check":"' + before.encode() + b'"}\n'
    return out


def lines_of(path: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        del line["check"]
    return lines


def test_what_is_appended_is_read_back(tmp_path: Path) -> None:
    write(tmp_path, FIRST)
    with open_ledger(tmp_path, HEADER) as ledger:
        assert ledger.cycles == [FIRST]
        ledger.append(SECOND)
        ledger.append(LAST)
    assert read_ledger(tmp_path / "ledger.jsonl") == (HEADER, (FIRST, SECOND, LAST))


def test_a_forged_ledger_with_right_checks_is_read_so_the_rule_is_the_one_described(tmp_path: Path) -> None:
    path = write(tmp_path, FIRST, SECOND, LAST)
    assert path.read_bytes() == forged(*lines_of(path))
    assert path.read_bytes().startswith(b'{"format":2,"run":{"label":"entropy+balance",')


def test_a_question_waits_for_its_answer_over_a_restart(tmp_path: Path) -> None:
    asked = dataclasses.replace(FIRST, asked_labels=())
    with open_ledger(tmp_path, HEADER) as ledger:
        ledger.ask(FIRST)
        assert ledger.cycles == [asked]
    assert read_ledger(tmp_path / "ledger.jsonl")[1][0].waiting
    with open_ledger(tmp_path, HEADER) as ledger:
        with pytest.raises(InputError, match="before cycle 0 was answered"):
            ledger.ask(SECOND)
        with pytest.raises(InputError, match="1 for 2"):
            ledger.answer((1,))
        with pytest.raises(InputError, match="3 is outside the 3 classes"):
            ledger.answer((1, 3))
        ledger.answer((2, 0))
        with pytest.raises(InputError, match="no answer is waited for"):
            ledger.answer((2, 0))
        assert ledger.cycles == [FIRST]
    assert read_ledger(tmp_path / "ledger.jsonl")[1] == (FIRST,)


def test_counts_and_score_of_the_answers_by_hand() -> None:
    assert FIRST.asked_counts == (1, 0, 1)
    assert FIRST.l1_score == pytest.approx((1 / 3 + 2 / 3 + 1 / 3) / (2 * 2 * 2 / 3))
    assert (LAST.asked_counts, LAST.l1_score) == ((0, 0, 0), None)


@pytest.mark.parametrize("cut", range(1, 12))
def test_half_a_last_line_is_cut_off_and_written_again(tmp_path: Path, cut: int) -> None:
    path = write(tmp_path, FIRST, SECOND)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert read_ledger(path)[1][-1] == dataclasses.replace(SECOND, asked_labels=())
    with open_ledger(tmp_path, HEADER) as ledger:
        ledger.answer((1, 1))
    assert path.read_bytes() == whole


def test_half_a_header_counts_as_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    assert not begun(path)
    path.write_bytes(b'{"format": 2, "run": {"la')
    assert not begun(path)
    with pytest.raises(InputError, match="no complete line"):
        read_ledger(path)
    write(tmp_path)
    assert begun(path)
    assert read_ledger(path) == (HEADER, ())


@pytest.mark.parametrize("change", [{"seed": 1}, {"budget": 3}, {"initial": (1, 3)}, {"threads": 2}, {"balance": None}])
def test_another_run_is_refused_and_left_alone(tmp_path: Path, change: dict[str, Any]) -> None:
    path = write(tmp_path, FIRST)
    before = path.read_bytes()
    other = dataclasses.replace(HEADER, **change)
    with pytest.raises(InputError, match="another run"), open_ledger(tmp_path, other):
        pass
    assert path.read_bytes() == before


def edited(path: Path, number: int, old: str, new: str) -> None:
    lines = path.read_text().splitlines(keepends=True)
    assert old in lines[number - 1]
    lines[number - 1] = lines[number - 1].replace(old, new)
    path.write_text("".join(lines))


def dropped(path: Path, number: int) -> None:
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[: number - 1] + lines[number:]))


def doubled(path: Path, number: int) -> None:
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:number] + lines[number - 1 :]))


CHANGES = {
    "a pick": (lambda p: edited(p, 2, "[3,7]", "[3,8]"), 2),
    "a label": (lambda p: edited(p, 3, "[2,0]", "[2,1]"), 3),
    "an accuracy": (lambda p: edited(p, 4, "0.75", "0.95"), 4),
    "the seed": (lambda p: edited(p, 1, '"seed":0', '"seed":1'), 1),
    "a check": (lambda p: edited(p, 3, '"check":"', '"check":"0'), 3),
    "a question dropped": (lambda p: dropped(p, 2), 2),
    "an answer dropped": (lambda p: dropped(p, 3), 3),
    "a line doubled": (lambda p: doubled(p, 4), 5),
    "an empty line": (lambda p: edited(p, 3, '{"answered"', '\n{"answered"'), 3),
    "half a line in the middle": (lambda p: edited(p, 4, '"metrics"', "\n"), 4),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_was_changed_is_refused_with_its_line_and_left_alone(tmp_path: Path, what: str) -> None:
    path = write(tmp_path, FIRST, SECOND, LAST)
    change, line = CHANGES[what]
    change(path)
    before = path.read_bytes()
    for read in (lambda: read_ledger(path), lambda: open_ledger(tmp_path, HEADER).__enter__()):
        with pytest.raises(InputError, match=rf"ledger\.jsonl: line {line}: ") as caught:
            read()
        assert "\n" not in str(caught.value)
    assert path.read_bytes() == before


def with_value(record: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    record = json.loads(json.dumps(record))
    *way, last = path.split(".")
    place = record
    for part in way:
        place = place[part]
    place[last] = value
    return record


WEIGHTED = {"weight": 1.0}
WRONG = [
    (1, "format", 1, "not the header of a run"),
    (1, "run", None, "expected an object, got None"),
    (1, "run.seed", -1, "seed: expected a whole number from 0, got -1"),
    (1, "run.seed", True, "seed: expected a whole number from 0, got True"),
    (1, "run.cycles", 0, "cycles: expected a whole number from 1, got 0"),
    (1, "run.budget", -1, "budget: expected a whole number from 0, got -1"),
    (1, "run.threads", 0, "threads: expected a whole number from 1, got 0"),
    (1, "run.label", 3, "label: expected a text, got 3"),
    (1, "run.strategy", "", "strategy: expected a text, got ''"),
    (1, "run.initial", [1, 1], "initial: an item is listed twice"),
    (1, "run.initial", "12", "initial: expected a list, got '12'"),
    (1, "run.parameters", [], "parameters: expected an object, got []"),
    (1, "run.balance", [], "balance: expected an object, got []"),
    (1, "run.unheard", 1, "the key 'unheard' is unknown"),
    (1, "run.warm_start", 1, "warm_start: expected true or false, got 1"),
    (2, "asked", [], "expected an object, got []"),
    (2, "asked.cycle", 1, "cycle 1 where cycle 0 was expected"),
    (2, "asked.cycle", -1, "cycle: expected a whole number from 0, got -1"),
    (2, "asked.cycle", "0", "cycle: expected a whole number from 0, got '0'"),
    (2, "asked.n_labeled", None, "n_labeled: expected a whole number from 1, got None"),
    (2, "asked.n_labeled", 0, "n_labeled: expected a whole number from 1, got 0"),
    (2, "asked.metrics", {"accuracy": None}, "metrics.accuracy: expected a finite number, got None"),
    (2, "asked.metrics", {"accuracy": "0.5"}, "metrics.accuracy: expected a finite number, got '0.5'"),
    (2, "asked.metrics", {"accuracy": True}, "metrics.accuracy: expected a finite number, got True"),
    (2, "asked.metrics", [0.5], "metrics: expected an object, got [0.5]"),
    (2, "asked.asked", [3, 3], "asked: an item is listed twice"),
    (2, "asked.asked", [3, -1], "asked: expected a whole number from 0, got -1"),
    (2, "asked.asked", [3, 1], "asked: item 1 was labelled before"),
    (2, "asked.asked", [3, 0.5], "asked: expected a whole number from 0, got 0.5"),
    (2, "asked.asked_labels", [2, -1], "labels: expected a whole number from 0, got -1"),
    (2, "asked.labeled_counts", [1, "1", 0], "labeled_counts: expected a whole number from 0, got '1'"),
    (2, "asked.seconds", {"fit": "long"}, "seconds.fit: expected a finite number, got 'long'"),
    (2, "asked.balance", 0.5, "balance: expected an object, got 0.5"),
    *[
        (2, "asked.balance", {name: "auto"}, f"balance.{name}: expected a finite number, got 'auto'")
        for name in ("weight", "objective", "bound", "gap", "l1_score")
    ],
    (2, "asked.balance", {"demand": 3}, "balance.demand: expected a list, got 3"),
    (2, "asked.balance", {"demand": [1.0, "x"]}, "balance.demand: expected a finite number, got 'x'"),
    (2, "asked.balance", {"curve": [1.0]}, "balance.curve: expected an object, got [1.0]"),
    *[
        (2, "asked.balance", {**WEIGHTED, "curve": curve}, f"balance.curve{words}")
        for curve, words in (
            ({"weights": [1.0], "losses": []}, ": expected as many losses as weights"),
            ({"weights": 1.0, "losses": [1.0]}, ".weights: expected a list, got 1.0"),
            ({"weights": [1.0]}, ".losses: expected a list, got None"),
            ({"weights": [1.0], "losses": ["x"]}, ".losses: expected a finite number, got 'x'"),
        )
    ],
    (2, "asked.balance", {"curve": {"weights": [1], "losses": [1]}}, "balance.weight: expected a finite number, got"),
    (2, "asked.proof", 3, "proof: expected an object, got 3"),
    *[
        (2, "asked.proof", {**PROOF, name: None}, f"proof.{name}: expected a {kind}, got None")
        for name, kind in (("quantity", "text"), ("value", "finite number"), ("bound", "finite number"))
    ],
    (2, "asked.proof", {**PROOF, "stopped": 1}, "proof.stopped: expected a text, got 1"),
    (2, "asked.model", 3, "model: expected a text, got 3"),
    (3, "answered", None, "neither a question nor an answer"),
    (3, "answered", ["cycle", "labels"], "neither a question nor an answer"),
    (3, "answered.when", 1, "neither a question nor an answer"),
    (3, "answered.labels", [], "cycle 0: no answer is waited for, or an empty one was given"),
    (3, "answered.labels", "20", "labels: expected a list, got '20'"),
    (3, "answered.labels", [2], "labels: 1 for 2 items asked"),
    (3, "answered.labels", [2, 3], "labels: 3 is outside the 3 classes of labeled_counts"),
    (3, "answered.labels", [2, -1], "labels: expected a whole number from 0, got -1"),
    (3, "answered.labels", [2, None], "labels: expected a whole number from 0, got None"),
    (3, "answered.cycle", 1, "an answer to cycle 1, which was not the last to ask"),
    (4, "asked.asked", [3, 4], "asked: item 3 was labelled before"),
    (4, "asked.cycle", 0, "cycle 0 where cycle 1 was expected"),
]


@pytest.mark.parametrize(("line", "key", "value", "words"), WRONG)
def test_wrong_types_and_values_are_one_line_even_if_the_checks_fit(
    tmp_path: Path, line: int, key: str, value: object, words: str
) -> None:
    path = write(tmp_path, FIRST, SECOND, LAST)
    lines = lines_of(path)
    lines[line - 1] = with_value(lines[line - 1], key, value)
    path.write_bytes(forged(*lines))
    with pytest.raises(InputError, match=rf"ledger\.jsonl: line {line}: {re.escape(words)}") as caught:
        read_ledger(path)
    assert "\n" not in str(caught.value)


def test_an_answer_before_any_question_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, FIRST)
    header, _, answer = lines_of(path)
    path.write_bytes(forged(header, answer))
    with pytest.raises(InputError, match="line 2: an answer to cycle 0, which was not the last to ask"):
        read_ledger(path)
    with (
        open_ledger(tmp_path / "new", HEADER) as ledger,
        pytest.raises(InputError, match=r"^no cycle has asked anything"),
    ):
        ledger.answer((2, 0))


def test_nothing_follows_a_cycle_that_asked_nothing(tmp_path: Path) -> None:
    with open_ledger(tmp_path, HEADER) as ledger:
        ledger.ask(dataclasses.replace(FIRST, asked=(), asked_labels=()))
        with pytest.raises(InputError, match=r"^cycle 1 after a cycle that asked nothing$"):
            ledger.ask(SECOND)


def test_the_least_that_a_run_may_be_and_what_is_left_out_of_it() -> None:
    header = Header("a", None, 0, 1, 0)
    assert header.record() == {
        "label": "a",
        "strategy": None,
        "seed": 0,
        "cycles": 1,
        "budget": 0,
        "initial": [],
        "parameters": {},
        "balance": None,
        "warm_start": False,
        "threads": 1,
    }
    cycle = Cycle(0, 1, {}, [1], [5], [0])  # type: ignore[arg-type]
    assert (cycle.labeled_counts, cycle.asked, cycle.asked_labels) == ((1,), (5,), (0,))


@pytest.mark.parametrize(("value", "name"), [(HEADER, "seed"), (FIRST, "asked")])
def test_what_stands_in_a_ledger_cannot_be_changed(value: Any, name: str) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, name, None)


def test_what_json_has_no_number_for_is_not_written(tmp_path: Path) -> None:
    header = dataclasses.replace(HEADER, parameters={"power": float("nan")})
    with pytest.raises(ValueError, match="not JSON compliant"), open_ledger(tmp_path, header):
        pass
    assert (tmp_path / "ledger.jsonl").read_bytes() == b""


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e999", "9" * 5000, "[" * 100_000])
def test_numbers_that_are_none_are_one_line(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, FIRST)
    lines = path.read_bytes().splitlines()
    head, asked = (line[: line.rindex(b',"check"')] + b"}" for line in lines[:2])
    path.write_bytes(forged(head, asked.replace(b"0.5", text.encode(), 1)))
    with pytest.raises(InputError, match="line 2: ") as caught:
        read_ledger(path)
    assert len(str(caught.value)) < 500


def test_a_line_that_is_no_json_is_called_damaged(tmp_path: Path) -> None:
    path = write(tmp_path, FIRST, SECOND)
    edited(path, 4, '"metrics"', "\n")
    with pytest.raises(InputError, match="line 4: is damaged: "):
        read_ledger(path)


@pytest.mark.parametrize("line", ["[1]", "3", "null"])
def test_a_line_that_is_no_object_is_called_damaged(tmp_path: Path, line: str) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_text(f"{line}\n")
    with pytest.raises(InputError, match=r"line 1: is damaged: expected a JSON object$"):
        read_ledger(path)


def test_a_line_is_on_the_disk_when_it_is_appended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    fsync = os.fsync

    def watched(handle: int) -> None:
        synced.append(os.fstat(handle).st_size)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", watched)
    path = tmp_path / "ledger.jsonl"
    with open_ledger(tmp_path, HEADER) as ledger:
        assert path.stat().st_size in synced
        for n_lines, act in ((2, lambda: ledger.ask(FIRST)), (3, lambda: ledger.answer((2, 0)))):
            act()
            assert synced[-1] == path.stat().st_size
            assert path.read_bytes().count(b"\n") == n_lines
    assert read_ledger(path)[1] == (FIRST,)


@pytest.mark.skipif(os.name != "posix", reason="folders cannot be synced there")
def test_a_new_ledgers_name_is_on_the_disk_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append((handle, os.fstat(handle).st_ino)))
    folder = tmp_path / "new" / "run"
    with open_ledger(folder, HEADER):
        assert [inode for _, inode in synced] == [(folder / "ledger.jsonl").stat().st_ino, folder.stat().st_ino]
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(synced[1][0])


@pytest.mark.skipif(sys.platform == "win32", reason="no file locks there")
def test_the_lock_is_taken_before_the_ledger_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    path = write(tmp_path)

    def waiting(file: Any, operation: int) -> None:
        """Takes a lock that another process gave back after it had appended a cycle."""
        assert (file.name, operation) == (str(path), fcntl.LOCK_EX)
        monkeypatch.undo()
        write(tmp_path, FIRST)

    monkeypatch.setattr(fcntl, "flock", waiting)
    with open_ledger(tmp_path, HEADER) as ledger:
        assert ledger.cycles == [FIRST]


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, FIRST)
    lines = lines_of(path)
    del lines[1]["asked"]["metrics"]
    path.write_bytes(forged(*lines))
    with pytest.raises(InputError, match="line 2: the key 'metrics' is missing"):
        read_ledger(path)


def test_a_ledger_without_checks_says_where_it_comes_from(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_text('{"run":{"label":"random"}}\n')
    with pytest.raises(InputError, match="line 1: has no check: not a ledger, or one of an older askew"):
        read_ledger(path)


@pytest.mark.parametrize("metric", [float("nan"), float("inf"), None, "0.5"])
def test_what_could_not_be_read_back_is_not_written(metric: Any) -> None:
    with pytest.raises(InputError, match=r"metrics\.accuracy: expected a finite number"):
        Cycle(0, 2, {"accuracy": metric}, (1, 1, 0))


def test_more_cycles_than_planned_are_refused(tmp_path: Path) -> None:
    write(tmp_path, FIRST, SECOND, LAST)
    with open_ledger(tmp_path, HEADER) as ledger, pytest.raises(InputError, match="run of 3 cycles"):
        ledger.append(dataclasses.replace(LAST, number=3))


@pytest.mark.skipif(sys.platform == "win32", reason="no file locks there")
def test_a_second_process_waits_for_the_first(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from askew.experiment.ledger import Cycle, Header, open_ledger\n"
        f"with open_ledger(Path({str(tmp_path)!r}), {HEADER!r}) as ledger:\n"
        f"    print('open', flush=True); input(); ledger.append({FIRST!r})\n"
    )
    found = []

    def second() -> None:
        with open_ledger(tmp_path, HEADER) as ledger:
            found.extend(ledger.cycles)

    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], text=True, **pipes) as first:
        assert first.stdin is not None
        assert first.stdout is not None
        assert first.stdout.readline() == "open\n"
        waiting = threading.Thread(target=second)
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
        first.stdin.write("go on\n")
        first.stdin.flush()
        waiting.join()
    assert found == [FIRST]


def test_a_name_as_long_as_a_page_is_shortened() -> None:
    for check in (lambda: checked(Header, {5000 * "k": 1}), lambda: words("metrics", {5000 * "k": None})):
        with pytest.raises(InputError) as said:
            check()
        assert len(str(said.value)) < 200


def test_what_was_predicted_is_kept_and_checked(tmp_path: Path) -> None:
    first = dataclasses.replace(FIRST, predicted=(None, 1))
    path = write(tmp_path, first, SECOND)
    assert [one.predicted for one in read_ledger(path)[1]] == [(None, 1), ()]
    asked = lines_of(path)[1]["asked"]
    assert asked["predicted"] == [None, 1]
    header = lines_of(path)[0]
    for wrong, why in (
        ([1], "predicted: 1 for 2 items asked"),
        ([1, 3], "predicted: 3 is outside the 3 classes of labeled_counts"),
        ([1, -1], "predicted: expected a whole number from 0, got -1"),
        ([1, True], "predicted: expected a whole number from 0, got True"),
        ("ab", "predicted: expected a list, got 'ab'"),
    ):
        path.write_bytes(forged(header, {"asked": asked | {"predicted": wrong}}))
        with pytest.raises(InputError, match=f"line 2: {re.escape(why)}"):
            read_ledger(path)
    del asked["predicted"]  # as earlier versions wrote it
    path.write_bytes(forged(header, {"asked": asked}))
    assert read_ledger(path)[1][0].predicted == ()
