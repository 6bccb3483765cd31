"""SimSiam (Chen and He, 2021; chapter 5 of the thesis): a network learns from pictures without labels.

Two views of each picture go through the network and a projector, which gives z, and through a predictor, which gives p.
The loss is that of Eq. 5.1 and 5.2: p of one view shall point where z of the other does, and no gradient goes into z.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from askew.errors import InputError, unknown
from askew.learn.feed import Feed, Normalisation
from askew.learn.views import ViewSettings

NEIGHBOURS = 20
"""How many of the nearest pictures vote."""

BATCH = 256
"""Pictures of a step to which `Settings.lr` belongs; and those of which features are computed at a time."""


@dataclass(frozen=True)
class Settings:
    """How a network is trained without labels; the defaults are the thesis's.

    Attributes:
        epochs: passes over the pictures.
        batch: pictures a step, at most; an epoch is cut into equal batches.
        lr: for batches of 256; it is scaled with the batch, and falls to 0 along a cosine. That of the predictor is
            scaled and stays, as Chen and He advise.
        momentum, weight_decay: of SGD, for all parameters.
        layers: of the projector, 2 or 3.
        width: of z and p, and of the projector's hidden layers.
        hidden: of the predictor's hidden layer.
        stop_gradient: no gradient goes into z. Without it features collapse, which is the only use of False.
        views: how pictures are changed.

    Raises:
        InputError: a value out of range.
    """

    epochs: int = 800
    batch: int = 512
    lr: float = 0.03
    momentum: float = 0.9
    weight_decay: float = 1e-4
    layers: int = 2
    width: int = 2_048
    hidden: int = 512
    stop_gradient: bool = True
    views: ViewSettings = field(default_factory=ViewSettings)

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("batch", 2), ("layers", 2), ("width", 2), ("hidden", 1)):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise InputError(f"{name}: expected a whole number from {least}, got {value!r}")
        for name, high in (("lr", math.inf), ("momentum", 1), ("weight_decay", math.inf)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < high:
                raise InputError(f"{name}: expected a number from 0 and below {high}, got {value!r}")

    @classmethod
    def preset(cls, name: str) -> Settings:
        """Returns the settings of that name in `PRESETS`.

        Raises:
            InputError: there is none.
        """
        if name not in PRESETS:
            raise unknown("preset", name, PRESETS)
        return PRESETS[name]


PRESETS = {"thesis": Settings(), "desk": Settings(epochs=60, batch=128, lr=0.2, width=512, hidden=128)}
"""`thesis`: 800 epochs, for a GPU. `desk`: for small pictures, a small network and two cores."""


class SimSiam(nn.Module):
    """A body with a projector and a predictor; called with views (B, 3, H, W), it gives z and p, (B, width) each."""

    def __init__(self, body: nn.Module, n_features: int, settings: Settings) -> None:
        super().__init__()
        sizes = [n_features, *[settings.width] * settings.layers]
        layers: list[nn.Module] = []
        for inside, outside in itertools.pairwise(sizes):
            layers += [nn.Linear(inside, outside, bias=False), nn.BatchNorm1d(outside), nn.ReLU(inplace=True)]
        self.body, self.projector = body, nn.Sequential(*layers[:-1])
        self.predictor = nn.Sequential(
            nn.Linear(settings.width, settings.hidden, bias=False),
            nn.BatchNorm1d(settings.hidden),
            nn.ReLU(inplace=True),
            nn.Linear(settings.hidden, settings.width),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        z = self.projector(self.body(x).flatten(1))
        return z, self.predictor(z)


def loss_of(p: tuple[Tensor, Tensor], z: tuple[Tensor, Tensor], *, stop_gradient: bool = True) -> Tensor:
    """Returns Eq. 5.1: the mean of D(p₁, z₂) and D(p₂, z₁), D(p, z) = −cos(p, z) (Eq. 5.2) meant over the pictures.

    >>> float(loss_of((torch.tensor([[2.0, 0]]), torch.tensor([[0, 1.0]])), (torch.ones(1, 2), torch.ones(1, 2))))
    -0.707...
    """
    first, second = (one.detach() if stop_gradient else one for one in z)
    return -(F.cosine_similarity(p[0], second).mean() + F.cosine_similarity(p[1], first).mean()) / 2


def spread(z: Tensor) -> Tensor:
    """Returns the standard deviation of z/‖z‖ in a dimension, meant over the d dimensions, in units of 1/√d.

    It is about 1 where features point everywhere, and 0 where all are one: then the network has collapsed.

    >>> float(spread(torch.ones(4, 3)))
    0.0
    """
    return F.normalize(z.detach().float(), dim=1).std(0, correction=0).mean() * math.sqrt(z.shape[1])


def knn_accuracy(
    bank: Tensor, bank_labels: Tensor, queries: Tensor | None = None, query_labels: Tensor | None = None
) -> float:
    """Returns how many queries get their class from their 20 nearest in the bank by cosine, a share from 0 to 1.

    A neighbour votes with exp(cosine / 0.1). Without queries each of the bank is asked about by the others.

    Args:
        bank, queries: (N, D) and (M, D) features.
        bank_labels, query_labels: classes from 0.
    """
    known = F.normalize(bank.float(), dim=1)
    asked, truth = (bank, bank_labels) if queries is None or query_labels is None else (queries, query_labels)
    alone, right, n_classes = queries is None, 0, int(bank_labels.max()) + 1
    for start in range(0, len(asked), 1_000):
        likeness = F.normalize(asked[start : start + 1_000].float(), dim=1) @ known.T
        if alone:
            likeness[torch.arange(len(likeness)), start + torch.arange(len(likeness))] = -torch.inf
        near = likeness.topk(min(NEIGHBOURS, len(known) - alone), dim=1)
        votes = torch.zeros(len(likeness), n_classes, device=likeness.device)
        votes.scatter_add_(1, bank_labels[near.indices], torch.exp(near.values / 0.1))
        right += int((votes.argmax(1) == truth[start : start + 1_000]).sum())
    return right / len(asked)


def features_of(body: nn.Module, feed: Feed, normalise: Normalisation) -> Tensor:
    """Returns the features (N, D) of the pictures of a feed, float32 on its device; the body is left in evaluation."""
    body.eval()
    with torch.inference_mode():
        batches = feed.batches(torch.split(torch.arange(len(feed)), BATCH))
        return torch.cat([body(normalise(x.to(normalise.scale.device), True)).flatten(1).float() for x in batches])
