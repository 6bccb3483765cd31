"""`askew run` and `askew report`, end to end on real digits, and what they refuse before they write anything."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from PIL import Image

import askew
from askew.cli import run
from askew.cli.main import main
from askew.experiment.config import ExperimentConfig
from askew.experiment.ledger import Cycle, read_ledger

CONFIG = """
name = "try"
[data]
source = "digits"
pool_items = 300
test_items = 100
[learner]
backbone = "small-convnet"
preset = "digits"
training = { epochs = 4 }
[protocol]
initial = 20
budget = 10
cycles = 3
seeds = 1
full = true
[[strategies]]
strategy = "random"
[[strategies]]
strategy = "bald"
balance = "auto"
[[strategies]]
strategy = "kcenter"
balance = 0.5
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    (folder / "try.toml").write_text(CONFIG)
    assert main(["run", str(folder / "try.toml"), "--out", str(folder / "out"), "--jobs", "1"]) == 0
    return folder


def ledger(folder: Path, label: str) -> Path:
    return folder / "out" / "runs" / f"{label}-seed0" / "ledger.jsonl"


def cycles(folder: Path, label: str) -> tuple[Cycle, ...]:
    return read_ledger(ledger(folder, label))[1]


def test_the_ledger_holds_every_cycle_and_no_item_twice(finished: Path) -> None:
    for label in ("random", "bald+balance", "kcenter+balance"):
        found = cycles(finished, label)
        assert [c.n_labeled for c in found] == [20, 30, 40]
        header, _ = read_ledger(ledger(finished, label))
        asked = [*header.initial, *(item for c in found for item in c.asked)]
        assert len(set(asked)) == len(asked) == 40
        assert all(sum(c.labeled_counts) == c.n_labeled for c in found)
        assert all(0.0 <= c.metrics["accuracy"] <= 1.0 for c in found)


def test_strategies_share_the_initial_set_and_the_first_model(finished: Path) -> None:
    first = [cycles(finished, label)[0] for label in ("random", "bald+balance", "kcenter+balance")]
    assert len({c.labeled_counts for c in first}) == 1
    assert len({c.metrics["accuracy"] for c in first}) == 1


def test_the_balance_is_written_down_with_its_proof(finished: Path) -> None:
    solved = cycles(finished, "bald+balance")[0].balance
    assert solved["objective"] >= solved["bound"]
    assert solved["weight"] in solved["curve"]["weights"]


def test_training_on_everything_is_the_best(finished: Path) -> None:
    full = cycles(finished, "full")
    assert full[0].n_labeled == 300
    assert full[0].metrics["accuracy"] > cycles(finished, "random")[-1].metrics["accuracy"]


def test_the_report_is_one_page_with_no_outside_links(finished: Path) -> None:
    page = (finished / "out" / "report" / "index.html").read_text()
    assert 'src="http' not in page
    assert "bald" in page
    assert main(["report", str(finished / "out"), "--out", str(finished / "elsewhere")]) == 0
    assert (finished / "elsewhere" / "index.html").is_file()


def test_a_finished_experiment_run_again_changes_nothing(finished: Path) -> None:
    ledgers = {p: p.read_bytes() for p in (finished / "out").rglob("ledger.jsonl")}
    assert main(["run", str(finished / "try.toml"), "--out", str(finished / "out"), "--jobs", "1"]) == 0
    assert {p: p.read_bytes() for p in (finished / "out").rglob("ledger.jsonl")} == ledgers


def test_a_dry_run_says_what_would_run_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "try.toml").write_text(CONFIG)
    assert main(["run", "try.toml", "--jobs", "3", "--dry-run"]) == 0
    shown = capsys.readouterr().out
    for words in (
        "try: 4 runs\n",
        "random, bald+balance, kcenter+balance, each with 1 seed (0)\n",
        "3, on 20, 30, 40 labels of a pool of 300\n",
        "also trains on all 300 items, once a seed\n",
        "4, 8 steps; 40 for the whole pool\n",  # 4 epochs of 1, 1, 2 and 10 batches of up to 32
        "on 100 items of digits\n",
        "runs/try (nothing there yet)\n",
        "3 runs, each with 1 thread\n",
        "nothing was written",
    ):
        assert words in shown
    assert " on this machine\n" in shown
    assert sorted(path.name for path in tmp_path.iterdir()) == ["try.toml"]


