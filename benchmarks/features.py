"""Features of picture files by EfficientNet-Lite0: askew against a plain DataLoader loop around timm's own network.

    python benchmarks/features.py FOLDER ... [--side-px 224 128]

The plain loop is what a tutorial shows: a Dataset that opens files with Pillow, torchvision's Resize, CenterCrop,
ToTensor and Normalize, a DataLoader with one worker a core, float32. A second one stores pictures and weights
channels-last. askew decodes in threads, folds the normalisations into the convolutions, keys pictures by content and
writes what it computed into a cache folder, which is a new one each time. Network, weights and side are the same; the
largest difference of their features is in the record. They take turns; processor time leaves out the plain loops'
worker processes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from common import comparison, installed, measure, write
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from askew.data.dataset import Images
from askew.learn import weights
from askew.learn.extractor import Extractor, extractor
from askew.learn.features import of_images
from askew.learn.sources import PACKAGE, Source

SOURCE = Source.of("efficientnet-lite0")
BATCH = 64


class Files(Dataset):
    """What the plain loop loads from."""

    def __init__(self, paths: list[Path], side_px: int) -> None:
        config = timm.get_pretrained_cfg(SOURCE.network)
        self.paths = paths
        self.transform = transforms.Compose(
            [
                transforms.Resize(side_px, transforms.InterpolationMode.BICUBIC),
                transforms.CenterCrop(side_px),
                transforms.ToTensor(),
                transforms.Normalize(config.mean, config.std),
            ]
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> torch.Tensor:
        return self.transform(Image.open(self.paths[i]).convert("RGB"))


def plain(paths: list[Path], side_px: int, *, channels_last: bool) -> np.ndarray:
    """Returns the features by a loop as tutorials write it."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    network = timm.create_model(SOURCE.network, num_classes=0).eval()
    weights.load(network, SOURCE.weights())
    network = network.to(memory_format=layout)
    loader = DataLoader(Files(paths, side_px), BATCH, num_workers=len(os.sched_getaffinity(0)))
    with torch.inference_mode():
        return torch.cat([network(x.to(memory_format=layout)) for x in loader]).numpy()


def ours(images: Images, network: Extractor) -> np.ndarray:
    """Returns the features as askew computes them for the first time."""
    os.environ["ASKEW_CACHE"] = folder = tempfile.mkdtemp()
    try:
        return np.array(of_images(images, network).array())
    finally:
        shutil.rmtree(folder)


def compared(folder: Path, side_px: int, count: int, repeats: int) -> dict[str, Any]:
    """Times them on some of a folder's files, drawn at random."""
    everything = sorted(path for path in folder.rglob("*.jp*g"))
    chosen = np.random.default_rng(0).choice(len(everything), min(count, len(everything)), replace=False)
    paths = [everything[i] for i in np.sort(chosen)]
    images = Images(np.full(len(paths), -1), paths=tuple(paths), side_px=side_px)
    network = extractor(SOURCE, side_px=side_px)
    found: dict[str, np.ndarray] = {}
    clock, processor = measure(
        {
            "askew": lambda: found.__setitem__("askew", ours(images, network)),
            "DataLoader and timm": lambda: found.__setitem__("plain", plain(paths, side_px, channels_last=False)),
            "the same, channels-last": lambda: plain(paths, side_px, channels_last=True),
        },
        repeats,
    )
    return {
        "pictures": len(paths),
        "side_px": side_px,
        "largest_difference": float(np.abs(found["askew"] - found["plain"]).max()),
        "largest_feature": float(np.abs(found["plain"]).max()),
        "images_per_second": {name: round(len(paths) / seconds, 1) for name, seconds in clock.items()},
        **comparison(clock, processor),
    }


def main() -> None:
    """Measures every folder at every side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--side-px", nargs="+", type=int, default=[224, 128])
    parser.add_argument("--pictures", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    if not arguments.folders or not installed(PACKAGE):
        print("skipped: give folders of pictures, and install askew[features]")
        return
    record = {
        f"{folder.name}, {side_px} px": compared(folder, side_px, arguments.pictures, arguments.repeats)
        for folder in arguments.folders
        for side_px in arguments.side_px
    }
    write("features", record, quick=False)


if __name__ == "__main__":
    main()
