"""Draws the pictures of docs/video.md: a made-up street, a made-up detector, and what `askew video errors` makes of it.

    python scripts/video_pictures.py

Writes docs/images/video-frame.jpg and video-timeline.png.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import cv2
import numpy as np

from askew.cli.main import main as askew

IMAGES = Path(__file__).parent.parent / "docs" / "images"
WIDTH, HEIGHT, FRAMES = 640, 400, 240
CARS = ((0.0, 2.6, 205, (60, 60, 200)), (-260.0, 2.1, 205, (190, 120, 40)), (700.0, -2.4, 265, (230, 230, 230)))
"""Left edge in frame 0, pixels a frame, top, and colour (blue, green, red) of each car."""
PEOPLE = ((80.0, 0.8, 120, (40, 40, 140)), (560.0, -0.7, 128, (120, 70, 30)), (20.0, 1.0, 330, (90, 30, 90)))


def ground() -> np.ndarray:
    """Returns the street without anybody: grass, pavement, two lanes."""
    rng = np.random.default_rng(0)
    out = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for top, bottom, colour in ((0, 100, (96, 140, 104)), (100, 185, (176, 182, 186)), (185, 320, (92, 92, 92))):
        out[top:bottom] = colour
    out[320:] = (176, 182, 186)
    for left in range(20, WIDTH, 90):
        out[250:255, left : left + 45] = 225
    for left in range(30, WIDTH, 150):
        cv2.circle(out, (left, 60), 30, (60, 100, 64), -1, cv2.LINE_AA)
    grain = cv2.GaussianBlur(rng.normal(0, 16, out.shape).astype(np.float32), (0, 0), 1.5)
    return np.clip(out + grain, 0, 255).astype(np.uint8)


def boxes(number: int) -> list[tuple[str, tuple[int, int, int, int], tuple[int, int, int]]]:
    """Returns what is to be seen in a frame: class, box (left, top, right, bottom) and colour."""
    out = []
    for kind, things, (wide, high) in (("car", CARS, (96, 42)), ("person", PEOPLE, (20, 54))):
        for start, speed, top, colour in things:
            left = round(start + speed * number)
            if 0 <= left <= WIDTH - wide:
                out.append((kind, (left, top, left + wide, top + high), colour))
    return out


def drawn(number: int, street: np.ndarray) -> np.ndarray:
    """Returns a frame of the clip."""
    frame = street.copy()
    for kind, (left, top, right, bottom), colour in boxes(number):
        if kind == "car":
            cv2.rectangle(frame, (left, top + 14), (right, bottom - 6), colour, -1)
            cv2.rectangle(frame, (left + 22, top), (right - 22, top + 16), colour, -1)
            cv2.rectangle(frame, (left + 27, top + 4), (right - 27, top + 14), (235, 225, 210), -1)
            for x in (left + 20, right - 20):
                cv2.circle(frame, (x, bottom - 8), 8, (30, 30, 30), -1, cv2.LINE_AA)
        else:
            middle = (left + right) // 2
            cv2.circle(frame, (middle, top + 8), 7, (150, 180, 220), -1, cv2.LINE_AA)
            cv2.rectangle(frame, (left + 3, top + 15), (right - 3, top + 36), colour, -1)
            for x, step in ((middle - 4, -1), (middle + 4, 1)):
                foot = x + step * int(4 * np.sin(number / 3))
                cv2.line(frame, (x, top + 36), (foot, bottom - 2), (50, 40, 40), 4, cv2.LINE_AA)
    return frame


def found() -> list[str]:
    """Returns lines of MOTChallenge's truth of 2016: trembling boxes of two classes, some missing, some of nothing."""
    rng = np.random.default_rng(4)
    lines = []
    for number in range(FRAMES):
        for kind, box, _ in boxes(number):
            if rng.random() > 0.06:
                left, top, right, bottom = (box + rng.normal(0, 0.6, 4)).clip(0, [WIDTH, HEIGHT] * 2)
                lines.append((number, left, top, right - left, bottom - top, rng.uniform(0.6, 0.99), kind))
        if rng.random() < 0.08:
            lines.append((number, rng.uniform(0, 560), rng.uniform(20, 320), 40, 60, rng.uniform(0.3, 0.6), "person"))
    kinds = {"person": 1, "car": 2}
    return [
        f"{number + 1},-1,{left:.1f},{top:.1f},{wide:.1f},{high:.1f},{score:.2f},{kinds[kind]},1"
        for number, left, top, wide, high, score, kind in lines
    ]


def draw(folder: Path) -> None:
    """Makes the clip in a folder and runs the command on it, as a reader would."""
    clip = cv2.VideoWriter(str(folder / "street.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 12, (WIDTH, HEIGHT))
    street = ground()
    for number in range(FRAMES):
        clip.write(drawn(number, street))
    clip.release()
    (folder / "found.txt").write_text("\n".join(found()) + "\n", encoding="utf-8")
    words = ["video", "errors", str(folder / "street.mp4"), "--detections", str(folder / "found.txt")]
    if askew(
        [*words, "--classes", "person,car", "--pictures", "6", "--cache", str(folder), "--out", str(folder / "errors")]
    ):
        raise SystemExit("askew video errors failed")


def write(images: Path) -> None:
    """Writes the pictures: of the frames drawn, the first that shows all there is to be told apart."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw(folder)
        errors = folder / "errors"
        [video] = json.loads((errors / "boxes.json").read_text(encoding="utf-8"))["videos"]
        full = [
            frame["frame"] for frame in video["frames"] if all(frame[kind] for kind in ("suspected", "missed", "kept"))
        ]
        shown = [path for number in full if (path := errors / "pictures" / f"street-{number:06d}.jpg").is_file()]
        images.mkdir(exist_ok=True)
        shutil.copyfile(shown[0], images / "video-frame.jpg")
        shutil.copyfile(errors / "street-timeline.png", images / "video-timeline.png")


if __name__ == "__main__":
    write(IMAGES)