def test_a_dry_run_says_how_many_pseudo_labels_there_will_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pseudo = '{ models = "one", threshold = 0.05, decay = 0.01 }', "{ share = 0.1 }"
    more = "".join(f'[[strategies]]\nstrategy = "entropy"\npseudo_labels = {one}\n' for one in pseudo)
    (tmp_path / "try.toml").write_text(CONFIG + more)
    assert main(["run", "try.toml", "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert (
        "entropy+ceal: entropy below 0.05, falling by 0.01 a cycle, from the model before; "
        "entropy+two-dispersion-10: 30 items by dispersion, two trainings a cycle\n"
    ) in shown


def test_a_dry_run_of_a_folder_tells_what_is_there_and_leaves_it(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = tmp_path / "there"
    shutil.copytree(finished / "out", there)
    path = there / "runs" / "random-seed0" / "ledger.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:3]))
    shutil.rmtree(there / "runs" / "full-seed0")
    before = {p: p.read_bytes() for p in there.rglob("*") if p.is_file()}
    assert main(["run", str(finished / "try.toml"), "--out", str(there), "--dry-run", "--json"]) == 0
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert {key: found[key] for key in ("runs", "finished", "begun", "label_counts", "pool_items")} == {
        "runs": 4,
        "finished": 2,
        "begun": 1,
        "label_counts": [20, 30, 40],
        "pool_items": 300,
    }
    assert found["seconds"] > 0
    assert shown.err == ""
    other = tmp_path / "other.toml"
    other.write_text(CONFIG.replace("budget = 10", "budget = 11"))
    assert main(["run", str(other), "--out", str(there), "--dry-run"]) == 2
    assert "protocol.budget is 10 there and 11 here" in capsys.readouterr().err
    assert {p: p.read_bytes() for p in there.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("out", ["file", "file/out", "full"])
def test_a_dry_run_refuses_a_folder_that_a_run_would_refuse(
    tmp_path: Path, out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "try.toml").write_text(CONFIG)
    (tmp_path / "file").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    for dry in (["--dry-run"], []):
        assert main(["run", str(tmp_path / "try.toml"), "--out", str(tmp_path / out), *dry]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_a_folder_in_use_is_refused_dry_or_not(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fcntl = pytest.importorskip("fcntl")
    there = tmp_path / "there"
    shutil.copytree(finished / "out", there)
    with open(there / "lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        for dry in (["--dry-run"], []):
            assert main(["run", str(finished / "try.toml"), "--out", str(there), *dry]) == 2
            assert "another askew run works in this folder" in capsys.readouterr().err


def test_run_and_report_print_json_that_agrees_with_the_ledgers(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = finished / "out"
    assert main(["run", str(finished / "try.toml"), "--out", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert found["page"] == str(out / "report" / "index.html")
    assert (found["name"], found["metric"], found["failed"], found["unfinished"]) == ("try", "accuracy", [], [])
    assert [one["label"] for one in found["strategies"]] == ["random", "bald+balance", "kcenter+balance"]
    for one in found["strategies"]:
        measured = [c.metrics["accuracy"] for c in cycles(finished, one["label"])]
        assert (one["n_labeled"], one["seeds"], one["values"]) == ([20, 30, 40], [0], [measured])
        assert one["mean"] == pytest.approx(measured)
        assert one["std"] == [None] * 3  # of one seed there is none
    assert found["full"]["values"] == [[cycles(finished, "full")[0].metrics["accuracy"]]]
    assert found["headline"]["sentence"] == "One seed: no error bar, so no claim."
    assert found["headline"]["claims"] is False
    elsewhere = tmp_path / "elsewhere"
    assert main(["report", str(out), "--out", str(elsewhere), "--json"]) == 0
    again = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert again == {**found, "page": str(elsewhere / "index.html")}
    assert (elsewhere / "index.html").is_file()


def test_every_key_of_the_json_is_in_the_docs(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "reports.md").read_text(encoding="utf-8")
    assert main(["report", str(finished / "out"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    balanced = found["strategies"][1]
    keys = {*found, *found["headline"], *balanced, *balanced["over_random"], *balanced["savings"][0]}
    assert main(["run", str(finished / "try.toml"), "--out", str(finished / "out"), "--dry-run", "--json"]) == 0
    keys |= set(json.loads(capsys.readouterr().out))
    assert {key for key in keys if f"`{key}`" not in page} == set()


def test_presets_are_listed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {"name", "about", "scales"} == set(listed[0])
    scales = {one["name"]: one["scales"] for one in listed}
    assert scales["digits"] == []
    assert scales["table-3.1"] == scales["figure-3.6"] == ["full", "desk"]
    assert "digits" in [one["name"] for one in listed]


DESK = (
    CONFIG
    + """
[desk.protocol]
cycles = 2
[desk.data]
pool_items = 100
"""
)


def test_the_first_line_says_the_scale_and_each_scale_has_its_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "try.toml").write_text(DESK)
    assert main(["run", "try.toml", "--dry-run"]) == 0
    desk = capsys.readouterr().out.splitlines()
    assert desk[0] == "try.toml: at desk scale, which is smaller than the whole protocol; --scale full runs that"
    assert "2, on 20, 30 labels of a pool of 100" in "\n".join(desk)
    assert str(Path("runs") / "try-desk") in "\n".join(desk)
    assert main(["run", "try.toml", "--scale", "full", "--dry-run", "--json"]) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert (found["name"], found["out"]) == ("try-full", str(Path("runs") / "try-full"))
    assert (found["pool_items"], found["label_counts"]) == (300, [20, 30, 40])
    assert said.err.splitlines()[0] == "try.toml: the whole protocol; --scale desk is smaller"


def test_a_scale_that_there_is_not_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "try.toml").write_text(CONFIG)
    assert main(["run", str(tmp_path / "try.toml"), "--scale", "desk", "--dry-run"]) == 2
    assert "has one scale only, since it has no [desk]: leave it out" in capsys.readouterr().err
    assert main(["run", "cifar10-dispersion"]) == 2
    assert capsys.readouterr().err == (
        "askew: cifar10-dispersion: is another preset now: askew run table-3.1 --scale full\n"
    )


def test_an_experiment_in_which_every_run_failed_says_so_and_exits_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from askew.experiment import workers
    from askew.experiment.grid import jobs_of

    def all_fail(config: Any, place: Any, **_: Any) -> list[Any]:
        for job in jobs_of(config):
            (place.out / job.folder).mkdir(parents=True)
            (place.out / job.folder / "failure.txt").write_text("Traceback\nRuntimeError: a defect\n")
        return jobs_of(config)

    monkeypatch.setattr(workers, "run_all", all_fail)
    (tmp_path / "small.toml").write_text(SMALL)
    command = ["run", str(tmp_path / "small.toml"), "--out", str(tmp_path / "out")]
    assert main(command) == 1
    shown = capsys.readouterr()
    assert shown.out == "report: none, since no strategy has finished a cycle\n"
    assert shown.err.count("RuntimeError: a defect") == 4
    assert main([*command, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["page"], found["strategies"]) == (None, [])
    assert [(one["label"], one["seed"], one["reason"]) for one in found["failed"]] == [
        (label, seed, "RuntimeError: a defect") for label in ("entropy", "kcenter") for seed in (0, 1)
    ]


def test_another_experiments_folder_is_refused(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = finished / "other.toml"
    other.write_text(CONFIG.replace("budget = 10", "budget = 11"))
    before = {p: p.read_bytes() for p in (finished / "out").rglob("*") if p.is_file()}
    assert main(["run", str(other), "--out", str(finished / "out")]) == 2
    assert "other settings: protocol.budget is 10 there and 11 here: choose" in capsys.readouterr().err
    assert {p: p.read_bytes() for p in (finished / "out").rglob("*") if p.is_file()} == before


BAD = {
    "misspelt key": (CONFIG.replace("budget", "budgett"), "budgett"),
    "unknown strategy": (CONFIG.replace('"random"', '"randam"'), "did you mean 'random'"),
    "too many labels": (CONFIG.replace("budget = 10", "budget = 200"), "420 labels"),
    "unknown dataset": (CONFIG.replace('"digits"\npool', '"digit"\npool'), "digit"),
    "unknown preset": (CONFIG.replace('preset = "digits"', 'preset = "digitz"'), "digitz"),
    "training key": (CONFIG.replace("epochs", "epochz"), "epochz"),
    "text for a training's number": (
        CONFIG.replace("epochs = 4", 'epochs = "ten"'),
        "learner.training: epochs must be a whole number, got 'ten'",
    ),
    "list for a training's number": (CONFIG.replace("epochs = 4", "lr = [0.1]"), "lr must be a number, got [0.1]"),
    "words for a training's list": (
        CONFIG.replace("epochs = 4", 'milestones = ["late"]'),
        "learner.training: milestones must be a number, got 'late'",
    ),
    "one bracket": (
        CONFIG[: CONFIG.index("[[")] + '[strategies]\nstrategy = "random"',
        "strategies: expected a list: write [[strategies]] with two brackets",
    ),
    "erase that never acts": (CONFIG.replace("epochs = 4", "erase = 0.3"), "learner.training: erase (0.3) acts only"),
    "pool too large": (CONFIG.replace("pool_items = 300", "pool_items = 3000"), "3000"),
    "estimator": (CONFIG.replace("[learner]", '[learner]\nestimator = "sklearn.nothing.At"'), "sklearn.nothing.At"),
    "estimator needs": (
        CONFIG.replace("[learner]", '[learner]\nestimator = "sklearn.linear_model.LogisticRegression"'),
        "bald needs draws",
    ),
    "stranger": (CONFIG.replace("[learner]", '[learner]\nestimator = "os.system"'), "--trust-estimator"),
    "text for a number": (CONFIG.replace("budget = 10", 'budget = "10"'), "protocol.budget"),
    "evil name": (CONFIG.replace('"try"', '"../../evil"'), "../../evil"),
    "initial set of a long tail": (
        CONFIG.replace("test_items = 100", "test_items = 100\nlong_tail = { imbalance = 0.1 }")
        .replace("initial = 20", 'initial = 290\ninitial_set = "uniform"')
        .replace("budget = 10", "budget = 1"),
        "start with fewer",
    ),
    "dataset that is not here": (
        CONFIG.replace('"digits"\npool', '"cifar10"\npool'),
        "add --download",
    ),
    "target": (CONFIG.replace("balance = 0.5", "balance = 0.5\ntarget = [0.5, 0.5]"), "2 classes"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_experiment_is_one_line_and_nothing_is_written(
    tmp_path: Path, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text, words = BAD[case]
    (tmp_path / "bad.toml").write_text(text)
    assert main(["run", str(tmp_path / "bad.toml"), "--out", str(tmp_path / "out")]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("askew: ")
    assert shown.count("\n") == 1
    assert words in shown
    assert not (tmp_path / "out").exists()


def test_pretrained_weights_without_a_network_are_one_line(tmp_path: Path) -> None:
    """In a process of its own, with a limit of time: nothing that the hub's client does can hold up the suite."""
    (tmp_path / "pre.toml").write_text(CONFIG.replace('"small-convnet"', '"resnet18"\npretrained = true'))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        hub = f"http://127.0.0.1:{taken.getsockname()[1]}"
    plain = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    environment = {
        **{key: value for key, value in plain.items() if key != "HF_HUB_OFFLINE"},
        "PYTHONPATH": str(Path(askew.__file__).parents[1]),
        "HF_ENDPOINT": hub,
        "HF_HOME": str(tmp_path / "hub"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "askew.cli.main", "run", "pre.toml", "--out", "out"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "askew: pretrained: timm's weights of resnet18 are not on this machine, and 127.0.0.1 cannot be reached "
        '(Connection refused): download them elsewhere and give the file, pretrained = "FILE"\n'
    )
    assert not (tmp_path / "out").exists()


def test_the_reason_of_a_failure_is_said(tmp_path: Path) -> None:
    from askew.experiment.grid import Job, failure

    job = Job("random", 1)
    (tmp_path / job.folder).mkdir(parents=True)
    (tmp_path / job.folder / "failure.txt").write_text("Traceback …\n  at x\nOutOfMemoryError: 9 GB\n")
    assert failure(tmp_path, job) == (
        f"random seed 1 failed: OutOfMemoryError: 9 GB (all of it: {tmp_path / job.folder / 'failure.txt'})"
    )


def test_the_time_left_counts_no_cycle_of_a_failed_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from askew.cli.screen import Screen
    from askew.experiment.config import parse
    from askew.experiment.grid import jobs_of
    from askew.experiment.loop import Progress
    from askew.experiment.study import tomllib

    config = parse(tomllib.loads(SMALL), "small")
    jobs = jobs_of(config)
    with Screen(config, jobs, tmp_path) as screen:
        screen.watch(Progress("entropy", 0, 0, 3, "fit", 20))
        screen.done(jobs[0])
        assert "time left unknown until a cycle ends" in capsys.readouterr().err
        for job in jobs[1:]:
            for cycle in range(3):
                screen.watch(Progress(job.label, job.seed, cycle, 3, "done", 20 + 5 * cycle))
            screen.done(job)
    assert capsys.readouterr().err.splitlines()[-1] == "4/4 kcenter seed 1: 30 labels; about 0:00 left"


def make_pictures(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for label, level in (("dark", 40), ("light", 200)):
        (folder / label).mkdir(parents=True)
        for i in range(30):
            noise = rng.integers(-30, 30, (12, 14, 3))
            Image.fromarray((level + noise).clip(0, 255).astype(np.uint8)).save(folder / label / f"{i}.png")


FOLDER = """
name = "folder"
[data]
source = "SOURCE"
image_side_px = 16
[learner]
training = { epochs = 3 }
[protocol]
initial = 6
budget = 4
cycles = 2
seeds = 1
[[strategies]]
strategy = "margin"
"""


def test_an_image_folder_works_and_an_unreadable_picture_is_named_or_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_pictures(tmp_path / "pictures")
    broken = tmp_path / "pictures" / "dark" / "7.png"
    broken.write_bytes(broken.read_bytes()[:100])
    config = tmp_path / "folder.toml"
    config.write_text(FOLDER.replace("SOURCE", str(tmp_path / "pictures")))
    arguments = ["run", str(config), "--out", str(tmp_path / "out"), "--jobs", "1"]
    assert main(arguments) == 2
    shown = capsys.readouterr().err
    assert str(broken) in shown
    assert shown.count("\n") == 1
    assert not (tmp_path / "out").exists()
    assert main([*arguments, "--skip-unreadable"]) == 0
    assert str(broken) in capsys.readouterr().err
    assert json.loads((tmp_path / "out" / "experiment.json").read_text())["unreadable"] == [str(broken)]


def test_any_estimator_works_in_place_of_a_network(tmp_path: Path) -> None:
    text = FOLDER.replace("SOURCE", "digits").replace("image_side_px = 16\n", "pool_items = 200\n")
    text = text.replace(
        "training = { epochs = 3 }",
        'estimator = "sklearn.linear_model.LogisticRegression"\nparameters = { max_iter = 500 }',
    ).replace("initial = 6", "initial = 40")
    (tmp_path / "lr.toml").write_text(text)
    assert main(["run", str(tmp_path / "lr.toml"), "--out", str(tmp_path / "out"), "--jobs", "1"]) == 0
    assert cycles(tmp_path, "margin")[-1].metrics["accuracy"] > 0.5


SMALL = """
name = "small"
[data]
source = "digits"
pool_items = 150
test_items = 60
[learner]
preset = "digits"
training = { epochs = 2 }
[protocol]
initial = 20
budget = 5
cycles = 3
seeds = 2
[[strategies]]
strategy = "entropy"
[[strategies]]
strategy = "kcenter"
"""


def told(out: Path) -> dict[str, list[tuple]]:
    """What a ledger says, without the seconds."""
    return {
        path.parent.name: [(c.asked, c.asked_labels, dict(c.metrics)) for c in read_ledger(path)[1]]
        for path in sorted(out.glob("runs/*/ledger.jsonl"))
    }


def failures(out: Path) -> list[str]:
    """Why runs failed; one whose worker was killed twice, as by a machine without memory, says so."""
    return [path.read_text() for path in out.glob("runs/*/failure.txt")]


def cut(out: Path, lines: int) -> None:
    """Leaves the first lines of each ledger, as a run that was stopped there."""
    for path in out.glob("runs/*/ledger.jsonl"):
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:lines]))


def test_jobs_change_nothing_and_threads_are_the_folders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    config, out = tmp_path / "small.toml", tmp_path / "out"
    config.write_text(SMALL)
    command = ["run", str(config), "--out", str(out)]
    assert main([*command, "--jobs", "1"]) == 0, failures(out)
    whole = told(out)
    assert [len(cycles) for cycles in whole.values()] == [3] * 4
    assert {read_ledger(path)[0].threads for path in out.glob("runs/*/ledger.jsonl")} == {1}
    for lines in (1, 4):
        cut(out, lines)
        assert main([*command, "--jobs", "2"]) == 0, failures(out)
        assert told(out) == whole
    capsys.readouterr()
    assert main([*command, "--threads", "2"]) == 2
    shown = capsys.readouterr().err
    assert "compute with 1 thread, not 2" in shown
    assert shown.count("\n") == 1
    assert main([*command, "--threads", "0"]) == 2


def test_an_edited_ledger_is_refused_by_run_and_report(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = ledger(finished, "random")
    whole = path.read_bytes()
    item = read_ledger(path)[1][0].asked[0]
    path.write_bytes(whole.replace(f'"asked":[{item},'.encode(), f'"asked":[{(item + 1) % 300},'.encode(), 1))
    capsys.readouterr()
    for command in (
        ["run", str(finished / "try.toml"), "--out", str(finished / "out")],
        ["report", str(finished / "out"), "--out", str(finished / "refused")],
    ):
        assert main(command) == 2
        shown = capsys.readouterr().err
        assert "line 2: its check does not fit" in shown.splitlines()[-1]
    path.write_bytes(whole)
    assert not (finished / "refused").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["run", "a.toml", "--seeds", "3"],
            "unrecognized arguments: --seeds 3: seeds is in [protocol] of the TOML file",
        ),
        (["run", "a.toml", "-j", "2"], "unrecognized arguments: -j 2: did you mean --jobs?"),
        (["run", "a.toml", "--job-s=2"], "unrecognized arguments: --job-s=2: did you mean --jobs?"),
        (["run", "a.toml", "b.toml"], "unrecognized arguments: b.toml"),
        (["video", "errors", "v.mp4", "--detections", "d.txt", "--zzz"], "unrecognized arguments: --zzz"),
    ],
)
def test_an_option_that_is_none_is_told_where_it_belongs_and_whose_help_to_read(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = "askew video errors" if arguments[0] == "video" else "askew run"
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"{command}: {words} (see {command} --help)\n"


def test_the_settings_that_run_looks_for_in_the_file_are_there() -> None:
    for section, keys in run.IN_THE_FILE.items():
        there = set(ExperimentConfig.model_fields[section].annotation.model_fields)  # type: ignore[union-attr]
        assert set(keys) <= there


def test_report_of_a_toml_file_says_what_it_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "my.toml"
    path.write_text("")
    assert main(["report", str(path)]) == 2
    said = capsys.readouterr().err
    assert "askew report takes the folder of an experiment's results" in said
    assert f"which `askew run {path}` makes" in said
