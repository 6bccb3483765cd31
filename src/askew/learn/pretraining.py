"""Trains a network by SimSiam on pictures without labels: epochs told, collapse caught, gone on with after a kill."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from askew.data import pictures
from askew.data.dataset import Images
from askew.errors import InputError
from askew.learn import backbones, simsiam_file
from askew.learn.device import choose, number_format, seeded
from askew.learn.features import picture_keys
from askew.learn.feed import Feed, Normalisation, even_batches
from askew.learn.learner import Given, as_images
from askew.learn.pretrained import SMALLEST_SIDE_PX
from askew.learn.simsiam import BATCH, Settings, SimSiam, features_of, knn_accuracy, loss_of, spread
from askew.learn.views import Draw, view
from askew.seeding import checked_seed, number

COLLAPSED = 0.1
"""The spread below which features are as good as equal; healthy runs are well above it."""

PATIENCE = 3
"""So many epochs in a row must be below, for a run to be stopped."""

MONITORED = 2_000
"""At most so many labelled pictures are looked at after each epoch."""


@dataclass(frozen=True)
class Epoch:
    """What is known after an epoch.

    Attributes:
        number, epochs: how many are done, and how many there are.
        loss: the mean of Eq. 5.1; −1 is its least.
        spread: see `spread`; the mean over the steps.
        knn: the accuracy of nearest neighbours among labelled pictures; None with fewer than two of them.
        seconds: it took.
    """

    number: int
    epochs: int
    loss: float
    spread: float
    knn: float | None
    seconds: float


Told = Callable[[Epoch], None]
"""Called after every epoch."""


def pretrain(
    images: Given,
    out: str | Path,
    *,
    backbone: str = "resnet18-cifar",
    settings: Settings | str = "thesis",
    side_px: int | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: Told = lambda _: None,
) -> list[Epoch]:
    """Trains a network on pictures without labels, and writes it for `simsiam:FILE`.

    After every epoch all that is needed to go on is written beside `out`, as `OUT.checkpoint`. The same call goes on
    from there, and on a processor ends with the same bytes as if it had never stopped. At the end the checkpoint goes.

    Args:
        images: whatever `Images.of` takes; they become RGB squares. Labels serve the monitor alone.
        out: the file to write.
        backbone: "resnet18-cifar", "small-convnet" or any network of timm's; it begins with random weights.
        settings: or the name of a preset, "thesis" or "desk".
        side_px: of the squares; the shorter side of the pictures if left out, at least 16.
        seed: of weights, order, views.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        progress: called after every epoch.

    Returns:
        All epochs, those before an interruption too.

    Raises:
        InputError: a bad setting, a checkpoint of another run, features that collapse, a loss that is not finite.
    """
    settings = Settings.preset(settings) if isinstance(settings, str) else settings
    pool, where, out = _squares(as_images(images, None), side_px), choose(device), Path(out)
    if len(pool) < 2:
        raise InputError(f"images: at least 2 pictures, got {len(pool)}")
    run = _Run(pool, backbone, settings, checked_seed(seed), where)
    checkpoint = out.with_name(f"{out.name}.checkpoint")
    if checkpoint.exists():
        run.restore(checkpoint)
    else:
        run.keep(checkpoint)
    while len(run.history) < settings.epochs:
        progress(run.epoch())
        if all(epoch.spread < COLLAPSED for epoch in run.history[-PATIENCE:]) and len(run.history) >= PATIENCE:
            checkpoint.unlink()
            raise InputError(
                f"pretraining: the features collapsed: their spread was below {COLLAPSED} for {PATIENCE} epochs (about "
                "1 is healthy, 0 is one point), so the network tells no pictures apart: lower lr, or a larger batch"
            )
        run.keep(checkpoint)
    simsiam_file.write(out, {**run.about, "history": run.told}, simsiam_file.parts_of(run.network.body, run.normalise))
    checkpoint.unlink()
    return run.history


class _Run:
    """A pretraining at work: its random numbers are named by the epoch, so weights and momenta are all its state."""

    def __init__(self, pool: Images, backbone: str, settings: Settings, seed: int, device: torch.device) -> None:
        self._pool, self._settings, self._seed, self._device = pool, settings, seed, device
        dtype = number_format(device, "auto")
        self._dtype = torch.float32 if dtype == torch.float16 else dtype
        with seeded(torch.device("cpu"), number(seed, "weights")):
            body, width = backbones.random_body(backbone, pool.shape)
            network = SimSiam(body, width, settings)
        self.network: SimSiam = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._feed = Feed(pool, device)
        sample = torch.Generator().manual_seed(number(seed, "statistics"))
        self.normalise = Normalisation.measure(self._feed, sample).to(device)
        lr = settings.lr * settings.batch / BATCH
        encoder = [*self.network.body.parameters(), *self.network.projector.parameters()]
        self._optimizer = torch.optim.SGD(
            [{"params": encoder}, {"params": list(self.network.predictor.parameters())}],
            lr=lr,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
        )
        self._monitored = _some_labeled(pool, seed)
        self.history: list[Epoch] = []
        self.about = {
            "kind": simsiam_file.KIND,
            "backbone": backbone,
            "shape": list(pool.shape),
            "settings": asdict(settings),
            "seed": seed,
            "pictures": len(pool),
            "pool": hashlib.sha256(b"".join(picture_keys(pool))).hexdigest()[:32],
            "dtype": str(self._dtype).removeprefix("torch."),
            "versions": {name: metadata.version(name) for name in ("askew", "torch", "timm")},
        }

    @property
    def told(self) -> list[dict[str, Any]]:
        """The epochs without their seconds, so that the same run gives the same bytes."""
        return [{"loss": one.loss, "spread": one.spread, "knn": one.knn} for one in self.history]

    def epoch(self) -> Epoch:
        """Trains on every picture once, in a new order."""
        began, done, settings = time.perf_counter(), len(self.history), self._settings
        orders, draws = (torch.Generator().manual_seed(number(self._seed, name, done)) for name in ("order", "views"))
        batches = even_batches(torch.randperm(len(self._pool), generator=orders), min(settings.batch, len(self._pool)))
        loss, spreads = torch.zeros((), device=self._device), torch.zeros((), device=self._device)
        self.network.train()
        with seeded(self._device, number(self._seed, "dropout", done)):
            for step, found in enumerate(self._feed.batches(batches)):
                part = (done + step / len(batches)) / settings.epochs
                rate = settings.lr * settings.batch / BATCH * (1 + math.cos(math.pi * part)) / 2
                self._optimizer.param_groups[0]["lr"] = rate
                one, apart = self._step(found, draws)
                loss, spreads = loss + one, spreads + apart
        mean = float(loss) / len(batches)
        if not math.isfinite(mean):
            raise InputError(f"pretraining: the loss is not finite after epoch {done + 1}: lower lr ({settings.lr})")
        knn, told = self._knn(), float(spreads) / len(batches)
        self.history.append(Epoch(done + 1, settings.epochs, mean, told, knn, time.perf_counter() - began))
        return self.history[-1]

    def _step(self, found: Tensor, draws: torch.Generator) -> tuple[Tensor, Tensor]:
        bytes_of = found.to(self._device).permute(0, 3, 1, 2).float().div_(255)
        shape, network = self._pool.shape[:2], self.network
        with torch.no_grad():
            views = [
                self._prepared(view(bytes_of, Draw.of(len(found), shape, self._settings.views, draws).to(self._device)))
                for _ in range(2)
            ]
        with torch.autocast(self._device.type, self._dtype, enabled=self._dtype != torch.float32):
            (z1, p1), (z2, p2) = (network(x) for x in views)
        z = (z1.float(), z2.float())
        loss = loss_of((p1.float(), p2.float()), z, stop_gradient=self._settings.stop_gradient)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        return loss.detach(), (spread(z[0]) + spread(z[1])) / 2

    def _prepared(self, x: Tensor) -> Tensor:
        """Returns pictures from 0 to 1 as the network takes them."""
        scale, shift = self.normalise.scale[:, None, None], self.normalise.shift[:, None, None]
        return (x * (255 * scale) + shift).contiguous(memory_format=torch.channels_last)

    def _knn(self) -> float | None:
        if self._monitored is None:
            return None
        part, labels = self._monitored
        found = features_of(self.network.body, self._feed.take(part.numpy()), self.normalise)
        return knn_accuracy(found, labels.to(self._device))

    def keep(self, path: Path) -> None:
        """Writes all that is needed to go on."""
        momenta = [self._optimizer.state[p].get("momentum_buffer") for p in self.network.parameters()]
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        tensors |= {f"momentum.{i}": value for i, value in enumerate(momenta) if value is not None}
        about = {**self.about, "kind": "checkpoint", "history": [asdict(epoch) for epoch in self.history]}
        simsiam_file.write(path, about, tensors)

    def restore(self, path: Path) -> None:
        """Goes on from what was written.

        Raises:
            InputError: it is of another run, or damaged.
        """
        about, tensors = simsiam_file.read_parts(path, "checkpoint")
        other = [name for name, value in self.about.items() if name != "kind" and about.get(name) != value]
        if other:
            raise InputError(
                f"{path}: is of another run: its {', '.join(other)} differ: delete it, or write another file"
            )
        try:
            self.history = [Epoch(**epoch) for epoch in about["history"]]
            state = self.network.state_dict()
            self.network.load_state_dict({name: tensors[f"network.{name}"] for name in state})
            for i, parameter in enumerate(self.network.parameters() if self.history else ()):
                momentum = tensors[f"momentum.{i}"].reshape(parameter.shape)
                self._optimizer.state[parameter]["momentum_buffer"] = momentum.to(parameter)
        except (KeyError, TypeError, RuntimeError) as error:
            raise InputError(f"{path}: is damaged: delete it to begin anew") from error


def _squares(images: Images, side_px: int | None) -> Images:
    """Returns the pictures as RGB squares, as `Extractor` will see them."""
    if side_px is not None and side_px < SMALLEST_SIDE_PX:
        raise InputError(f"side_px: at least {SMALLEST_SIDE_PX}, got {side_px}")
    side = side_px or max(SMALLEST_SIDE_PX, min(images.shape[:2]))
    if images.pixels is None:
        return replace(images, side_px=side)
    if images.shape == (side, side, 3):
        return images
    made = pictures.in_threads(lambda one: pictures.square(one, side), images.pixels)
    return replace(images, pixels=pictures.stack(made, len(images), (side, side, 3)))


def _some_labeled(pool: Images, seed: int) -> tuple[Tensor, Tensor] | None:
    """Returns labelled pictures for the monitor with their labels, `MONITORED` at most; None if fewer than two are."""
    labeled = np.flatnonzero(pool.labels >= 0)
    if len(labeled) < 2:
        return None
    order = torch.randperm(len(labeled), generator=torch.Generator().manual_seed(number(seed, "monitor")))
    chosen = np.sort(labeled[order[:MONITORED].numpy()])
    return torch.from_numpy(chosen), torch.from_numpy(pool.labels[chosen])
