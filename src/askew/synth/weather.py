"""Light and weather of a finished picture: haze, rain, night, and the noise of a camera."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from askew.synth.table import Condition

Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]

STREAKS = 190
"""Streaks of rain in a picture of 400 × 300 pixels."""


def weathered(
    picture: NDArray[np.float32], road: Mask, condition: Condition, horizon: int, rng: np.random.Generator
) -> Picture:
    """Returns a picture as a camera takes it in a condition.

    Args:
        picture: (H, W, 3) float32 from 0 to 255.
        road: (H, W), where the road is seen; it mirrors the light when it is wet.
        condition: of the video.
        horizon: the row of the horizon.
        rng: of rain and noise in this frame.
    """
    if condition == "rain":
        picture = _rain(_wet(picture, road, horizon, 0.34), rng)
    elif condition == "night":
        picture = _headlights(picture, horizon)
        picture = _glow(picture)
    elif condition == "winter":
        picture = picture * 0.96 + 6
    noise = rng.standard_normal((*picture.shape[:2], 1), dtype=np.float32) * (4.0 if condition == "night" else 2.2)
    return (np.clip(picture + noise, 0, 255) + 0.5).astype(np.uint8)


def _wet(picture: NDArray[np.float32], road: Mask, horizon: int, share: float) -> NDArray[np.float32]:
    """Returns the picture with what is above the horizon mirrored, blurred, in the road below it."""
    height = picture.shape[0]
    rows = np.clip(2 * horizon - np.arange(height), 0, height - 1)
    mirrored = cv2.blur(picture[rows], (5, 31))
    depth = np.clip((np.arange(height) - horizon) / max(height - horizon, 1), 0, 1)
    weight = (share * (1 - 0.5 * depth) * (depth > 0))[:, None, None] * road[..., None]
    wet: NDArray[np.float32] = (picture * (1 - weight) + mirrored * weight).astype(np.float32)
    return wet


def _rain(picture: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    height, width = picture.shape[:2]
    layer: Any = np.zeros((height, width), np.float32)
    count = round(STREAKS * height * width / 120_000)
    tops = rng.random((count, 2)) * (height * 1.1, width)
    lengths, slant = rng.uniform(0.025, 0.08, count) * height, float(rng.uniform(-0.1, 0.1))
    for (top, left), length in zip(tops, lengths, strict=True):
        ends = (int(left), int(top - length)), (int(left + slant * length), int(top))
        cv2.line(layer, *ends, float(rng.uniform(18, 60)), 1, cv2.LINE_AA)
    layer = cv2.GaussianBlur(layer, (3, 3), 0.7)
    rainy: NDArray[np.float32] = picture * 0.95 + 8 + layer[..., None]
    return rainy


def _headlights(picture: NDArray[np.float32], horizon: int) -> NDArray[np.float32]:
    """Returns the picture lit by the lamps of the camera's own car."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    below = (y - horizon) / (height - horizon)
    across = (x - width / 2) / (width * 0.42)
    reach = np.exp(-((below - 0.30) ** 2) / 0.10) * np.exp(-(across**2) / 0.7)
    reach *= np.clip((y - horizon + 0.10 * height) / (0.10 * height), 0, 1)
    lit: NDArray[np.float32] = picture * (1 + 1.5 * reach[..., None] * np.array([1.0, 0.97, 0.86], np.float32))
    return lit


def _glow(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the picture with a halo around what is bright."""
    bright = np.clip(picture - 165, 0, None)
    near, far = cv2.GaussianBlur(bright, (0, 0), 4), cv2.GaussianBlur(bright, (0, 0), 11)
    glowing: NDArray[np.float32] = picture + 0.9 * near + 0.5 * far
    return glowing
