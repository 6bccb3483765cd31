"""How what the strategy `vaal` reads is trained, as a section of the TOML file."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from askew.experiment.section import STRICT
from askew.learn.vaal_settings import PRESETS, VaalSettings


class VaalConfig(BaseModel):
    """How the autoencoder and the discriminator behind the strategy `vaal` are trained, anew in every cycle.

    Without this section they are those of the preset "desk".
    """

    model_config = STRICT

    preset: Literal["desk", "thesis"] = "desk"
    """What the other keys change: "desk" takes seconds on a processor, "thesis" is the authors' code on CIFAR, for a
    GPU."""
    iterations: Annotated[int, Field(gt=0)] | None = None
    """Steps of the discriminator."""
    vae_steps: Annotated[int, Field(gt=0)] | None = None
    """Steps of the autoencoder before each of them."""
    batch: Annotated[int, Field(gt=0)] | None = None
    """Labelled pictures of a step, and as many unlabelled ones."""
    lr: Annotated[float, Field(gt=0)] | None = None
    """The rate of Adam, for both networks."""
    beta: Annotated[float, Field(ge=0)] | None = None
    """The weight of the Kullback-Leibler divergence."""
    adversary: Annotated[float, Field(ge=0)] | None = None
    """The weight of what the autoencoder gains by fooling the discriminator."""
    latent: Annotated[int, Field(gt=0)] | None = None
    """Dimensions of the latent space."""
    width: Annotated[int, Field(gt=0)] | None = None
    """Channels of the encoder's first layer."""
    hidden: Annotated[int, Field(gt=0)] | None = None
    """Width of the discriminator's hidden layers."""
    loss: Literal["elbo", "authors"] | None = None
    """"elbo" sums squared errors over a picture, as the paper's bound does; "authors" takes their mean over all pixels
    and sums the divergence over the batch, as their code does."""
    side_px: Annotated[int, Field(gt=0)] | None = None
    """Pictures whose shorter side is longer are averaged down to it."""

    def settings(self) -> VaalSettings:
        """Returns the preset with what is set here."""
        own = {key: value for key, value in self if key != "preset" and value is not None}
        return replace(PRESETS[self.preset], **own)
