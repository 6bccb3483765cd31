from __future__ import annotations

import contextlib
import socket
import threading
import time
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import timm  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from torch import nn  # noqa: E402

from askew.errors import DataNotFound, InputError  # noqa: E402
from askew.learn import backbones, weights  # noqa: E402


def build(name, shape=(32, 32, 3), **more):
    return backbones.build(name, shape, 10, **{"dropout": 0.2, "pretrained": False, **more})


def batch(shape, n=3):
    return torch.randn(n, shape[2], *shape[:2], generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (32, 32, 3), (64, 64, 3), (9, 14, 3), (4, 4, 1)])
def test_the_small_convnet_takes_small_pictures_of_any_kind(shape):
    network = build("small-convnet", shape).eval()
    features, logits = network.both(batch(shape))
    assert (features.shape, logits.shape) == ((3, 1024), (3, 10))
    assert torch.allclose(network.head(features), logits)
    assert features.std(dim=0).min() >= 0
    assert features.std() > 0


def test_resnet18_for_cifar_is_the_published_one_but_for_its_stem():
    network = build("resnet18-cifar")
    assert sum(p.numel() for p in network.parameters()) == 11_173_962  # as counted by kuangliu/pytorch-cifar
    seen = []
    network.body.layer1.register_forward_pre_hook(lambda _, x: seen.append(x[0].shape))
    assert network.both(batch((32, 32, 3)))[0].shape == (3, 512)
    assert seen == [(3, 64, 32, 32)]


def test_any_timm_backbone_gray_or_colour():
    network = build("resnet10t", (64, 64, 1)).eval()
    features, logits = network.both(batch((64, 64, 1)))
    assert (features.shape, logits.shape) == ((3, 512), (3, 10))


def test_unknown_backbones_are_refused_with_a_suggestion():
    with pytest.raises(InputError, match=r"unknown backbone 'resnet18_cifar': did you mean 'resnet18-cifar'"):
        build("resnet18_cifar")


@pytest.mark.parametrize("name", ["resnet18-cifar", "small-convnet"])
def test_folding_normalisation_changes_nothing_but_the_time(name):
    network = build(name).train()
    for _ in range(3):
        network(batch((32, 32, 3), 16) * 2 + 1)
    network.eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, -1, 1)
    x = batch((32, 32, 3), 8)
    folded = backbones.fused(network, torch.float32)
    assert torch.allclose(folded(x), network(x), atol=1e-4, rtol=1e-4)
    left = sum(isinstance(m, nn.BatchNorm2d) for m in folded.modules())
    assert left == (0 if name == "resnet18-cifar" else 3)
    assert any(isinstance(m, nn.BatchNorm2d) for m in network.modules())


class Plain(nn.Module):
    """What a user might bring: nothing but a forward that gives logits."""

    def __init__(self, drop=0.0):
        super().__init__()
        self.first, self.last = nn.Linear(48, 7), nn.Linear(7, 10)
        self.drop = nn.Dropout(drop)

    def forward(self, x):
        return self.last(self.drop(self.first(x.flatten(1)).relu()))


def test_a_users_module_gives_what_enters_its_last_layer_as_features():
    model = Plain()
    network = backbones.build(model, (4, 4, 3), 10, dropout=0.5, pretrained=False).eval()
    x = batch((4, 4, 3))
    features, logits = network.both(x)
    assert torch.equal(features, model.first(x.flatten(1)).relu())
    assert torch.equal(logits, model(x))
    network.model.last.weight.data.zero_()
    assert model.last.weight.abs().sum() > 0


def test_a_users_module_is_given_dropout_only_if_it_has_none():
    x = batch((4, 4, 3), 64)
    for drop, layers in ((0.0, 1), (0.5, 1)):
        network = backbones.build(Plain(drop), (4, 4, 3), 10, dropout=0.5, pretrained=False).train()
        assert len(backbones.dropouts(network)) == layers
        assert not torch.equal(network(x), network(x))
        kept = network.both(x)[0]
        assert (kept > 0).float().mean() > 0.2


def test_a_module_without_a_linear_head_is_refused():
    with pytest.raises(InputError, match=r"Flatten has no nn\.Linear with 10 outputs"):
        backbones.build(nn.Flatten(), (4, 4, 3), 10, dropout=0.0, pretrained=False)


