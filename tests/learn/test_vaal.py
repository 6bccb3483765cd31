"""VAAL's networks: losses by hand and by torch's own, who is told from whom, sizes, seeds."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
import torch.nn.functional as F  # noqa: E402
from PIL import Image  # noqa: E402

from askew.data.dataset import Images  # noqa: E402
from askew.errors import InputError  # noqa: E402
from askew.learn import vaal  # noqa: E402
from askew.learn.device import seeded  # noqa: E402
from askew.learn.vaal import LabeledLikeness, _batches, _Pair, labeled_likeness, small_feed  # noqa: E402
from askew.learn.vaal_settings import PRESETS, VaalSettings  # noqa: E402
from askew.learn.vae import Autoencoder, Discriminator, autoencoding, divergence, fooling, telling_apart  # noqa: E402
from askew.pool import Pool  # noqa: E402

CPU = torch.device("cpu")
SMALL = VaalSettings(iterations=4, batch=8, width=4, hidden=16, latent=4)


def clusters(n=60, side=12):
    """Two kinds of pictures, bright on the left and bright on the right; the first of the left ones are labelled."""
    rng = np.random.default_rng(0)
    kind = np.arange(n) % 2
    pixels = rng.integers(0, 80, (n, side, side, 1), dtype=np.uint8)
    pixels[kind == 0, :, : side // 2] += 120
    pixels[kind == 1, :, side // 2 :] += 120
    labels = np.where((kind == 0) & (np.arange(n) < n // 2), 0, -1)
    return pixels, labels, kind


def auroc(scores, positive):
    """How often a positive is above a negative, pair by pair."""
    high, low = scores[positive][:, None], scores[~positive][None]
    return float(((high > low) + 0.5 * (high == low)).mean())


def test_the_divergence_is_that_of_two_normal_distributions():
    generator = torch.Generator().manual_seed(0)
    mean, log_variance = torch.randn(2, 5, 3, generator=generator)
    latent = torch.distributions.Normal(mean, (log_variance / 2).exp())
    closed = torch.distributions.kl_divergence(latent, torch.distributions.Normal(0.0, 1.0)).sum(1)
    assert torch.allclose(divergence(mean, log_variance), closed, atol=1e-6)
    assert divergence(torch.zeros(2, 3), torch.zeros(2, 3)).tolist() == [0.0, 0.0]


def test_the_losses_of_the_autoencoder_by_hand():
    """Two pictures of 2 × 1 pixels, errors 1, 1 and 0, 3; divergences 2 and ½."""
    x, decoded = torch.zeros(2, 1, 2, 1), torch.tensor([[[[1.0], [-1.0]]], [[[0.0], [3.0]]]])
    mean, log_variance = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.zeros(2, 2)
    elbo = autoencoding(x, decoded, mean, log_variance, VaalSettings(beta=3.0))
    assert float(elbo) == pytest.approx(((2 / 2 + 3 * 2.0) + (9 / 2 + 3 * 0.5)) / 2)
    authors = autoencoding(x, decoded, mean, log_variance, VaalSettings(beta=3.0, loss="authors"))
    assert float(authors) == pytest.approx(11 / 4 + 3 * 2.5)


def test_the_adversaries_losses_are_cross_entropies():
    labeled, unlabeled = torch.tensor([0.0, 2.0, -1.0]), torch.tensor([0.5, -40.0])
    ones, zeros, cross = torch.ones_like, torch.zeros_like, F.binary_cross_entropy_with_logits
    wanted = cross(labeled, ones(labeled)) + cross(unlabeled, zeros(unlabeled))
    assert float(telling_apart(labeled, unlabeled)) == pytest.approx(float(wanted))
    wanted = cross(labeled, ones(labeled)) + cross(unlabeled, ones(unlabeled))
    assert float(fooling(labeled, unlabeled)) == pytest.approx(float(wanted))
    assert float(fooling(torch.zeros(3), torch.zeros(1))) == pytest.approx(2 * np.log(2))


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (32, 32, 3), (64, 64, 3), (7, 7, 3), (1, 1, 1), (13, 30, 3)])
def test_pictures_of_any_size_come_back_in_their_size(shape):
    autoencoder = Autoencoder(shape, SMALL)
    x = torch.randn(3, shape[2], *shape[:2])
    mean, log_variance = autoencoder.encode(x)
    assert mean.shape == log_variance.shape == (3, SMALL.latent)
    assert autoencoder.decode(mean).shape == x.shape
    assert Discriminator(SMALL)(mean).shape == (3,)


def test_on_cifar_the_networks_of_the_thesis_have_the_papers_layers():
    settings = PRESETS["thesis"]
    autoencoder, discriminator = Autoencoder((32, 32, 3), settings), Discriminator(settings)
    layers = [one for one in autoencoder.body if isinstance(one, torch.nn.Conv2d)]
    assert [one.out_channels for one in layers] == [128, 256, 512, 1024]
    assert (autoencoder.mean.in_features, autoencoder.mean.out_features) == (1024 * 2 * 2, 32)
    assert [one.out_features for one in discriminator if isinstance(one, torch.nn.Linear)] == [512] * 4 + [1]


def test_the_autoencoder_learns_to_decode():
    pixels, _, _ = clusters()
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 64 - 1.5
    settings = VaalSettings(width=8, latent=4, adversary=0.0, lr=1e-2)
    with seeded(CPU, 0):
        pair = _Pair((12, 12, 1), settings, CPU)
    noise = torch.Generator().manual_seed(0)

    def error():
        autoencoder = pair._autoencoder
        with torch.no_grad():
            return float((autoencoder.decode(autoencoder.encode(x)[0]) - x).square().mean())

    before = error()
    for _ in range(30):
        pair.autoencode(x, 30, noise)
    assert error() < 0.4 * before
    assert error() < float(x.var()) * 0.4  # better than one gray for all pixels


def test_each_step_moves_one_network_and_the_adversary_makes_all_look_labelled():
    pixels, _, kind = clusters()
    order = np.argsort(kind, kind="stable")
    x = torch.from_numpy(pixels[order]).permute(0, 3, 1, 2).float() / 64 - 1.5
    with seeded(CPU, 0):
        pair = _Pair((12, 12, 1), VaalSettings(width=4, hidden=16, latent=4, beta=0.0, adversary=1e4, lr=5e-3), CPU)
    noise = torch.Generator().manual_seed(0)

    def weights():
        return [
            torch.cat([p.flatten() for p in net.parameters()]).clone()
            for net in (pair._autoencoder, pair._discriminator)
        ]

    def told():
        with torch.no_grad():
            return float(pair._discriminator(pair._autoencoder.encode(x)[0])[30:].mean())

    before = weights()
    for _ in range(40):
        pair.discriminate(x, 30)
    between = weights()
    assert torch.equal(between[0], before[0])
    assert not torch.equal(between[1], before[1])
    unlabeled = told()
    for _ in range(20):
        pair.autoencode(x, 30, noise)
    after = weights()
    assert not torch.equal(after[0], between[0])
    assert torch.equal(after[1], between[1])
    assert told() > unlabeled + 0.1


def test_pictures_like_the_labelled_ones_are_told_from_others():
    """Of the unlabelled ones nobody said which are which."""
    pixels, labels, kind = clusters(120)
    settings = VaalSettings(iterations=80, batch=32, width=8, hidden=32, latent=8)
    told = []
    u = labeled_likeness(pixels, labels, settings=settings, device="cpu", progress=told.append)
    others = labels < 0
    assert (u.dtype, u.shape) == (np.float32, (120,))
    assert (u >= 0).all()
    assert (u <= 1).all()
    assert auroc(u[others], kind[others] == 0) > 0.95
    assert told == [pytest.approx((step + 1) / 80) for step in range(80)]


def test_by_the_authors_loss_the_latents_collapse_and_all_look_alike():
    """The divergence of a whole batch outweighs the error of a mean pixel: it is what their code minimises, no more."""
    pixels, labels, _ = clusters(120)
    settings = VaalSettings(iterations=40, batch=32, width=8, hidden=32, latent=8, loss="authors")
    assert np.ptp(labeled_likeness(pixels, labels, settings=settings, device="cpu")) < 0.02


def test_the_same_seed_gives_the_same_bytes_whatever_ran_before_and_nothing_global_changes():
    pixels, labels, _ = clusters()
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002
    first = labeled_likeness(pixels, labels, settings=SMALL, seed=3, device="cpu")
    other = labeled_likeness(pixels, labels, settings=SMALL, seed=4, device="cpu")
    assert labeled_likeness(pixels, labels, settings=SMALL, seed=3, device="cpu").tobytes() == first.tobytes()
    assert not np.array_equal(first, other)
    after = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]


def test_which_class_a_picture_has_plays_no_part_and_names_will_do():
    pixels, labels, _ = clusters()
    wanted = labeled_likeness(pixels, labels, settings=SMALL, device="cpu")
    others = np.where(labels < 0, -1, np.arange(len(labels)) % 7)
    named = ["left" if label >= 0 else None for label in labels]
    for same in (others, named, Pool(labels)):
        assert np.array_equal(labeled_likeness(pixels, same, settings=SMALL, device="cpu"), wanted)
    brought = Images(labels, pixels)
    assert np.array_equal(labeled_likeness(brought, settings=SMALL, device="cpu"), wanted)


def test_batches_hold_labelled_items_first_and_go_through_all_of_them():
    pool = Pool(np.where(np.arange(23) % 4 == 0, 1, -1))  # 6 labelled, 17 not
    settings = VaalSettings(iterations=17, vae_steps=2, batch=8)
    batches = list(_batches(pool, settings, torch.Generator().manual_seed(0)))
    assert [len(batch) for batch in batches] == [6 + 8] * 34
    labeled, others = (torch.cat([batch[part] for batch in batches]) for part in (slice(6), slice(6, None)))
    assert torch.bincount(labeled, minlength=23)[pool.labeled].tolist() == [34] * 6
    assert torch.bincount(others, minlength=23)[pool.unlabeled].tolist() == [16] * 17  # 34 · 8 / 17
    assert len({tuple(batch.tolist()) for batch in batches}) > 30


def test_large_pictures_are_averaged_down_and_small_ones_stay():
    pixels = np.zeros((700, 8, 12, 1), dtype=np.uint8)
    pixels[:, :2, :2, 0] = [[10, 20], [30, 41]]
    images = Images(np.zeros(700, dtype=int), pixels)
    small = small_feed(images, VaalSettings(side_px=4), CPU).images.pixels
    assert small.shape == (700, 4, 6, 1)
    assert small[699, 0, 0, 0] == 25  # of 25.25
    assert not small[:, 1:].any()
    assert small_feed(images, VaalSettings(side_px=8), CPU).images is images


def test_files_are_read_at_the_side_that_is_looked_at(tmp_path: Path):
    pixels, labels, _ = clusters(12, side=24)
    for number, one in enumerate(pixels):
        Image.fromarray(np.repeat(one, 3, axis=2)).save(tmp_path / f"{number}.png")
    paths = tuple(tmp_path / f"{number}.png" for number in range(12))
    settings = VaalSettings(iterations=2, batch=4, width=4, side_px=8)
    images = Images(labels, paths=paths, side_px=24)
    assert small_feed(images, settings, CPU).images.shape == (8, 8, 3)
    assert np.isfinite(labeled_likeness(images, settings=settings, device="cpu")).all()


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.full(20, -1), "labels: no labelled picture"),
        (np.zeros(20, dtype=int), "labels: no unlabelled picture"),
        (np.zeros(3, dtype=int), "labels: 3 for 20 pictures"),
    ],
)
def test_a_pool_in_which_nothing_can_be_told_apart_is_refused(labels, words):
    with pytest.raises(InputError, match=words):
        labeled_likeness(clusters(20)[0], labels, settings=SMALL, device="cpu")


def test_one_labelled_and_one_unlabelled_picture_are_enough():
    found = labeled_likeness(clusters(2)[0], [0, -1], settings=SMALL, device="cpu")
    assert np.isfinite(found).all()


def test_a_training_that_blows_up_is_said_in_one_line():
    pixels, labels, _ = clusters()
    with pytest.raises(InputError, match="vaal: the networks are no longer finite after 4 iterations: lower lr"):
        labeled_likeness(pixels, labels, settings=VaalSettings(iterations=4, batch=8, width=4, lr=1e30), device="cpu")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"iterations": 0}, "iterations: expected a whole number from 1, got 0"),
        ({"batch": 2.5}, "batch: expected a whole number from 1, got 2.5"),
        ({"lr": 0}, "lr: expected a number above 0, got 0"),
        ({"beta": -1.0}, "beta: expected a number from 0, got -1.0"),
        ({"adversary": float("nan")}, "adversary: expected a number from 0, got nan"),
        ({"loss": "mse"}, "unknown loss 'mse'"),
    ],
)
def test_settings_out_of_range_are_refused(settings, words):
    with pytest.raises(InputError, match=words):
        VaalSettings(**settings)


def test_a_preset_that_there_is_not_is_refused():
    with pytest.raises(InputError, match=r"preset of vaal.*desk"):
        labeled_likeness(clusters(4)[0], [0, -1, -1, 0], settings="dsk")


def test_a_pool_is_brought_to_size_once_and_nothing_is_trained_where_nothing_is_unlabelled(monkeypatch):
    pixels, labels, _ = clusters()
    made = []
    monkeypatch.setattr(vaal, "small_feed", lambda *given: made.append(1) or small_feed(*given))
    likeness = LabeledLikeness(Images(labels, pixels), SMALL, "cpu")
    assert np.isnan(likeness(Pool(np.zeros(60, dtype=int)), seed=0)).all()
    assert made == []
    found = likeness(Pool(labels), seed=5)
    assert likeness(Pool(labels), seed=5).tobytes() == found.tobytes()
    assert made == [1]
    assert np.isnan(found[labels >= 0]).all()
    whole = labeled_likeness(pixels, labels, settings=SMALL, seed=5, device="cpu")
    assert np.array_equal(found[labels < 0], whole[labels < 0])
