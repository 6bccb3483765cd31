"""Files of `askew pretrain`: a network's tensors as safetensors, with what they are of; no code is ever read."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from askew.data.reading import decoding, plain_file
from askew.errors import DataNotFound, InputError, one_line
from askew.files import whole_file
from askew.learn import backbones, weights
from askew.learn.feed import Normalisation
from askew.learn.model import SCALE, SHIFT, sync

KIND = "simsiam"
"""What a finished file says that it is; a checkpoint says another."""

LARGEST_SIDE_PX = 1_024
"""A file that names a larger side is refused: it would only take memory."""


@dataclass(frozen=True, eq=False)
class Saved:
    """A network that was trained without labels.

    Attributes:
        body: gives (B, D) features, in evaluation mode.
        width: D.
        normalise: of bytes, as it was trained.
        side_px: the side of its pictures, which are RGB.
        about: all that the file says: backbone, shape, settings, seed, versions, history.
    """

    body: nn.Module
    width: int
    normalise: Normalisation
    side_px: int
    about: Mapping[str, Any]


def read(path: Path) -> Saved:
    """Returns the network of a file that `askew pretrain` wrote.

    Raises:
        DataNotFound: no such file.
        InputError: it is damaged, or another kind of file.
    """
    if not path.exists():
        raise DataNotFound(f"{path}: no such file; this makes it: askew pretrain POOL --out {path.name}")
    about, tensors = read_parts(path, KIND)
    shape, backbone = about.get("shape"), about.get("backbone")
    side_px = shape[0] if isinstance(shape, list) and shape else None
    if type(side_px) is not int or shape != [side_px, side_px, 3] or not 1 <= side_px <= LARGEST_SIDE_PX:
        raise InputError(f"{path}: names pictures of {one_line(shape)}; expected a square of 3 channels")
    if not isinstance(backbone, str):
        raise InputError(f"{path}: names no backbone, but {one_line(repr(backbone), 90)}")
    scale, shift = tensors.pop(SCALE, None), tensors.pop(SHIFT, None)
    if (
        scale is None
        or shift is None
        or any(t.dtype != torch.float32 or t.shape != (3,) or not bool(t.isfinite().all()) for t in (scale, shift))
        or not bool((scale > 0).all())
    ):
        raise InputError(f"{path}: its normalisation is not three finite numbers of scale, above 0, and of shift")
    bad = [name for name, tensor in tensors.items() if not bool(tensor.isfinite().all())]
    if bad:
        raise InputError(f"{path}: {one_line(bad[0], 90)} is not finite")
    body, width = backbones.random_body(backbone, (side_px, side_px, 3))
    weights.fill(body, tensors, path)
    return Saved(body.eval(), width, Normalisation(scale, shift), side_px, about)


def read_parts(path: Path, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Returns what a file says of itself, and its tensors by name.

    Raises:
        DataNotFound: no such file.
        InputError: it is damaged, or not of that kind.
    """
    plain_file(path)
    with decoding(path, "what askew pretrain wrote"), safe_open(path, "pt") as file:
        about = json.loads((file.metadata() or {}).get("askew", "null"))
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
    if not isinstance(about, dict) or about.get("kind") != kind:
        raise InputError(f"{path}: is not a {kind} file that askew pretrain wrote")
    return about, tensors


def write(path: Path, about: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Writes tensors with what they are of; when this returns, the file is on the disk, whole.

    The same values give the same bytes.

    Raises:
        InputError: the file cannot be written.
    """
    plain = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    with whole_file(path) as draft:
        draft.write_bytes(save(plain, {"askew": json.dumps(about, sort_keys=True)}))
        sync(draft)
    if os.name == "posix":
        sync(path.resolve().parent)


def parts_of(body: nn.Module, normalise: Normalisation) -> dict[str, Tensor]:
    """Returns the tensors of a finished file."""
    return {**body.state_dict(), SCALE: normalise.scale, SHIFT: normalise.shift}
