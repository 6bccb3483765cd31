"""RAFT optical flow for `askew.video`, from weights on disk: torchvision has the network, and nothing is downloaded.

PWC-Net, which the thesis uses, is in no library that is kept up: only in repositories with their own CUDA kernels.
RAFT (Teed and Deng, 2020) came after it and is more accurate on every benchmark that both report.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models.optical_flow import raft_large, raft_small

from askew.data.film.flow import Field, stored_flow
from askew.data.film.reader import Image, Video, open_video
from askew.errors import InputError
from askew.learn.weights import read
from askew.video.flow import FlowTracker

MULTIPLE_PX = 8
"""RAFT takes sides that are multiples of this, of at least 128 pixels."""
LEAST_PX = 128


def load_raft(weights: str | Path) -> nn.Module:
    """Returns RAFT with the weights of a file: torchvision's `raft_large_*.pth` or `raft_small_*.pth`, or safetensors.

    Which of the two it is shows in the names and shapes of the weights.

    Raises:
        DataNotFound: no such file; torchvision documents where raft_large and raft_small come from.
        InputError: the file is damaged, or its weights are of neither network.
    """
    path = Path(weights)
    state = read(path)
    for build in (raft_large, raft_small):
        network: nn.Module = build(weights=None, progress=False)
        own = network.state_dict()
        if own.keys() == state.keys() and all(own[name].shape == state[name].shape for name in own):
            network.load_state_dict(state)
            return network.eval().requires_grad_(False)
    raise InputError(f"weights: {path} fits neither torchvision's raft_large nor its raft_small ({len(state)} tensors)")


def raft_flow(network: nn.Module, *, device: str = "cpu", updates: int = 12) -> Callable[[Image, Image], Field]:
    """Returns a function of two (h, w, 3) uint8 frames that computes the flow from the first to the second.

    Frames are padded at the right and bottom to sides that RAFT takes, repeating the edge. `updates` is how often RAFT
    refines its answer (12, torchvision's default).
    """
    network = network.to(device)

    def prepare(image: Image) -> Tensor:
        rgb = np.ascontiguousarray(image[:, :, ::-1])
        tensor = torch.from_numpy(rgb).permute(2, 0, 1)[None].to(device).float() / 127.5 - 1
        pad = [max(LEAST_PX, -(-side // MULTIPLE_PX) * MULTIPLE_PX) - side for side in image.shape[:2]]
        return nn.functional.pad(tensor, (0, pad[1], 0, pad[0]), mode="replicate")

    @torch.inference_mode()
    def compute(one: Image, two: Image) -> Field:
        flow = network(prepare(one), prepare(two), num_flow_updates=updates)[-1]
        height, width = one.shape[:2]
        return np.asarray(flow[0, :, :height, :width].permute(1, 2, 0).float().cpu().numpy())

    return compute


def raft_tracker(
    video: str | Path | Video,
    weights: str | Path,
    *,
    height_px: int = 300,
    grid_px: int = 4,
    cache: str | Path | None = None,
    device: str = "cpu",
    updates: int = 12,
    progress: Callable[[int], object] | None = None,
) -> FlowTracker:
    """Returns a tracker that follows RAFT's flow instead of DIS's; cached in the same way, under the weights' digest.

    Args:
        video: a path or an open video.
        weights: see `load_raft`.
        height_px, grid_px, cache, progress: see `askew.data.film.flow_tracker`.
        device: "cpu", "cuda", …

    Raises:
        DataNotFound, InputError: see `load_raft` and `flow_tracker`.
    """
    film = video if isinstance(video, Video) else open_video(video)
    network = load_raft(weights)
    digest = hashlib.sha256(Path(weights).read_bytes()).hexdigest()[:16]
    options: dict[str, Any] = {"raft": digest, "height": height_px, "grid": grid_px, "updates": updates}
    compute = raft_flow(network, device=device, updates=updates)
    flow = stored_flow(
        film,
        lambda: compute,
        options,
        height_px=height_px,
        grid_px=grid_px,
        cache=cache,
        workers=1,
        gray=False,
        progress=progress,
    )
    return FlowTracker(flow)
