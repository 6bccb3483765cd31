"""The workers: every run's options arrive, threads are set, one killed process is one failed run."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from askew.errors import InputError
from askew.experiment.config import ExperimentConfig, parse
from askew.experiment.grid import FULL, Job, Place
from askew.experiment.loop import Progress
from askew.experiment.workers import KILLED, THREAD_VARIABLES, run_all, run_of
from askew.plan import Balance, Plan

STRATEGIES = [
    "random",
    {"strategy": "entropy", "balance": 2.0, "target": [0.7, 0.3], "balance_distance": "l2"},
    {"strategy": "kcenter", "balance": 0.5, "balance_per_class": True},
    {"strategy": "margin", "balance": "auto", "balance_tune": "first-cycle", "label": "tuned"},
]


def config_of(**changes: Any) -> ExperimentConfig:
    values = {
        "name": "try",
        "data": {"source": "digits"},
        "protocol": {"initial": 5, "budget": 4, "cycles": 3, "seeds": [7], "full": True},
        "strategies": STRATEGIES,
    }
    return parse({**values, **changes}, "my.toml")


def test_what_the_configuration_says_is_what_is_run() -> None:
    initial = np.array([3, 1])
    config = config_of(learner={"warm_start": True})
    found = {s.name: run_of(config, Job(s.name, 7), initial, 50, threads=2) for s in config.strategies}
    assert found["random"].plan == Plan("random")
    assert found["entropy+balance-l2"].plan == Plan("entropy", {}, Balance(2.0, target=[0.7, 0.3], distance="l2"))
    assert found["kcenter+balance"].plan == Plan("kcenter", {}, Balance(0.5, per_class=True))
    assert found["tuned"].plan == Plan("margin", {}, Balance("auto", tune="first-cycle"))
    for label, run in found.items():
        said = (run.label, run.seed, run.budget, run.cycles, run.warm_start, run.threads)
        assert said == (label, 7, 4, 3, True, 2)
        assert run.initial is initial
    full = run_of(config, Job(FULL, 7), initial, 50, threads=2)
    assert (full.label, full.plan, full.budget, full.cycles, full.warm_start, full.threads) == (
        FULL,
        None,
        0,
        1,
        False,
        2,
    )
    assert full.initial.tolist() == list(range(50))


WORK = """
import os, signal, sys
from pathlib import Path

import numpy
import torch
from threadpoolctl import threadpool_info

from askew.errors import InputError
from askew.experiment.loop import Progress
from askew.files import n_cores


def work(config, place, job, watch):
    folder = place.out / job.folder
    folder.mkdir(parents=True, exist_ok=True)
    watch(Progress(job.label, job.seed, 0, 3, "fit", 5))
    with (folder / "attempts").open("a") as file:
        file.write(f"{len(list(place.out.glob('runs/*/done')))} done before\\n")
    once = job.label == "random" and (place.out / "kill-once").exists()
    if job.label == "kcenter+balance" or once and (folder / "attempts").read_text().count("\\n") == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if job.label == "tuned":
        raise RuntimeError("a defect")
    if job.label == "entropy+balance-l2" and (place.out / "mend").exists():
        raise InputError("mend me")
    pools = [pool["num_threads"] for pool in threadpool_info()]
    (folder / "done").write_text(f"{torch.get_num_threads()} {n_cores()} {sorted(set(pools))}")
"""


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Work that a spawned process can import: a file, since a test's own module is none it finds."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "fake_work.py").write_text(WORK)
    monkeypatch.syspath_prepend(tmp_path / "lib")
    monkeypatch.delitem(sys.modules, "fake_work", raising=False)
    import fake_work  # type: ignore[import-not-found]

    return fake_work.work


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
@pytest.mark.parametrize("jobs", [1, 2])
def test_only_the_run_that_died_fails_and_the_others_go_on(tmp_path: Path, work: Any, jobs: int) -> None:
    told: list[Progress] = []
    ended: list[Job] = []
    failed = run_all(config_of(), Place(tmp_path), jobs=jobs, watch=told.append, done=ended.append, work=work)
    assert {job.label for job in failed} == {"kcenter+balance", "tuned"}
    assert {job.label for job in ended} == {one.label for one in told}
    assert len(ended) == 5
    assert [one.label for one in told if one.phase == KILLED] == ["kcenter+balance"]
    done = sorted(path.parent.name for path in tmp_path.glob("runs/*/done"))
    assert done == ["entropy+balance-l2-seed7", "full-seed7", "random-seed7"]
    killed = (tmp_path / "runs" / "kcenter+balance-seed7" / "failure.txt").read_text()
    assert "killed by signal 9, twice" in killed
    attempts = (tmp_path / "runs" / "kcenter+balance-seed7" / "attempts").read_text().splitlines()
    assert len(attempts) == 2
    assert attempts[1] == "3 done before" or jobs == 2  # the second time after all others
    assert "a defect" in (tmp_path / "runs" / "tuned-seed7" / "failure.txt").read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_a_run_that_is_killed_once_is_tried_again_and_is_no_failure(tmp_path: Path, work: Any) -> None:
    (tmp_path / "kill-once").touch()
    told: list[Progress] = []
    ended: list[Job] = []
    config = config_of(strategies=["random", "margin"], protocol={"initial": 5, "budget": 4, "cycles": 3, "seeds": 1})
    assert run_all(config, Place(tmp_path), watch=told.append, done=ended.append, work=work) == []
    assert [(one.label, one.phase) for one in told] == [
        ("random", "fit"),
        ("random", KILLED),
        ("margin", "fit"),
        ("random", "fit"),
    ]
    assert [job.label for job in ended] == ["margin", "random"]
    assert (tmp_path / "runs" / "random-seed0" / "attempts").read_text() == "0 done before\n1 done before\n"
    assert not list(tmp_path.rglob("failure.txt"))


@pytest.mark.parametrize("threads", [1, 2])
def test_every_pool_of_threads_has_the_runs_number(
    tmp_path: Path, work: Any, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    config = config_of(strategies=["random"], protocol={"initial": 5, "budget": 4, "cycles": 3, "seeds": 1})
    assert run_all(config, Place(tmp_path, threads=threads), work=work) == []
    said = (tmp_path / "runs" / "random-seed0" / "done").read_text()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    assert said == f"{threads} {min(threads, cores)} [{min(threads, cores)}]"
    assert {name: os.environ.get(name) for name in THREAD_VARIABLES} == before


def test_what_the_caller_can_mend_ends_it_all(tmp_path: Path, work: Any) -> None:
    (tmp_path / "mend").touch()
    with pytest.raises(InputError, match="mend me"):
        run_all(config_of(), Place(tmp_path), work=work)
    assert "mend me" in (tmp_path / "runs" / "entropy+balance-l2-seed7" / "failure.txt").read_text()


def test_nothing_to_do_starts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("askew.experiment.workers.is_finished", lambda *_: True)
    assert run_all(config_of(), Place(tmp_path), jobs=3) == []
    assert list(tmp_path.iterdir()) == []
