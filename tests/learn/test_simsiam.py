"""SimSiam: its loss by hand, views against torchvision, collapse that is caught, runs that go on bit by bit."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("timm")

import torch
import torchvision.transforms.v2.functional as reference
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from askew.data.dataset import Images
from askew.data.load import load
from askew.errors import DataNotFound, InputError
from askew.learn import pretraining, simsiam_file
from askew.learn.features import features
from askew.learn.pretraining import pretrain
from askew.learn.simsiam import Settings, SimSiam, knn_accuracy, loss_of, spread
from askew.learn.views import Draw, ViewSettings, _contrast, _saturation, blur, crop, gray, turn_hue, view

SMALL = Settings(epochs=3, batch=20, lr=0.1, width=16, hidden=8)


def rand(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def draws(count, shape=(32, 32), seed=0, settings=None):
    return Draw.of(count, shape, settings or ViewSettings(), torch.Generator().manual_seed(seed))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ASKEW_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def few():
    return load("digits").train.take(np.arange(50))


def trained(few, path, settings=SMALL, **more):
    return pretrain(few, path, backbone="small-convnet", settings=settings, device="cpu", **more)


# loss, spread, neighbours


def test_the_loss_is_the_mean_cosine_by_hand():
    p, z = [(rand(5, 3, seed=s), rand(5, 3, seed=s + 1)) for s in (0, 2)]

    def d(a, b):
        return -np.mean(
            [x @ y / np.linalg.norm(x) / np.linalg.norm(y) for x, y in zip(a.numpy(), b.numpy(), strict=True)]
        )

    assert float(loss_of(p, z)) == pytest.approx(d(p[0], z[1]) / 2 + d(p[1], z[0]) / 2, abs=1e-6)


@pytest.mark.parametrize("stop", [True, False])
def test_no_gradient_goes_into_z(stop):
    p, z = [tuple(rand(5, 3, seed=s + i).requires_grad_() for i in range(2)) for s in (0, 2)]
    loss_of(p, z, stop_gradient=stop).backward()
    assert all(float(one.grad.abs().max()) > 0 for one in p)
    assert all((one.grad is None) == stop for one in z)


def test_the_spread_is_one_for_noise_and_nothing_for_one_point():
    noise = torch.randn(4_000, 64, generator=torch.Generator().manual_seed(0))
    assert float(spread(noise)) == pytest.approx(1, abs=0.02)
    assert float(spread(noise * 1e-4 + 1)) < 0.01
    by_hand = (noise / noise.norm(dim=1, keepdim=True)).numpy().std(axis=0).mean() * 8
    assert float(spread(noise)) == pytest.approx(by_hand, abs=1e-5)


@pytest.mark.parametrize("alone", [True, False])
def test_neighbours_vote_as_in_plain_python(alone):
    bank, labels = rand(60, 4).sub(0.5), torch.arange(60) % 3
    bank[:, 0] += labels
    asked, truth = (bank, labels) if alone else (rand(30, 4, seed=1).sub(0.5), torch.arange(30) % 3)
    right = 0
    for i, (one, wanted) in enumerate(zip(asked.tolist(), truth.tolist(), strict=True)):
        near = []
        for j, (other, label) in enumerate(zip(bank.tolist(), labels.tolist(), strict=True)):
            if not (alone and i == j):
                dot = sum(a * b for a, b in zip(one, other, strict=True))
                near.append((dot / math.hypot(*one) / math.hypot(*other), label))
        votes = [0.0] * 3
        for cosine, label in sorted(near, reverse=True)[:20]:
            votes[label] += math.exp(cosine / 0.1)
        right += votes.index(max(votes)) == wanted
    found = knn_accuracy(bank, labels) if alone else knn_accuracy(bank, labels, asked, truth)
    assert found == pytest.approx(right / len(asked))


# views


def test_colours_and_blur_are_torchvisions():
    x, amount = rand(6, 3, 20, 24), torch.tensor([0.1, 0.5, 1, 1.5, 2, 0.7])
    turns = amount / 4 - 0.25

    def each(function, amounts):
        return torch.stack([function(one, a) for one, a in zip(x, amounts.tolist(), strict=True)])

    assert torch.allclose(turn_hue(x, turns), each(reference.adjust_hue, turns), atol=1e-5)
    assert torch.allclose(_contrast(x, amount), each(reference.adjust_contrast, amount), atol=1e-3)
    assert torch.allclose(_saturation(x, amount), each(reference.adjust_saturation, amount), atol=1e-3)
    assert torch.allclose(gray(x)[:, :1], reference.rgb_to_grayscale(x), atol=1e-3)
    blurred = each(lambda one, s: reference.gaussian_blur(one, [2 * math.ceil(3 * s) + 1] * 2, [s, s]), amount)
    assert torch.allclose(blur(x, amount), blurred, atol=1e-5)


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_window_is_torchvisions_but_for_its_border(mirrored):
    x = rand(1, 3, 32, 40)
    window = torch.tensor([[(8 + 16 / 2) / 40, (4 + 20 / 2) / 32, 16 / 40, 20 / 32]])
    wanted = reference.resized_crop(x, 4, 8, 20, 16, [32, 40], antialias=False)
    found = crop(x, window, torch.tensor([mirrored]))
    found = found.flip(3) if mirrored else found
    assert torch.allclose(found[..., 3:-3, 3:-3], wanted[..., 3:-3, 3:-3], atol=1e-5)


@pytest.mark.parametrize("shape", [(32, 32), (40, 64)])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_picture_has_its_own_view_within_range(shape, channels):
    one = rand(1, channels, *shape)
    found = view(one.expand(40, -1, -1, -1), draws(40, shape))
    assert found.shape == (40, channels, *shape)
    assert float(found.min()) >= 0
    assert float(found.max()) <= 1
    assert len({picture.numpy().tobytes() for picture in found}) == 40
    assert torch.equal(found, view(one.expand(40, -1, -1, -1), draws(40, shape)))
    assert not torch.equal(found, view(one.expand(40, -1, -1, -1), draws(40, shape, seed=1)))


def test_a_view_is_the_same_alone_as_in_a_batch():
    x, draw = rand(12, 3, 40, 40), draws(12, (40, 40))
    assert bool(draw.blurred.any())
    together = view(x, draw)
    for i in range(12):
        alone = Draw(*(getattr(draw, name)[i : i + 1] for name in draw.__dataclass_fields__))
        assert torch.allclose(view(x[i : i + 1], alone)[0], together[i], atol=1e-5)


def test_the_draw_has_the_shares_and_areas_that_are_asked_for():
    draw = draws(20_000, (48, 64))
    for name, share in (("mirrored", 0.5), ("jittered", 0.8), ("grayed", 0.2), ("blurred", 0.5)):
        assert float(getattr(draw, name).float().mean()) == pytest.approx(share, abs=0.015)
    x, y, width, height = draw.window.unbind(1)
    assert float((width * height).min()) >= 0.2 - 1e-5
    assert float((x - width / 2).min()) >= -1e-5
    assert float((y + height / 2).max()) <= 1 + 1e-5
    ratio = width * 64 / (height * 48)
    assert float(ratio.min()) >= 3 / 4 - 1e-4
    assert float(ratio.max()) <= 4 / 3 + 1e-4
    assert float((draw.factors[:, :3] - 1).abs().max()) <= 0.4
    assert float(draw.factors[:, 3].abs().max()) <= 0.1
    assert len({tuple(row) for row in draw.order.tolist()}) == 24
    assert not bool(draws(1_000, (32, 32)).blurred.any())


# training


def test_the_network_has_the_layers_that_are_asked_for():
    network = SimSiam(torch.nn.Flatten(), 12, Settings(layers=3, width=16, hidden=5))
    sizes = [(m.in_features, m.out_features) for m in network.modules() if isinstance(m, torch.nn.Linear)]
    assert sizes == [(12, 16), (16, 16), (16, 16), (16, 5), (5, 16)]
    assert isinstance(network.projector[-1], torch.nn.BatchNorm1d)
    z, p = network(rand(4, 3, 2, 2))
    assert z.shape == p.shape == (4, 16)


def test_without_the_stop_gradient_the_collapse_check_ends_the_run(few, tmp_path):
    settings = Settings(epochs=40, batch=50, lr=5.0, width=8, hidden=8)
    kept = trained(few, tmp_path / "kept.safetensors", settings)
    assert len(kept) == 40
    assert min(epoch.spread for epoch in kept) > 3 * pretraining.COLLAPSED
    told = []
    with pytest.raises(InputError, match=r"the features collapsed: their spread was below 0\.1 for 3 epochs"):
        trained(
            few,
            tmp_path / "lost.safetensors",
            Settings(epochs=400, batch=50, lr=5.0, width=8, hidden=8, stop_gradient=False),
            progress=told.append,
        )
    assert len(told) < 400
    assert all(epoch.spread < pretraining.COLLAPSED for epoch in told[-3:])
    assert [path.name for path in tmp_path.glob("lost*")] == []


def test_a_killed_run_ends_with_the_same_bytes(few, tmp_path):
    whole = trained(few, tmp_path / "whole.safetensors", seed=3)

    class Killed(Exception):
        pass

    def kill(epoch):
        if epoch.number == 2:
            raise Killed

    with pytest.raises(Killed):
        trained(few, tmp_path / "killed.safetensors", seed=3, progress=kill)
    assert [path.name for path in tmp_path.glob("killed*")] == ["killed.safetensors.checkpoint"]
    told = []
    after = trained(few, tmp_path / "killed.safetensors", seed=3, progress=told.append)
    assert [epoch.number for epoch in told] == [2, 3]
    assert [epoch.loss for epoch in after] == [epoch.loss for epoch in whole]
    assert (tmp_path / "killed.safetensors").read_bytes() == (tmp_path / "whole.safetensors").read_bytes()
    assert [path.name for path in tmp_path.glob("killed*")] == ["killed.safetensors"]
    trained(few, tmp_path / "other.safetensors", seed=4)
    assert (tmp_path / "other.safetensors").read_bytes() != (tmp_path / "whole.safetensors").read_bytes()


def test_a_checkpoint_of_another_run_or_a_damaged_one_is_refused(few, tmp_path):
    def stop(epoch):
        raise KeyboardInterrupt

    out, checkpoint = tmp_path / "a.safetensors", tmp_path / "a.safetensors.checkpoint"
    with pytest.raises(KeyboardInterrupt):
        trained(few, out, progress=stop)
    with pytest.raises(InputError, match="is of another run: its seed differ: delete it"):
        trained(few, out, seed=1)
    with pytest.raises(InputError, match="pictures, pool differ"):
        trained(few.take(np.arange(49)), out)
    about, tensors = simsiam_file.read_parts(checkpoint, "checkpoint")
    simsiam_file.write(checkpoint, about, dict(list(tensors.items())[1:]))
    with pytest.raises(InputError, match="is damaged: delete it to begin anew"):
        trained(few, out)
    assert not out.exists()


def test_labels_change_nothing_but_the_monitor(few, tmp_path):
    found = trained(few, tmp_path / "with.safetensors")
    assert all(0 <= epoch.knn <= 1 for epoch in found)
    bare = Images(np.full(50, -1), pixels=few.pixels)
    assert all(epoch.knn is None for epoch in trained(bare, tmp_path / "without.safetensors"))
    first, second = (load_file(tmp_path / f"{name}.safetensors") for name in ("with", "without"))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"settings": "desc"}, "unknown preset 'desc': did you mean 'desk'"),
        ({"backbone": "small-convnett"}, "unknown backbone"),
        ({"side_px": 8}, "side_px: at least 16, got 8"),
        ({"device": "tpu9"}, "device: "),
    ],
)
def test_what_it_refuses(few, tmp_path, more, message):
    with pytest.raises(InputError, match=message):
        pretrain(few, tmp_path / "a.safetensors", **{"backbone": "small-convnet", "settings": SMALL, **more})
    assert list(tmp_path.glob("a.*")) == []
    with pytest.raises(DataNotFound):
        trained(few, tmp_path / "no" / "a.safetensors")


@pytest.mark.parametrize(
    ("field", "value"), [("epochs", 0), ("batch", 1), ("layers", 1), ("lr", math.nan), ("momentum", 1), ("width", 2.0)]
)
def test_settings_out_of_range_are_refused(field, value):
    with pytest.raises(InputError, match=f"{field}: expected"):
        Settings(**{field: value})


def test_the_preset_is_the_thesiss():
    thesis = Settings.preset("thesis")
    assert (thesis.epochs, thesis.batch, thesis.lr, thesis.momentum, thesis.weight_decay) == (800, 512, 0.03, 0.9, 1e-4)
    views = thesis.views
    assert (views.smallest, views.brightness, views.contrast, views.saturation, views.hue) == (0.2, 0.4, 0.4, 0.4, 0.1)
    assert (views.flip, views.jitter, views.gray) == (0.5, 0.8, 0.2)
    assert (views.least_sigma_px, views.most_sigma_px) == (0.1, 2.0)


# the file as a source of features


def test_the_word_gives_the_features_of_the_backbone(few, tmp_path):
    path = tmp_path / "a.safetensors"
    trained(few, path, side_px=16)
    found = simsiam_file.read(path)
    assert (found.side_px, found.width, found.about["pictures"]) == (16, 1024, 50)
    pixels = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)
    x = torch.from_numpy(pixels).float() * found.normalise.scale + found.normalise.shift
    with torch.no_grad():
        wanted = found.body(x.permute(0, 3, 1, 2)).numpy()
    assert np.allclose(features(pixels, f"simsiam:{path}", device="cpu"), wanted, atol=1e-3 * np.abs(wanted).max())
    with pytest.raises(InputError, match="was trained on 16 px, got 32: leave it out"):
        features(pixels, f"simsiam:{path}", side_px=32, device="cpu")


def test_a_network_of_timms_is_named_by_its_file(few, tmp_path):
    path = tmp_path / "a.safetensors"
    settings = Settings(epochs=1, batch=25, width=8, hidden=4)
    pretrain(few, path, backbone="test_resnet", settings=settings, side_px=32, device="cpu")
    assert simsiam_file.read(path).about["backbone"] == "test_resnet"
    assert features(few, f"simsiam:{path}", device="cpu").shape == (50, simsiam_file.read(path).width)


def test_files_that_are_not_what_they_should_be_are_refused_in_one_line(few, tmp_path):
    path, bad = tmp_path / "a.safetensors", tmp_path / "bad.safetensors"
    trained(few, path)
    with safe_open(path, "pt") as file:
        about = json.loads(file.metadata()["askew"])
    tensors = load_file(path)
    first = next(name for name in tensors if name.endswith("weight"))

    def refused(message, about=about, tensors=tensors, raw=None):
        save_file(tensors, bad, {"askew": raw or json.dumps(about)})
        with pytest.raises(InputError, match=message) as caught:
            features(few, f"simsiam:{bad}", device="cpu")
        assert "\n" not in str(caught.value)

    refused("is not a simsiam file", raw="[]")
    refused("cannot be read as what askew pretrain wrote", raw="{")
    refused("cannot be read as what askew pretrain wrote", raw="[" * 100_000)
    refused("is not a simsiam file", about={**about, "kind": "checkpoint"})
    refused("names pictures of", about={**about, "shape": [16, 16]})
    refused("names pictures of", about={**about, "shape": [1 << 40, 1 << 40, 3]})
    refused("names no backbone", about={**about, "backbone": None})
    refused("unknown backbone", about={**about, "backbone": "nothing"})
    refused("lacks", about={**about, "backbone": "test_resnet"})
    refused("the backbone's is", tensors={**tensors, first: torch.zeros(3)})
    refused("is not finite", tensors={**tensors, first: tensors[first] * math.nan})
    refused("its normalisation", tensors={**tensors, "askew.normalise.scale": torch.ones(1)})
    bad.write_bytes(b"\xff" * 64)
    with pytest.raises(InputError, match="cannot be read as what askew pretrain wrote"):
        simsiam_file.read(bad)
    with pytest.raises(DataNotFound, match=r"no such file; this makes it: askew pretrain POOL --out"):
        simsiam_file.read(tmp_path / "none.safetensors")