def test_pretrained_where_there_is_nothing_to_take():
    with pytest.raises(InputError, match="no weights of small-convnet"):
        build("small-convnet", pretrained=True)
    with pytest.raises(InputError, match="a module of your own"):
        backbones.build(Plain(), (4, 4, 3), 10, dropout=0.0, pretrained=True)


@pytest.mark.parametrize("wrap", ["plain", "prefixed", "checkpoint", "safetensors"])
def test_weights_of_a_file_in_any_of_the_usual_wrappings(tmp_path, wrap):
    from safetensors.torch import save_file

    source = build("small-convnet")
    tensors = dict(source.body.state_dict())
    path = tmp_path / ("w.safetensors" if wrap == "safetensors" else "w.pth")
    if wrap == "safetensors":
        save_file(tensors, path)
    elif wrap == "plain":
        torch.save({**tensors, "fc.weight": torch.zeros(3, 3)}, path)
    elif wrap == "prefixed":
        torch.save({f"module.backbone.{k}": v for k, v in tensors.items()}, path)
    else:
        torch.save({"epoch": 3, "state_dict": tensors}, path)
    loaded = build("small-convnet", pretrained=path)
    for (name, a), (_, b) in zip(source.body.named_parameters(), loaded.body.named_parameters(), strict=True):
        assert torch.equal(a, b), name


def test_the_older_efficientnet_naming_is_taken_by_position(tmp_path):
    source = build("tf_efficientnet_lite0").body.state_dict()
    tensors = [t + 0.5 if t.is_floating_point() else t for t in source.values()]
    old = dict(zip(["_conv_stem.weight", *[f"_blocks.{i}" for i in range(1, len(tensors))]], tensors, strict=True))
    torch.save({**old, "_fc.weight": torch.zeros(1000, 1280)}, tmp_path / "w.pth")
    loaded = build("tf_efficientnet_lite0", pretrained=tmp_path / "w.pth").body.state_dict()
    assert all(torch.equal(a, b) for a, b in zip(loaded.values(), tensors, strict=True))
    old["_blocks.1"] = torch.zeros(7)
    torch.save(old, tmp_path / "w.pth")
    with pytest.raises(InputError, match=r"'bn1\.weight' is \(7,\), the backbone's is \(32,\)"):
        build("tf_efficientnet_lite0", pretrained=tmp_path / "w.pth")


class Hostile:
    def __reduce__(self):
        return pytest.fail, ("it ran",)


def test_weights_that_do_not_fit_or_would_run_something(tmp_path):
    with pytest.raises(DataNotFound, match=r"w\.pth: no such file"):
        build("small-convnet", pretrained=tmp_path / "w.pth")
    torch.save({"x": torch.zeros(2)}, tmp_path / "a.pth")
    with pytest.raises(InputError, match=r"lacks \d+ of the \d+ weights"):
        build("small-convnet", pretrained=tmp_path / "a.pth")
    torch.save(build("small-convnet", (28, 28, 1)).body.state_dict(), tmp_path / "b.pth")
    with pytest.raises(InputError, match=r"'0\.0\.weight' is \(16, 1, 3, 3\), the backbone's is \(16, 3, 3, 3\)"):
        build("small-convnet", pretrained=tmp_path / "b.pth")
    torch.save({"x": Hostile()}, tmp_path / "c.pth")
    for name, content in (("d.pth", b"no"), ("e.safetensors", b"no"), ("f.pth", b"")):
        (tmp_path / name).write_bytes(content)
    for name in ("c.pth", "d.pth", "e.safetensors", "f.pth"):
        with pytest.raises(InputError, match=f"{name}: cannot be read") as caught:
            weights.read(tmp_path / name)
        assert "\n" not in str(caught.value)
    torch.save({3: torch.zeros(2)}, tmp_path / "h.pth")
    with pytest.raises(InputError, match="does not hold named tensors"):
        weights.read(tmp_path / "h.pth")
    torch.save([torch.zeros(2)], tmp_path / "g.pth")
    with pytest.raises(InputError, match="does not hold named tensors"):
        weights.read(tmp_path / "g.pth")


