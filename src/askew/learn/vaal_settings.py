"""How VAAL's autoencoder and discriminator are trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from askew.arrays import is_number, is_whole
from askew.errors import InputError, unknown

Loss = Literal["elbo", "authors"]


@dataclass(frozen=True)
class VaalSettings:
    """How the networks behind `labeled_likeness` are made and trained; the defaults are the preset "desk".

    Attributes:
        iterations: steps of the discriminator.
        vae_steps: steps of the autoencoder before each of them, on a batch of their own.
        batch: pictures of a step from the labelled and as many from the unlabelled; fewer where there are fewer.
        lr: of Adam, for both networks.
        beta: weighs the Kullback-Leibler divergence.
        adversary: weighs what the autoencoder gains by fooling the discriminator.
        latent: dimensions of the latent space.
        width: channels of the encoder's first layer; each further layer doubles them, up to eight times that.
        hidden: of each of the discriminator's four hidden layers.
        loss: "elbo" is the paper's bound in nats a picture: half the sum of squared errors, and the divergence summed
            over the latent dimensions. "authors" is what their code computes: the mean of squared errors over all
            pixels, and the divergence summed over the batch too, which outweighs it by far.
        side_px: pictures whose shorter side is longer are averaged down to it.

    Raises:
        InputError: a value out of range.
    """

    iterations: int = 300
    vae_steps: int = 1
    batch: int = 64
    lr: float = 5e-4
    beta: float = 1.0
    adversary: float = 1.0
    latent: int = 32
    width: int = 16
    hidden: int = 128
    loss: Loss = "elbo"
    side_px: int = 32

    def __post_init__(self) -> None:
        for name in ("iterations", "vae_steps", "batch", "latent", "width", "hidden", "side_px"):
            value = getattr(self, name)
            if not is_whole(value) or value < 1:
                raise InputError(f"{name}: expected a whole number from 1, got {value!r:.60}")
        for name in ("lr", "beta", "adversary"):
            value = getattr(self, name)
            if not is_number(value) or value < 0 or (name == "lr" and value == 0):
                raise InputError(
                    f"{name}: expected a number {'above' if name == 'lr' else 'from'} 0, got {value!r:.60}"
                )
        if self.loss not in get_args(Loss):
            raise unknown("loss", self.loss, get_args(Loss))

    @classmethod
    def of(cls, given: VaalSettings | str) -> VaalSettings:
        """Returns settings as they are, or those of that name in `PRESETS`.

        >>> VaalSettings.of("thesis").iterations
        39062

        Raises:
            InputError: there are none of that name.
        """
        if isinstance(given, VaalSettings):
            return given
        if not isinstance(given, str) or given not in PRESETS:
            raise unknown("preset of vaal", given, PRESETS)
        return PRESETS[given]


PRESETS = {
    "desk": VaalSettings(),
    "thesis": VaalSettings(
        iterations=39_062, vae_steps=2, batch=128, width=128, hidden=512, loss="authors", side_px=64
    ),
}
"""`desk`: seconds on a processor. `thesis`: as the authors' code, which the thesis used, trains on CIFAR: 100 epochs of
50,000 pictures in batches of 128; for a GPU."""
