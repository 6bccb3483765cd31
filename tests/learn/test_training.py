from __future__ import annotations

import itertools

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
    ],
)
def test_settings_out_of_range_are_named(change):
    with pytest.raises(InputError, match=next(iter(change))):
        Training(**change)


def test_an_unknown_preset_lists_the_known():
    with pytest.raises(InputError, match="thesis-ch4"):
        Training.preset("thesis")
    assert set(PRESETS) >= {"thesis-ch3", "thesis-ch4", "desk", "digits"}
