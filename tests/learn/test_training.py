from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from askew.errors import InputError  # noqa: E402
from askew.learn.training import PRESETS, Training  # noqa: E402


@pytest.mark.parametrize("steps_per_epoch", [1, 7])
def test_chapter_3_divides_the_rate_by_5_after_epochs_60_and_80_as_torch_does(steps_per_epoch):
    training = Training.preset("thesis-ch3")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=training.lr)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [60, 80], 0.2)
    steps = training.epochs * steps_per_epoch
    for step in range(steps):
        assert training.lr * training.rate(step, steps) == pytest.approx(schedule.get_last_lr()[0])
        optimizer.step()
        if (step + 1) % steps_per_epoch == 0:
            schedule.step()


def test_chapter_4_and_tiny_imagenet():
    assert [Training.preset("thesis-ch4").rate(s, 100) for s in (59, 60, 80)] == [1, 0.5, 0.25]
    tiny = Training.preset("thesis-ch4-tiny-imagenet")
    assert [tiny.rate(epoch, 30) for epoch in (9, 10, 15, 20, 25)] == [1, 0.5, 0.25, 0.125, 0.0625]
    assert (tiny.epochs, tiny.lr) == (30, 0.01)


def test_one_cycle_rises_for_a_quarter_and_falls_to_zero():
    training = Training(schedule="one-cycle")
    rates = [training.rate(s, 1000) for s in range(1000)]
    assert rates[0] == pytest.approx(0.1)
    assert max(range(1000), key=rates.__getitem__) == 250
    assert rates[250] == 1
    assert rates[-1] < 1e-4
    assert all(a < b for a, b in itertools.pairwise(rates[:251]))


def test_cosine():
    training = Training(schedule="cosine")
    assert [round(training.rate(s, 4), 6) for s in range(4)] == [1, 0.853553, 0.5, 0.146447]


@pytest.mark.parametrize(("n_items", "batch"), [(1000, 100), (400, 40), (60, 16), (1, 16)])
def test_few_items_get_smaller_batches_until_there_are_steps_enough(n_items, batch):
    assert Training(epochs=20, batch=100, min_steps=200).batch_for(n_items) == batch


def test_no_minimum_of_steps_leaves_the_batch():
    assert Training(batch=64).batch_for(3) == 64


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 0},
        {"batch": 1},
        {"lr": 0.0},
        {"lr": float("nan")},
        {"momentum": 1.0},
        {"momentum": 0.0},
        {"weight_decay": -1e-4},
        {"label_smoothing": 1.0},
        {"milestones": (0.8, 0.6)},
        {"milestones": (0.5, 1.0)},
        {"crop_px": -1},
        {"min_steps": -1},
        {"schedule": "onecycle"},
        {"amp": "fp8"},
        {"lr": float("inf")},
        {"lr": "0.1"},
        {"lr": 10**400},
        {"lr": True},
        {"lr": None},
        {"lr": [0.1]},
        {"weight_decay": float("nan")},
        {"weight_decay": np.float32("inf")},
        {"gamma": 0.0},
        {"gamma": float("nan")},
        {"warm_up": 1.0},
        {"label_smoothing": "much"},
        {"momentum": float("nan")},
        {"epochs": True},
        {"epochs": 1.0},
        {"epochs": "20"},
        {"epochs": 10**12},
        {"batch": 32.0},
        {"batch": np.float64(32)},
        {"steps": -1},
        {"steps": np.bool_(True)},
        {"passes": -1.0},
        {"passes": 3.0},
        {"erase": 1.0},
        {"erase": -0.1},
        {"erase": True},
        {"min_steps": 10, "steps": 10},
        {"milestones": "0.5"},
        {"milestones": 0.5},
        {"milestones": ("0.5",)},
        {"milestones": (float("nan"),)},
        {"crop_px": 1.5},
        {"crop_px": "much"},
        {"flip": "yes"},
        {"flip": np.array([True, False])},
        {"flip": 1},
        {"nesterov": "false"},
        {"channels_last": 1},
        {"compile": None},
        {"class_weights": "auto"},
        {"optimizer": "adam"},
        {"optimizer": 1},
        {"schedule": ["cosine"]},
    ],
)
def test_settings_out_of_range_are_named(change):
    with pytest.raises(InputError, match=next(iter(change))) as caught:
        Training(**change)
    assert "\n" not in str(caught.value)


