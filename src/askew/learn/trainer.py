"""One training: steps over jittered batches, with their optimizer, rate, number format and random order."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from askew.errors import InputError
from askew.learn import backbones
from askew.learn.augment import Jitter, crop_and_flip, draw_corners, erase, mirroring_is_safe
from askew.learn.device import seeded
from askew.learn.feed import Feed, Normalisation, even_batches
from askew.learn.training import Training
from askew.seeding import number


class Trainer:
    """Trains a network on pictures and their labels, one epoch a call.

    Args:
        network: gives logits; trained in place.
        normalise: of the labelled pictures, on the network's device.
        n_items: how many pictures are labelled.
        seed: of the order, the crops and mirrorings and the dropout.
        dtype: what convolutions compute in; see `device.number_format`.
    """

    def __init__(
        self,
        network: nn.Module,
        normalise: Normalisation,
        n_items: int,
        training: Training,
        *,
        seed: int,
        dtype: torch.dtype,
    ) -> None:
        self._network, self._normalise, self._training, self._dtype = network, normalise, training, dtype
        self._device = normalise.scale.device
        self._batch, self._steps, self._done = training.batch_for(n_items), training.steps_for(n_items), 0
        self._waiting = torch.empty(0, dtype=torch.int64)
        self._crop_px, self._flip, self._erased_px, self._weights = 0, False, 0, torch.empty(0)
        self._seed = seed
        self._jitter = torch.Generator().manual_seed(number(seed, "jitter"))
        self._squares = torch.Generator().manual_seed(number(seed, "erase"))
        self._order = torch.Generator().manual_seed(number(seed, "order"))
        self._call = torch.compile(network) if training.compile else network
        self._scaler = torch.amp.GradScaler(self._device.type, enabled=dtype == torch.float16)
        self._optimizer = _optimizer(network, training)

    def epoch(self, feed: Feed, labels: Tensor, epoch: int) -> float:
        """Trains on every picture once, in a new order, or for the steps of an epoch; returns the mean loss.

        Raises:
            InputError: the loss is no longer finite.
        """
        if epoch == 0:
            self._settle(feed, labels)
        batches = self._batches(len(labels))
        order = torch.cat(batches)
        jitter = Jitter.draw(len(order), self._crop_px, self._flip, self._jitter).to(self._device)
        corners = draw_corners(len(order), feed.images.shape[:2], self._erased_px, self._squares).to(self._device)
        targets = labels[order].to(self._device)
        losses, start = torch.zeros((), device=self._device), 0
        self._network.train()
        if self._training.fixed_statistics:
            backbones.fix_statistics(self._network)
        with seeded(self._device, number(self._seed, "dropout", epoch)):
            for pictures in feed.batches(batches):
                part = slice(start, start + len(pictures))
                start = part.stop
                losses += self._step(pictures, jitter[part], corners[part], targets[part])
        mean = float(losses) / len(batches)
        if not math.isfinite(mean):
            raise InputError(
                f"training: the loss is not finite after epoch {epoch + 1}: lower lr ({self._training.lr})"
            )
        return mean

    def _settle(self, feed: Feed, labels: Tensor) -> None:
        """Decides what depends on the labelled pictures: crops, mirroring, erasing, the weights of classes."""
        training = self._training
        side_px = min(feed.images.shape[:2])
        self._crop_px, self._erased_px = training.crop_for(side_px), training.erase_for(side_px, len(labels))
        self._flip = mirroring_is_safe(feed, labels) if training.flip == "auto" else training.flip
        if training.class_weights:
            self._weights = class_weights(labels).to(self._device)

    def _batches(self, n_items: int) -> list[Tensor]:
        """Returns the batches of the next epoch, as indices of the labelled pictures."""
        if not self._training.steps:
            return even_batches(torch.randperm(n_items, generator=self._order), self._batch)
        wanted, parts = self._batch * (self._steps // self._training.epochs), [self._waiting]
        missing = wanted - len(self._waiting)
        parts += [torch.randperm(n_items, generator=self._order) for _ in range(-(-missing // n_items))]
        stream = torch.cat(parts)
        self._waiting = stream[wanted:]
        return list(torch.split(stream[:wanted], self._batch))

    def _step(self, pictures: Tensor, jitter: Jitter, corners: Tensor, targets: Tensor) -> Tensor:
        training = self._training
        if self._crop_px or self._flip:
            pictures = crop_and_flip(pictures, jitter, self._crop_px)
        x = self._normalise(pictures, training.channels_last)
        if self._erased_px:
            x = erase(x, corners, self._erased_px)
        with torch.autocast(self._device.type, self._dtype, enabled=self._dtype != torch.float32):
            logits = self._call(x)
        loss = self._loss(logits.float(), targets)
        rate = training.lr * training.rate(self._done, self._steps)
        for group in self._optimizer.param_groups:
            group["lr"] = rate * group.get("factor", 1.0)
        self._optimizer.zero_grad(set_to_none=True)
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._done += 1
        return loss.detach()

    def _loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        smoothing = self._training.label_smoothing
        if not self._training.class_weights:
            return F.cross_entropy(logits, targets, label_smoothing=smoothing)
        losses = F.cross_entropy(logits, targets, label_smoothing=smoothing, reduction="none")
        return (losses * self._weights[targets]).mean()


def class_weights(labels: Tensor) -> Tensor:
    """Returns N / (K · N_c) for every class c up to the largest, K the number of classes that occur; 0 where none does.

    Its mean over the items is 1.

    >>> class_weights(torch.tensor([0, 0, 0, 2])).tolist()
    [0.666..., 0.0, 2.0]
    """
    counts = torch.bincount(labels)
    weights = len(labels) / (int((counts > 0).sum()) * counts.clamp(min=1))
    return torch.where(counts > 0, weights, 0.0)


def _optimizer(network: nn.Module, training: Training) -> torch.optim.Optimizer:
    weights: Any = network.parameters()
    if training.body_lr != 1 and isinstance(network, backbones.Network | backbones.UserNetwork):
        head = list(network.last.parameters())
        body = [one for one in network.parameters() if all(one is not other for other in head)]
        weights = [{"params": body, "factor": training.body_lr}, {"params": head}]
    if training.optimizer == "adamw":
        return torch.optim.AdamW(weights, lr=training.lr, weight_decay=training.weight_decay, fused=True)
    return torch.optim.SGD(
        weights,
        lr=training.lr,
        momentum=training.momentum,
        weight_decay=training.weight_decay,
        nesterov=training.nesterov,
    )
