"""Runs a YOLOX detector (ONNX) over a video and writes its detections, for `askew video`.

    python examples/detect_yolox.py clip.avi --weights yolox_nano.onnx --classes person --out detections.txt
    askew video errors clip.avi --detections detections.txt --out errors

Weights: any YOLOX export from its repository's releases (undecoded output, BGR 0-255 padded with 114). Needs
OpenCV, and onnxruntime if it is there; OpenCV's own DNN module runs the network otherwise.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from askew.data.annotations import to_coco, to_mot
from askew.data.film.reader import Video, open_video
from askew.errors import AskewError, InputError
from askew.video import Detections

NAMES = (
    "person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,stop sign,parking meter,"
    "bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,backpack,umbrella,handbag,tie,suitcase,frisbee,skis,"
    "snowboard,sports ball,kite,baseball bat,baseball glove,skateboard,surfboard,tennis racket,bottle,wine glass,cup,"
    "fork,knife,spoon,bowl,banana,apple,sandwich,orange,broccoli,carrot,hot dog,pizza,donut,cake,chair,couch,"
    "potted plant,bed,dining table,toilet,tv,laptop,mouse,remote,keyboard,cell phone,microwave,oven,toaster,sink,"
    "refrigerator,book,clock,vase,scissors,teddy bear,hair drier,toothbrush"
)
COCO_CLASSES = NAMES.split(",")

STRIDES = (8, 16, 32)


def network(weights: Path, side_px: int) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function from a (1, 3, side, side) float32 image to the (A, 85) raw predictions."""
    try:
        import onnxruntime
    except ImportError:
        net = cv2.dnn.readNetFromONNX(str(weights))

        def run_opencv(blob: np.ndarray) -> np.ndarray:
            net.setInput(blob)
            return np.asarray(net.forward())[0]

        return run_opencv
    session = onnxruntime.InferenceSession(str(weights), providers=["CPUExecutionProvider"])
    entrance = session.get_inputs()[0]
    if list(entrance.shape[2:]) != [side_px, side_px]:
        raise InputError(f"weights: {weights} takes images of {entrance.shape[2:]}, not {side_px}: pass --side")
    return lambda blob: session.run(None, {entrance.name: blob})[0][0]


def grid(side_px: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the (A, 2) cell of every prediction, and its (A, 1) stride in pixels."""
    cells, strides = [], []
    for stride in STRIDES:
        y, x = np.mgrid[: side_px // stride, : side_px // stride]
        cells.append(np.stack([x, y], axis=-1).reshape(-1, 2))
        strides.append(np.full((x.size, 1), stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)


def letterbox(image: np.ndarray, side_px: int) -> tuple[np.ndarray, float]:
    """Returns the image scaled to fit the top left of a grey square, as a blob, and the scale."""
    scale = min(side_px / image.shape[0], side_px / image.shape[1])
    height, width = int(image.shape[0] * scale), int(image.shape[1] * scale)
    square = np.full((side_px, side_px, 3), 114, np.uint8)
    square[:height, :width] = cv2.resize(image, (width, height))
    return square.transpose(2, 0, 1)[None].astype(np.float32), scale


def decode(raw: np.ndarray, cells: np.ndarray, strides: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns (A, 4) boxes in pixels of the frame and the (A, C) scores of all classes."""
    centre, half = (raw[:, :2] + cells) * strides, np.exp(raw[:, 2:4]) * strides / 2
    return np.concatenate([centre - half, centre + half], axis=1) / scale, raw[:, 4:5] * raw[:, 5:]


def kept(boxes: np.ndarray, scores: np.ndarray, wanted: list[int], least: float, overlap: float) -> Detections:
    """Returns the detections of the wanted classes after suppression within each class, renumbered by `wanted`."""
    mine = scores[:, wanted]
    best, score = mine.argmax(axis=1), mine.max(axis=1)
    rows = np.flatnonzero(score > least)
    boxes, best, score = boxes[rows], best[rows], score[rows]
    sides = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    rows = np.array(cv2.dnn.NMSBoxesBatched(sides.tolist(), score.tolist(), best.tolist(), least, overlap), dtype=int)
    return Detections(boxes[rows].astype(np.float32), score[rows], best[rows].astype(np.int64))


def detect(video: Video, options: argparse.Namespace, names: list[str]) -> list[Detections]:
    """Runs the detector over every frame."""
    run, (cells, strides) = network(options.weights, options.side), grid(options.side)
    wanted = [COCO_CLASSES.index(name) for name in names]
    found = []
    for number, image in enumerate(video):
        blob, scale = letterbox(image, options.side)
        boxes, scores = decode(run(blob), cells, strides, scale)
        boxes[:, 0::2] = boxes[:, 0::2].clip(0, video.width_px)
        boxes[:, 1::2] = boxes[:, 1::2].clip(0, video.height_px)
        found.append(kept(boxes, scores, wanted, options.score, options.nms))
        if number % 100 == 99:
            print(f"{number + 1} of {len(video)} frames", file=sys.stderr)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path, help="a video file, or a folder of frames")
    parser.add_argument("--weights", type=Path, required=True, help="a YOLOX .onnx file")
    parser.add_argument("--out", type=Path, required=True, help=".txt (MOTChallenge, one class) or .json (COCO)")
    parser.add_argument("--classes", default="", help="COCO class names, separated by commas; all 80 without it")
    parser.add_argument("--score", type=float, default=0.3, help="keep detections above this (0.3)")
    parser.add_argument("--nms", type=float, default=0.45, help="overlap at which the weaker box goes (0.45)")
    parser.add_argument("--side", type=int, default=416, metavar="PX", help="the side of the network's input (416)")
    options = parser.parse_args()
    try:
        names = options.classes.split(",") if options.classes else list(COCO_CLASSES)
        unknown = sorted(set(names) - set(COCO_CLASSES))
        if unknown:
            raise InputError(f"--classes: COCO has no {', '.join(unknown)}")
        if options.out.suffix not in (".txt", ".json"):
            raise InputError(f"--out: expected .txt or .json, got {options.out.name}")
        video = open_video(options.video)
        found = detect(video, options, names)
        if options.out.suffix == ".txt":
            text = to_mot(found)
        else:
            text = json.dumps(to_coco({video.name: found}, names, size=(video.width_px, video.height_px)))
    except AskewError as error:
        print(f"detect_yolox: {error}", file=sys.stderr)
        return 2
    options.out.write_text(text)
    print(f"{sum(map(len, found))} detections in {len(found)} frames: {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