def test_scalars_of_numpy_are_taken_for_pythons():
    given = Training(
        epochs=np.int64(7),
        lr=np.float32(0.5),
        weight_decay=0,
        flip=np.bool_(False),
        milestones=np.array([0.25, 0.5]),
    )
    assert given == Training(epochs=7, lr=0.5, weight_decay=0.0, flip=False, milestones=(0.25, 0.5))
    kinds = [type(v) for v in (given.epochs, given.lr, given.weight_decay, given.flip, given.milestones[0])]
    assert kinds == [int, float, float, bool, float]


@pytest.mark.parametrize(
    ("n_items", "steps"),
    [(1, 100), (60, 100), (500, 100), (501, 110), (1000, 200)],
)
def test_steps_do_not_shrink_with_the_labels_and_grow_once_passes_ask_for_it(n_items, steps):
    training = Training(epochs=10, batch=20, steps=95, passes=4)
    assert training.steps_for(n_items) == steps
    assert training.batch_for(n_items) == 20


def test_without_steps_a_training_has_its_epochs_of_even_batches():
    desk = Training.preset("desk")
    assert [desk.steps_for(n) for n in (1, 60, 200)] == [20, 40, 140]


def test_the_presets_that_published_results_were_made_with_keep_their_numbers():
    thesis = dict(batch=256, lr=0.02, momentum=0.9, weight_decay=5e-4, nesterov=True, schedule="step")
    assert Training.preset("thesis-ch3") == Training(
        epochs=100, milestones=(0.6, 0.8), gamma=0.2, crop_px=4, flip=True, **thesis
    )
    assert Training.preset("thesis-ch4") == Training(
        epochs=100, milestones=(0.6, 0.8), gamma=0.5, crop_px=4, flip=True, **thesis
    )
    desk = dict(epochs=20, batch=32, lr=0.05, momentum=0.9, weight_decay=5e-4, schedule="one-cycle", crop_px=1)
    assert Training.preset("desk") == Training(flip=True, **desk)
    assert Training.preset("digits") == Training(flip=False, **desk)
    assert Training.preset("quick") == Training(
        epochs=10, steps=340, passes=15, batch=16, optimizer="adamw", lr=4e-3, weight_decay=0.05,
        schedule="one-cycle", warm_up=0.1, crop_px="auto", flip="auto",
    )  # fmt: skip
    for name in ("thesis-ch3", "thesis-ch4", "thesis-ch4-tiny-imagenet", "desk", "digits"):
        preset = Training.preset(name)
        assert (preset.optimizer, preset.steps, preset.class_weights) == ("sgd", 0, False)


def test_an_unknown_preset_lists_the_known():
    with pytest.raises(InputError, match="thesis-ch4"):
        Training.preset("thesis")
    assert set(PRESETS) >= {"thesis-ch3", "thesis-ch4", "desk", "digits"}


def test_the_page_on_training_says_what_its_file_holds():
    root = Path(__file__).resolve().parents[2]
    record = json.loads((root / "benchmarks" / "results" / "recipe.json").read_text(encoding="utf-8"))
    page = (root / "docs" / "training.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\w-]+) \| ([\d,]+) \| (.*) \|$", page, flags=re.MULTILINE)
    assert len(rows) >= 16
    for data, labels, shown in rows:
        for recipe, cell in zip(("desk", "practitioner", "quick", "default"), shown.split(" | "), strict=True):
            key = {"data": data, "labels": int(labels.replace(",", "")), "recipe": recipe}
            accuracies = [run["accuracy"] for run in record["runs"] if key.items() <= run.items()]
            assert float(cell.split()[0]) == pytest.approx(100 * np.mean(accuracies), abs=0.051), key


@pytest.mark.parametrize(
    "much",
    [
        {"epochs": 99},
        {"epochs": 10, "min_steps": 5000},
        {"epochs": 1, "batch": 2, "steps": 99},  # two items, the fewest, would be seen 99 times
        {"epochs": 10, "batch": 8, "steps": 20, "passes": 70},  # 80 times
    ],
)
def test_squares_that_would_never_be_erased_are_refused(much):
    with pytest.raises(InputError, match=r"erase \(0.35\) acts only where .* seen 100 times.*drop erase, or train"):
        Training(**much, erase=0.35)
    Training(**much)


@pytest.mark.parametrize(
    "much",
    [
        {"epochs": 100},
        {"epochs": 1, "batch": 2, "steps": 100},
        {"epochs": 10, "batch": 8, "steps": 20, "passes": 100},
    ],
)
def test_squares_that_are_erased_with_the_fewest_items_at_least_are_not_refused(much):
    assert Training(**much, erase=0.35).erase_for(28, 2) == 10
