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

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")

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
warm_start = WARM
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
pseudo_labels = { share = 0.1 }
"""


def command(config: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "askew.cli.main", "run", str(config), "--out", str(out), "--jobs", "2"]


def picks(out: Path) -> dict[str, list[tuple[object, ...]]]:
    """What was asked, answered and measured, and the hashes of the models that later cycles started from."""
    found = {}
    for path in sorted(out.glob("runs/*/ledger.jsonl")):
        _, cycles = read_ledger(path)
        assert len(cycles) == 5
        found[path.parent.name] = [(c.asked, c.asked_labels, dict(c.metrics), c.model) for c in cycles]
    return found


def killed(command: list[str], seconds: float) -> bool:
    """Starts a command and kills it after a while, all that it started dies with it; False if it had ended before."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    return False


@pytest.mark.parametrize("warm", ["true"] if KILLS <= 2 else ["true", "false"])
def test_a_killed_run_ends_with_the_same_picks_and_models(tmp_path: Path, warm: str) -> None:
    config = tmp_path / "kill.toml"
    config.write_text(CONFIG.replace("WARM", warm))
    start = time.monotonic()
    subprocess.run(command(config, tmp_path / "whole"), check=True, capture_output=True)
    whole_seconds = time.monotonic() - start
    expected = picks(tmp_path / "whole")
    assert len(expected) == 6
    assert all((model is not None) == (warm == "true") for run in expected.values() for *_, model in run)
    rng = np.random.default_rng(0)
    stopped = 0
    for kill in range(KILLS):
        out = tmp_path / f"killed{kill}"
        stopped += killed(command(config, out), float(rng.uniform(0.3, 0.95)) * whole_seconds)
        subprocess.run(command(config, out), check=True, capture_output=True)
        assert picks(out) == expected
    assert stopped > 0


FAST = """
import sys, time
from pathlib import Path

import numpy as np

from askew.experiment.ledger import open_ledger
from askew.experiment.loop import Run, TruthOracle, run_cycles
from askew.plan import Plan
from askew.predictions import Predictions


class Model:
    def __init__(self, value):
        self.value = value

    def save(self, path):
        path.write_text(str(self.value))
        time.sleep(0.003)


class Task:
    n_items, n_classes, gives = 60, 3, ("probs",)

    def fit(self, pool, needs, *, seed, start=None, progress=None):
        time.sleep(0.005)
        return Model((seed + pool.labels.sum() + 31 * (0 if start is None else start.value)) % 2**31)

    def predict(self, model, pool, needs, *, seed):
        time.sleep(0.002)
        return Predictions(probs=np.random.default_rng(model.value).dirichlet([1.0] * 3, 60))

    def evaluate(self, model):
        return {"accuracy": model.value % 100 / 100}

    def held_back(self, model):
        return ()

    def load(self, path):
        return Model(int(path.read_text()))


run = Run("fast", Plan("entropy"), 0, np.arange(5), 2, 25, warm_start=True)
print("begun", flush=True)
with open_ledger(Path(sys.argv[1]) / "runs" / "fast", run.header()) as ledger:
    run_cycles(Task(), run, ledger, TruthOracle(np.arange(60) % 3))
"""


def test_a_fast_task_killed_at_any_instant_ends_with_the_same_picks_and_models(tmp_path: Path) -> None:
    def fast(out: str) -> list[str]:
        return [sys.executable, str(tmp_path / "fast.py"), str(tmp_path / out)]

    (tmp_path / "fast.py").write_text(FAST)
    subprocess.run(fast("whole"), check=True, capture_output=True)
    path = tmp_path / "whole" / "runs" / "fast" / "ledger.jsonl"
    expected = read_ledger(path)[1]
    assert len(expected) == 25
    rng = np.random.default_rng(1)
    stopped_at = []
    for kill in range(2 * KILLS):
        path = tmp_path / f"killed{kill}" / "runs" / "fast" / "ledger.jsonl"
        with subprocess.Popen(fast(f"killed{kill}"), stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(float(rng.uniform(0.0, 0.4)))
            process.send_signal(signal.SIGKILL)
        stopped_at.append(path.read_bytes().count(b"\n") if path.exists() else 0)
        subprocess.run(fast(f"killed{kill}"), check=True, capture_output=True)
        found = read_ledger(path)[1]
        assert [(c.asked, c.asked_labels, c.metrics, c.model) for c in found] == [
            (c.asked, c.asked_labels, c.metrics, c.model) for c in expected
        ]
        assert sorted(one.name for one in path.parent.iterdir()) == ["ledger.jsonl", "model-24.safetensors"]
    assert min(stopped_at) < 50
