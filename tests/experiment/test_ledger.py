"""The ledger: what was written stays, half a line goes, another run's is refused, one process at a time."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from askew.errors import InputError
from askew.experiment.ledger import open_ledger, read_ledger

HEADER = {"run": {"label": "random", "seed": 0, "cycles": 3, "initial": [1, 2]}}


def test_what_is_appended_is_read_back(tmp_path: Path) -> None:
    with open_ledger(tmp_path, HEADER) as ledger:
        ledger.append({"cycle": 0, "asked": [3]})
    with open_ledger(tmp_path, HEADER) as ledger:
        assert ledger.cycles == [{"cycle": 0, "asked": [3]}]
        ledger.append({"cycle": 1, "asked": [4]})
    assert read_ledger(tmp_path / "ledger.jsonl") == (HEADER, [{"cycle": 0, "asked": [3]}, {"cycle": 1, "asked": [4]}])


@pytest.mark.parametrize("cut", range(1, 12))
def test_half_a_last_line_is_cut_off_and_written_again(tmp_path: Path, cut: int) -> None:
    with open_ledger(tmp_path, HEADER) as ledger:
        ledger.append({"cycle": 0})
        ledger.append({"cycle": 1})
    path = tmp_path / "ledger.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert len(read_ledger(path)[1]) == 1
    with open_ledger(tmp_path, HEADER) as ledger:
        assert ledger.cycles == [{"cycle": 0}]
        ledger.append({"cycle": 1})
    assert path.read_bytes() == whole


def test_half_a_header_counts_as_nothing(tmp_path: Path) -> None:
    (tmp_path / "ledger.jsonl").write_bytes(b'{"run": {"la')
    with open_ledger(tmp_path, HEADER) as ledger:
        assert ledger.cycles == []
    assert read_ledger(tmp_path / "ledger.jsonl") == (HEADER, [])


def test_another_run_is_refused_and_left_alone(tmp_path: Path) -> None:
    with open_ledger(tmp_path, HEADER) as ledger:
        ledger.append({"cycle": 0})
    before = (tmp_path / "ledger.jsonl").read_bytes()
    other = {"run": {**HEADER["run"], "seed": 1}}
    with pytest.raises(InputError, match="another run"), open_ledger(tmp_path, other):
        pass
    assert (tmp_path / "ledger.jsonl").read_bytes() == before


def test_damage_in_the_middle_is_named(tmp_path: Path) -> None:
    (tmp_path / "ledger.jsonl").write_bytes(b'{"run": {}}\n{"cyc\n{"cycle": 1}\n')
    with pytest.raises(InputError, match="damaged"):
        read_ledger(tmp_path / "ledger.jsonl")


@pytest.mark.skipif(sys.platform == "win32", reason="no file locks there")
def test_a_second_process_waits_for_the_first(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from askew.experiment.ledger import open_ledger\n"
        f"with open_ledger(Path({str(tmp_path)!r}), {HEADER!r}) as ledger:\n"
        "    print('open', flush=True); time.sleep(1.0); ledger.append({'cycle': 0})\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "open\n"
        start = time.monotonic()
        with open_ledger(tmp_path, HEADER) as ledger:
            assert ledger.cycles == [{"cycle": 0}]
        assert time.monotonic() - start > 0.3
