"""A run killed with SIGKILL at random moments, then started again, ends with the picks of one never stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from askew.experiment.ledger import read_ledger

pytest.importorskip("torch")

KILLS = int(os.environ.get("ASKEW_KILLS", "2"))
"""How many runs are killed; 20 is the figure the project is held to, 2 keeps the suite quick."""

CONFIG = """
name = "kill"
[data]
source = "digits"
pool_items = 400
test_items = 100
[learner]
backbone = "small-convnet"
preset = "digits"
training = { epochs = 3 }
[protocol]
initial = 20
budget = 10
cycles = 5
seeds = 2
[[strategies]]
strategy = "entropy"
balance = 0.6
[[strategies]]
strategy = "dispersion"
[[strategies]]
strategy = "kcenter"
"""


def command(config: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "askew.cli.main", "run", str(config), "--out", str(out), "--jobs", "2"]


def picks(out: Path) -> dict[str, list[tuple[tuple[int, ...], tuple[int, ...]]]]:
    found = {}
    for path in sorted(out.glob("runs/*/ledger.jsonl")):
        _, cycles = read_ledger(path)
        assert len(cycles) == 5
        found[path.parent.name] = [(c.asked, c.asked_labels) for c in cycles]
    return found


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_a_killed_run_ends_with_the_same_picks(tmp_path: Path) -> None:
    config = tmp_path / "kill.toml"
    config.write_text(CONFIG)
    start = time.monotonic()
    subprocess.run(command(config, tmp_path / "whole"), check=True, capture_output=True)
    whole_seconds = time.monotonic() - start
    expected = picks(tmp_path / "whole")
    assert len(expected) == 6
    rng = np.random.default_rng(0)
    stopped = 0
    for kill in range(KILLS):
        out = tmp_path / f"killed{kill}"
        process = subprocess.Popen(
            command(config, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            process.wait(timeout=float(rng.uniform(0.3, 0.95)) * whole_seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            stopped += 1
        subprocess.run(command(config, out), check=True, capture_output=True)
        assert picks(out) == expected
    assert stopped > 0
