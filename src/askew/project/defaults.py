"""Which frozen network a new project takes: DINOv2 where its weights can be had, else the one of a package."""

from __future__ import annotations

import http.client
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass

from askew.errors import one_line
from askew.learn.sources import PACKAGED
from askew.project.config import LearnerSettings

DINO = "vit_small_patch14_dinov2.lvd142m"

DINO_SIDE_PX = 224
"""Sixteen of its patches: on the side that it was trained on, 518 px, it takes six times as long."""

HUB_SECONDS = 3.0
"""How long the hub may take to answer; the answer decides for the whole project, and nobody waits longer."""


@dataclass(frozen=True)
class Chosen:
    """What was chosen, and why, for people."""

    learner: LearnerSettings
    why: str


def choose() -> Chosen:
    """Returns what a project learns with if nobody says it. Neither torch nor timm is imported for it.

    Raises:
        MissingExtra: the package with the default's weights is not installed, and no others can be had.
    """
    dino = LearnerSettings(f"timm:{DINO}", DINO_SIDE_PX)
    try:
        from huggingface_hub import constants, try_to_load_from_cache
    except ImportError:
        return _packaged("no client of its hub is installed")
    repository, file = f"timm/{DINO}", "model.safetensors"
    if isinstance(try_to_load_from_cache(repository, file), str):
        return Chosen(dino, "its weights are in the hub's cache")
    if constants.HF_HUB_OFFLINE:
        return _packaged("HF_HUB_OFFLINE is set, and its weights are not in the hub's cache")
    why = _refusal(f"{constants.ENDPOINT}/{repository}/resolve/main/{file}")
    return Chosen(dino, "its weights come from the hub at the first training") if why is None else _packaged(why)


def _packaged(why: str) -> Chosen:
    from askew.learn.sources import Source

    Source.of(PACKAGED).weights()
    return Chosen(LearnerSettings(PACKAGED), f"DINOv2 cannot be had: {why}")


def _refusal(url: str) -> str | None:
    """Returns why the hub does not give a file, or None if it does.

    A thread asks: looking up a name knows no limit of time by itself, and each of a host's addresses has its own.
    """
    said: list[str | None] = [f"no answer of its hub in {HUB_SECONDS:g} s"]

    def ask() -> None:
        request = urllib.request.Request(url, method="HEAD")
        try:
            with urllib.request.urlopen(request, timeout=HUB_SECONDS) as answer:
                said.append(None if answer.status == http.HTTPStatus.OK else f"its hub says {answer.status}")
        except urllib.error.HTTPError as error:
            said.append(f"its hub says {error.code}")
        except (OSError, http.client.HTTPException, ValueError) as error:
            said.append(f"its hub is not reached: {one_line(getattr(error, 'reason', error), 80)}")

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(HUB_SECONDS)
    return said[-1]
