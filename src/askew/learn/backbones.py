"""Networks with one clear cut: a body turns pictures into features, and a linear head turns those into logits."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from askew.errors import InputError, unknown
from askew.learn import weights

Backbone: TypeAlias = "str | Callable[[], nn.Module] | nn.Module"

OWN = ("resnet18-cifar", "small-convnet")
"""The names that are not timm's."""


WIDTHS = (16, 32, 64)
"""Channels of the small convnet's blocks; further blocks for larger pictures have the last width."""

LAST_MAP_PX = 4
"""The side of the map that the small convnet's features are: where a thing is still counts."""


class Network(nn.Module):
    """A body, dropout on its features, and a linear head.

    `features(x)` is (B, D); `logits(features)` is (B, C) float32 and contains the dropout; `forward` is both.
    """

    def __init__(self, body: nn.Module, width: int, n_classes: int, dropout: float) -> None:
        super().__init__()
        self.body, self.dropout, self.head = body, nn.Dropout(dropout), nn.Linear(width, n_classes)

    def features(self, x: Tensor) -> Tensor:
        features: Tensor = self.body(x)
        return features.flatten(1)

    @property
    def last(self) -> nn.Linear:
        """The head."""
        return self.head

    def logits(self, features: Tensor) -> Tensor:
        with torch.autocast(features.device.type, enabled=False):
            logits: Tensor = self.head(self.dropout(features.float()))
            return logits

    def both(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns features (B, D) and logits (B, C) of one pass."""
        features = self.features(x)
        return features, self.logits(features)

    def forward(self, x: Tensor) -> Tensor:
        return self.logits(self.features(x))


class UserNetwork(nn.Module):
    """The user's own module, which gives logits: its features are what enters its last `nn.Linear` with C outputs.

    Dropout is added there, unless the module has dropout layers of its own: then those are what varies.

    Raises:
        InputError: the module has no such linear layer.
    """

    def __init__(self, model: nn.Module, n_classes: int, dropout: float) -> None:
        super().__init__()
        heads = [m for m in model.modules() if isinstance(m, nn.Linear) and m.out_features == n_classes]
        if not heads:
            raise InputError(
                f"backbone: {type(model).__name__} has no nn.Linear with {n_classes} outputs: its last layer must "
                "be one (what enters it is taken as the features)"
            )
        self.model = model
        self.dropout = nn.Dropout(0.0 if dropouts(model) else dropout)
        self._entering: Tensor | None = None
        self._last = (heads[-1],)  # in a tuple, so that it is no second module
        heads[-1].register_forward_pre_hook(self._enter)

    @property
    def last(self) -> nn.Linear:
        """The linear layer that gives the logits."""
        return self._last[0]

    def _enter(self, _: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        self._entering = inputs[0]
        return (self.dropout(inputs[0]), *inputs[1:])

    def both(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns features (B, D) and logits (B, C) of one pass."""
        logits = self.model(x)
        entering, self._entering = self._entering, None
        if entering is None:
            raise InputError("backbone: its last linear layer takes no part in forward")
        return entering.flatten(1), logits.float()

    def forward(self, x: Tensor) -> Tensor:
        return self.both(x)[1]


AnyNetwork: TypeAlias = "Network | UserNetwork"


def dropouts(module: nn.Module) -> list[nn.Module]:
    """Returns the dropout layers that drop anything; `F.dropout` inside a forward is not seen."""
    return [m for m in module.modules() if isinstance(m, nn.modules.dropout._DropoutNd) and m.p > 0]


def fix_statistics(network: nn.Module) -> None:
    """Keeps batch normalisations at the means and deviations that they have, until `train` is called again."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


def check(backbone: Backbone) -> None:
    """Raises `InputError` for a name that is neither ours nor timm's."""
    if isinstance(backbone, str) and backbone not in OWN:
        import timm

        if not timm.is_model(backbone):
            near = timm.list_models(f"*{backbone.split('_')[0]}*")[:8]
            raise unknown("backbone", backbone, [*OWN, *near, "any name of timm.list_models()"])


def build(
    backbone: Backbone, shape: tuple[int, int, int], n_classes: int, *, dropout: float, pretrained: str | Path | bool
) -> AnyNetwork:
    """Returns a network for pictures of `shape` (H, W, C); random weights come from torch's global generator.

    A module that the caller made is copied, so that every training starts from the weights it came with; a function
    is called and makes fresh ones.

    Args:
        pretrained: True takes the weights that timm names for the backbone (from its hub), a path those of a
            `.safetensors` file or a checkpoint of plain tensors. The head is always new.

    Raises:
        InputError: an unknown backbone, weights that do not fit, or `pretrained` with a module of the user's.
    """
    check(backbone)
    if not isinstance(backbone, str):
        if pretrained:
            raise InputError("pretrained: a module of your own brings its own weights: load them into it")
        model = copy.deepcopy(backbone) if isinstance(backbone, nn.Module) else backbone()
        return UserNetwork(model, n_classes, dropout)
    if backbone in OWN:
        if pretrained is True:
            raise InputError(f"pretrained: no weights of {backbone} are published: give a file or a timm name")
        body, width = random_body(backbone, shape)
    else:
        body, width = timm_body(backbone, shape, pretrained is True)
    if pretrained and pretrained is not True:
        weights.load(body, Path(pretrained))
    return Network(body, width, n_classes, dropout)


def random_body(backbone: str, shape: tuple[int, int, int]) -> tuple[nn.Module, int]:
    """Returns a body for pictures of `shape` (H, W, C) and its width; weights come from torch's global generator.

    Raises:
        InputError: an unknown backbone, or one that does not take such pictures.
    """
    check(backbone)
    if backbone not in OWN:
        return timm_body(backbone, shape, False)
    return (small_convnet if backbone == "small-convnet" else resnet18_cifar)(shape)


def small_convnet(shape: tuple[int, int, int]) -> tuple[nn.Module, int]:
    """Returns a body of three blocks or more and its 1,024 features, for small pictures, gray or colour.

    A block is 3×3 convolution, 2×2 max-pooling, batch normalisation, ReLU: pooling first makes the rest of it four
    times cheaper. Blocks are added until a 4×4 map is reached, and none pools below it. The features are that map, not
    its mean.
    """
    blocks: list[nn.Module] = []
    height, width, channels = shape
    while len(blocks) < len(WIDTHS) or min(height, width) > LAST_MAP_PX:
        widened, pool = WIDTHS[min(len(blocks), len(WIDTHS) - 1)], min(height, width) > LAST_MAP_PX
        blocks.append(_block(channels, widened, pool=pool))
        channels = widened
        if pool:
            height, width = -(-height // 2), -(-width // 2)
    average = [] if height == width == LAST_MAP_PX else [nn.AdaptiveAvgPool2d(LAST_MAP_PX)]
    return nn.Sequential(*blocks, *average, nn.Flatten()), channels * LAST_MAP_PX**2


def _block(channels: int, width: int, *, pool: bool) -> nn.Sequential:
    convolution = nn.Conv2d(channels, width, 3, padding=1, bias=False)
    pooling = [nn.MaxPool2d(2, ceil_mode=True)] if pool else []
    return nn.Sequential(convolution, *pooling, nn.BatchNorm2d(width), nn.ReLU(inplace=True))


def resnet18_cifar(shape: tuple[int, int, int]) -> tuple[nn.Module, int]:
    """Returns ResNet-18 with a 3×3 stem of stride 1 and no max-pooling, as for CIFAR, and its 512 features."""
    from torchvision.models import resnet18

    model = resnet18(weights=None)
    model.conv1 = nn.Conv2d(shape[2], 64, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(model.conv1.weight, mode="fan_out", nonlinearity="relu")
    model.maxpool, model.fc = nn.Identity(), nn.Identity()
    return model, 512


def timm_body(
    name: str, shape: tuple[int, int, int], pretrained: bool, *, setting: str = "pretrained", instead: str = "FILE"
) -> tuple[nn.Module, int]:
    """Returns a network of timm's without its head, and the number of its features.

    Args:
        name: one that `check` lets pass.
        shape: (H, W, C) of the pictures.
        pretrained: take timm's weights, from its hub or the hub's cache; else random ones from torch's generator.
        setting: what the user set, for messages.
        instead: what the user can set in its place where the hub cannot be reached.

    Raises:
        InputError: weights that cannot be had, or a network that does not take such pictures.
    """
    import timm

    overlay = weights.from_hub(name, setting=setting, instead=instead) if pretrained else {}
    config = timm.get_pretrained_cfg(name)
    size: dict[str, Any] = {}
    if config is not None and str(config.architecture).startswith("vit_") and config.input_size[1:] != shape[:2]:
        size = {"img_size": shape[:2]}
    try:
        body = timm.create_model(
            name, pretrained=pretrained, num_classes=0, in_chans=shape[2], pretrained_cfg_overlay=overlay, **size
        )
    except (OSError, RuntimeError, ValueError) as error:
        if not pretrained:
            raise
        raise InputError(
            f"{setting}: timm's weights of {name} could not be had ({weights.first_line(error)}): download them "
            f'elsewhere and give the file, {setting} = "{instead}"'
        ) from error
    body.eval()
    try:
        with torch.no_grad():
            width = body(torch.zeros(1, shape[2], *shape[:2])).flatten(1).shape[1]
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"backbone: {name} does not take pictures of {shape}: {weights.first_line(error)}") from error
    return body, width


def fused(network: Network, dtype: torch.dtype) -> Network:
    """Returns a copy for prediction: batch normalisation is made part of the convolution before it, weights in `dtype`.

    Only for our own bodies: in them a normalisation that is registered right after a convolution also follows it.
    """
    out = copy.deepcopy(network).eval()
    fold_normalisation(out.body)
    for module in out.body.modules():
        if isinstance(module, nn.Conv2d):
            module.to(dtype)
    return out


def fold_normalisation(body: nn.Module) -> None:
    """Makes every batch normalisation that is registered right after a convolution part of it, in place.

    What timm's normalisations do besides, their activation, stays where they were.
    """
    for module in list(body.modules()):
        for (name, first), (after, second) in itertools.pairwise(module.named_children()):
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                setattr(module, name, fuse_conv_bn_eval(first, second))
                setattr(module, after, getattr(second, "act", nn.Identity()))
