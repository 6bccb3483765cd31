"""One training: SGD over epochs of jittered batches, with its rate, its number format and its random order."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from askew.errors import InputError
from askew.learn.augment import Jitter, crop_and_flip
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
        self._batch = training.batch_for(n_items)
        self._steps = training.epochs * len(even_batches(torch.arange(n_items), self._batch))
        self._done = 0
        self._seed = seed
        self._jitter = torch.Generator().manual_seed(number(seed, "jitter"))
        self._order = torch.Generator().manual_seed(number(seed, "order"))
        self._call = torch.compile(network) if training.compile else network
        self._scaler = torch.amp.GradScaler(self._device.type, enabled=dtype == torch.float16)
        self._optimizer = torch.optim.SGD(
            network.parameters(),
            lr=training.lr,
            momentum=training.momentum,
            weight_decay=training.weight_decay,
            nesterov=training.nesterov,
        )

    def epoch(self, feed: Feed, labels: Tensor, epoch: int) -> float:
        """Trains on every picture once, in a new order; returns the mean loss.

        Raises:
            InputError: the loss is no longer finite.
        """
        training = self._training
        order = torch.randperm(len(labels), generator=self._order)
        jitter = Jitter.draw(len(labels), training.crop_px, training.flip, self._jitter).to(self._device)
        targets = labels[order].to(self._device)
        losses, start = torch.zeros((), device=self._device), 0
        self._network.train()
        batches = even_batches(order, self._batch)
        with seeded(self._device, number(self._seed, "dropout", epoch)):
            for pictures in feed.batches(batches):
                part = slice(start, start + len(pictures))
                start = part.stop
                losses += self._step(pictures, jitter[part], targets[part])
        mean = float(losses) / len(batches)
        if not math.isfinite(mean):
            raise InputError(f"training: the loss is not finite after epoch {epoch + 1}: lower lr ({training.lr})")
        return mean

    def _step(self, pictures: Tensor, jitter: Jitter, targets: Tensor) -> Tensor:
        training = self._training
        if training.crop_px or training.flip:
            pictures = crop_and_flip(pictures, jitter, training.crop_px)
        x = self._normalise(pictures, training.channels_last)
        with torch.autocast(self._device.type, self._dtype, enabled=self._dtype != torch.float32):
            logits = self._call(x)
        loss = F.cross_entropy(logits.float(), targets, label_smoothing=training.label_smoothing)
        rate = training.lr * training.rate(self._done, self._steps)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.zero_grad(set_to_none=True)
        self._scaler.scale(loss).backward()
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._done += 1
        return loss.detach()