def test_damaged_checkpoints_are_one_line_wherever_they_are_damaged(tmp_path):
    path, whole = tmp_path / "w.pth", {"layer.weight": torch.arange(6.0).reshape(2, 3), "layer.bias": torch.zeros(2)}
    for legacy in (False, True):
        torch.save(whole, path, _use_new_zipfile_serialization=not legacy)
        raw = path.read_bytes()
        for place in range(0, len(raw), 5):
            path.write_bytes(raw[:place] + bytes([raw[place] ^ 0xFF]) + raw[place + 1 :])
            with contextlib.suppress(InputError):
                weights.read(path)


def test_fresh_weights_follow_torchs_generator_alone():
    states = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        states.append(build("small-convnet").head.weight.detach().numpy())
    assert np.array_equal(states[0], states[1])
    assert not np.array_equal(states[0], states[2])


def refuse(*_: object, **__: object) -> None:
    raise OSError(-2, "Name or service not known")


def test_without_a_network_missing_weights_are_refused_at_once(monkeypatch, tmp_path):
    monkeypatch.setattr(weights.socket, "create_connection", refuse)
    monkeypatch.setattr(weights.urllib.request, "getproxies", dict)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    build("resnet18")  # timm takes seconds to import on a busy machine: they are not what is measured
    start = time.monotonic()
    with pytest.raises(InputError, match=r"huggingface\.co cannot be reached \(Name or service not known\).*the file"):
        build("resnet18", pretrained=True)
    assert time.monotonic() - start < 5


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def test_a_hub_that_never_answers_is_waited_for_no_longer_than_is_said(monkeypatch, tmp_path):
    never = threading.Event()

    def look_up(*_: object, **__: object) -> None:
        never.wait(60)
        refuse()

    monkeypatch.setattr(weights, "HUB_SECONDS", 0.3)
    monkeypatch.setattr(weights.socket, "create_connection", look_up)
    monkeypatch.setattr(weights.urllib.request, "getproxies", dict)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    start = time.monotonic()
    with pytest.raises(InputError, match=r"huggingface\.co cannot be reached \(no answer in 0\.3 s\)"):
        weights.from_hub("resnet18")
    assert time.monotonic() - start < 20
    never.set()


@pytest.mark.parametrize("written", ["http://127.0.0.1:{}", "127.0.0.1:{}"])
@pytest.mark.parametrize("variable", ["https", "all"])
def test_a_proxy_that_is_not_there_is_asked_first(monkeypatch, tmp_path, variable, written):
    monkeypatch.setattr(weights.urllib.request, "getproxies", lambda: {variable: written.format(closed_port())})
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with pytest.raises(InputError, match=r"127\.0\.0\.1 cannot be reached \(Connection refused\)"):
        weights.from_hub("resnet18")


def test_a_hub_that_answers_is_left_to_its_client(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setattr(weights.urllib.request, "getproxies", dict)
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        assert weights.from_hub("resnet18") == {}


def test_without_a_network_weights_of_an_earlier_download_are_taken(monkeypatch, tmp_path):
    import timm
    from safetensors.torch import save_file

    tensors = {name: t.clone() for name, t in timm.create_model("resnet18").state_dict().items()}
    save_file(tensors, tmp_path / "model.safetensors")
    monkeypatch.setattr(weights.socket, "create_connection", refuse)
    monkeypatch.setattr(weights.urllib.request, "getproxies", dict)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: str(tmp_path / "model.safetensors"))
    body = build("resnet18", pretrained=True).body
    assert torch.equal(body.layer1[0].conv1.weight, tensors["layer1.0.conv1.weight"])


def test_a_vision_transformer_takes_another_side_than_it_was_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "vit_tiny_patch16_224"
    file = tmp_path / "model.safetensors"
    trained = timm.create_model(name, pretrained=False)
    save_file(trained.state_dict(), file)
    monkeypatch.setattr(weights, "from_hub", lambda *_, **__: {"file": str(file)})
    body, width = backbones.timm_body(name, (96, 96, 3), True)
    wanted = timm.create_model(name, pretrained=False, num_classes=0, dynamic_img_size=True).eval()
    wanted.load_state_dict(trained.state_dict(), strict=False)
    picture = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(body(picture), wanted(picture), atol=1e-5)
    assert width == 192
