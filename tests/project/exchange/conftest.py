"""A project with six pictures in two folders, two of one file name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sqlalchemy")

from PIL import Image

from askew.project.folder import Project, create
from askew.project.scan import scan

PICTURES = ("a.png", "b.png", "sub/c.png", "sub/d ä.png", "=1+1.png")
"""Below the first folder of pictures, 40 x 30 pixels each; the second has another `c.png`."""


def picture(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    for seed, name in enumerate(PICTURES):
        picture(tmp_path / "photos" / name, seed)
    picture(tmp_path / "more" / "deep" / "c.png", 77)
    made = create(tmp_path / "birds", images=[tmp_path / "photos", tmp_path / "more"], classes=["heron", "gull"])
    scan(made.store, made.config.images, test_share=0.0)
    yield made
    made.close()
