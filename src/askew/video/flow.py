"""Optical flow, computed once for a video, kept in 16 bits on disk, and the tracker that follows it."""

from __future__ import annotations

import json
import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Indices
from askew.errors import InputError, unknown
from askew.video.boxes import Boxes
from askew.video.reader import Image, Video, need_opencv, open_video

Preset = Literal["sharp", "ultrafast", "fast", "medium"]
PRESETS = ("sharp", "ultrafast", "fast", "medium")

Gray = NDArray[np.uint8]
Field = NDArray[np.floating[Any]]
"""(h, w, 2) displacements in pixels of the working size, x then y."""

FORMAT = 1
"""Raised when what is in a cache file changes."""


@dataclass(frozen=True)
class FlowShape:
    """What a stored flow is about: `n_frames` frames of (width, height) pixels, flow at a working size, on a grid."""

    n_frames: int
    width_px: int
    height_px: int
    work_width_px: int
    work_height_px: int
    grid_width: int
    grid_height: int

    @property
    def stored(self) -> tuple[int, int, int, int, int]:
        """The shape of the stored array: pairs of frames, two directions, rows, columns, x and y."""
        return (max(self.n_frames - 1, 0), 2, self.grid_height, self.grid_width, 2)


@dataclass(frozen=True, eq=False)
class Flow:
    """The flow between all consecutive frames, both ways: `fields[i, 0]` from frame i to i + 1, `fields[i, 1]` back."""

    fields: NDArray[np.float16]
    """(L - 1, 2, h, w, 2) float16 in pixels of the working size; may be mapped from disk."""
    shape: FlowShape


class FlowTracker:
    """Moves a box by the optical flow at its centre, chained over frames, forwards and backwards (section 2.3.2).

    The flow of all consecutive frames is computed once, at a working height, both ways, and then reused in every cycle:
    from the second use of a cached video on, tracking costs a few look-ups a box. The text uses PWC-Net; this uses
    OpenCV's DIS (Kroeger et al., 2016), or whatever `Flow` it is given (`FlowTracker.of(flow)`, `askew.learn.raft`).

    Args:
        video: a path, an open `Video`, or frames as (H, W, 3) or (H, W) uint8 arrays of one size.
        height_px: the working height; frames that are lower are not enlarged. The text: 300.
        preset: OpenCV's "ultrafast", "fast" or "medium"; or "sharp", which goes down to half the working size as medium
            does, on sparser patches and without its refinement: people some pixels wide keep a motion of their own.
        grid_px: the flow is stored once every so many pixels of the working size, averaged over them.
        cache: a folder that keeps the flow; needs a path or a `Video`. None keeps it in a nameless file
            for as long as the tracker lives.
        workers: threads that compute flow.
        progress: is called with the number of each frame that was read, while flow is computed.

    Raises:
        InputError: frames of several sizes or types, a video cut short, or a parameter out of range.
        MissingExtra: OpenCV is not installed.

    Cost: 4 · h · w / grid_px² numbers of 16 bits a frame: at 400 x 300 and a grid of 4, 60 kB.

    >>> y, x = np.mgrid[:96, :128]
    >>> waves = (120 + 60 * np.sin(x / 5) + 60 * np.sin(y / 7 + x / 11)).astype(np.uint8)
    >>> tracker = FlowTracker([np.roll(waves, 2 * t, axis=1) for t in range(3)])  # all moves right, 2 pixels a frame
    >>> box = np.array([[40, 20, 60, 40]], np.float32)
    >>> tracker.track(box, source=0, target=2).round().tolist(), tracker.track(box, source=2, target=1).round().tolist()
    ([[44.0, 20.0, 64.0, 40.0]], [[38.0, 20.0, 58.0, 40.0]])
    """

    def __init__(
        self,
        video: str | Path | Video | Iterable[NDArray[np.uint8]],
        *,
        height_px: int = 300,
        preset: Preset = "sharp",
        grid_px: int = 4,
        cache: str | Path | None = None,
        workers: int = 2,
        progress: Callable[[int], object] | None = None,
    ) -> None:
        if preset not in PRESETS:
            raise unknown("preset", preset, PRESETS)
        if isinstance(video, str | Path):
            video = open_video(video)
        options = {"dis": preset, "height": height_px, "grid": grid_px, "opencv": need_opencv("flow").__version__}
        self.flow = stored_flow(
            video,
            lambda: _dis(preset),
            options,
            height_px=height_px,
            grid_px=grid_px,
            cache=cache,
            workers=workers,
            progress=progress,
        )

    @classmethod
    def of(cls, flow: Flow) -> FlowTracker:
        """Makes a tracker of a flow that was computed elsewhere."""
        tracker = cls.__new__(cls)
        tracker.flow = flow
        return tracker

    def track(self, boxes: Boxes, source: int, target: int) -> Boxes:
        """Moves boxes (K, 4) of frame `source` to frame `target`.

        Raises:
            InputError: a frame that the video does not have.
        """
        ones = np.ones(len(boxes), np.int64)
        return self.track_many(boxes, source * ones, target * ones)

    def track_many(self, boxes: Boxes, sources: Indices, targets: Indices) -> Boxes:
        """Moves box k from frame `sources[k]` to `targets[k]`, all (K, 4) boxes at once."""
        return follow(self.flow, boxes, sources, targets)


def follow(flow: Flow, boxes: Boxes, sources: Indices, targets: Indices) -> Boxes:
    """Moves boxes along the flow at their centres, interpolated between grid points, one frame after another.

    A centre beyond the edge of the image moves with the flow at the edge.
    """
    shape = flow.shape
    for name, frames in (("source", sources), ("target", targets)):
        if len(frames) and not 0 <= frames.min() <= frames.max() < shape.n_frames:
            raise InputError(
                f"{name}: the flow is of {shape.n_frames} frames; asked for frames {frames.min()} to {frames.max()}"
            )
    moved = boxes.astype(np.float32, copy=True)
    scale = np.array([shape.width_px / shape.work_width_px, shape.height_px / shape.work_height_px], np.float32)
    left = targets - sources
    here = sources.astype(np.int64, copy=True)
    while True:
        rows = np.flatnonzero(left)
        if not len(rows):
            return moved
        forward = left[rows] > 0
        pair = np.where(forward, here[rows], here[rows] - 1)
        centre = (moved[rows, :2] + moved[rows, 2:]) * np.float32(0.5)
        shift = _interpolated(flow, pair, np.where(forward, 0, 1), centre) * scale
        moved[rows] += np.concatenate([shift, shift], axis=1)
        step = np.where(forward, 1, -1)
        here[rows] += step
        left = left.copy()
        left[rows] -= step


def _interpolated(flow: Flow, pair: Indices, way: Indices, centre: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Returns the (K, 2) flow at points of the full-size image, bilinear between the centres of the grid's cells."""
    shape = flow.shape
    cells = np.array([shape.grid_width, shape.grid_height])
    where = centre * (cells / np.array([shape.width_px, shape.height_px])) - 0.5
    where = np.clip(where, 0, cells - 1)
    first = np.minimum(where.astype(np.int64), np.maximum(cells - 2, 0))
    share = (where - first).astype(np.float32)
    second = np.minimum(first + 1, cells - 1)
    x, y = share[:, :1], share[:, 1:]
    top = flow.fields[pair, way, first[:, 1], first[:, 0]] * (1 - x)
    top += flow.fields[pair, way, first[:, 1], second[:, 0]] * x
    bottom = flow.fields[pair, way, second[:, 1], first[:, 0]] * (1 - x)
    bottom += flow.fields[pair, way, second[:, 1], second[:, 0]] * x
    return np.asarray(top * (1 - y) + bottom * y, dtype=np.float32)


def stored_flow(
    video: Video | Iterable[NDArray[np.uint8]],
    engine: Callable[[], Callable[[Image, Image], Field]],
    options: dict[str, Any],
    *,
    height_px: int = 300,
    grid_px: int = 4,
    cache: str | Path | None = None,
    workers: int = 2,
    gray: bool = True,
    progress: Callable[[int], object] | None = None,
) -> Flow:
    """Returns the flow of a video: from the cache if it is there, else computed, and then cached.

    The name of a cache file is made of the video's identity and `options`. Files appear under their name when
    complete, so a computation that is stopped leaves nothing behind that would be taken for a flow.

    Args:
        engine: makes, once a thread, a function of two frames of the working size that returns their flow.
        options: all that the flow depends on, besides the video.
        gray: whether the engine takes (h, w) grey frames, or (h, w, 3).
    """
    for name, value in (("height_px", height_px), ("grid_px", grid_px), ("workers", workers)):
        if value < 1:
            raise InputError(f"{name}: expected a whole number >= 1, got {value!r}")
    if progress is not None and isinstance(video, Video):
        frames: Iterable[NDArray[np.uint8]] = _reporting(video, progress)
    else:
        frames = video
    if cache is None:
        with tempfile.TemporaryFile() as file:
            shape = _compute(frames, engine, file, height_px=height_px, grid_px=grid_px, workers=workers, gray=gray)
            file.flush()
            return Flow(_mapped(file, shape), shape)
    if not isinstance(video, Video):
        raise InputError("cache: needs a path or a Video, whose flow it can find again; got frames")
    folder = Path(cache)
    name = f"{video.identity()}-{video.n_frames}-{FORMAT}-" + "-".join(f"{k}={v}" for k, v in sorted(options.items()))
    header, data = folder / f"{name}.json", folder / f"{name}.f16"
    if not header.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".flow-", delete=False) as file:
            try:
                shape = _compute(frames, engine, file, height_px=height_px, grid_px=grid_px, workers=workers, gray=gray)
                file.flush()
                os.replace(file.name, data)
            finally:
                Path(file.name).unlink(missing_ok=True)
        draft = folder / f".{name}.{os.getpid()}"
        draft.write_text(json.dumps(asdict(shape)))
        os.replace(draft, header)
    shape = FlowShape(**json.loads(header.read_text()))
    return Flow(_mapped(data, shape), shape)


def _mapped(file: Any, shape: FlowShape) -> NDArray[np.float16]:
    """Returns what was stored, mapped from disk, so that only what is looked up is read."""
    if shape.n_frames < 2:
        return np.zeros(shape.stored, np.float16)
    return np.memmap(file, np.float16, "r", shape=shape.stored)


def _reporting(video: Video, progress: Callable[[int], object]) -> Iterator[Image]:
    for number, frame in enumerate(video):
        progress(number)
        yield frame


def _compute(
    video: Iterable[NDArray[np.uint8]],
    engine: Callable[[], Callable[[Image, Image], Field]],
    file: IO[bytes],
    *,
    height_px: int,
    grid_px: int,
    workers: int,
    gray: bool,
) -> FlowShape:
    """Writes the flow of consecutive frames to a file, in order; holds a few frames at a time. Returns its shape."""
    cv2 = need_opencv("optical flow")
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with ThreadPoolExecutor(workers) as pool:
            engines = [engine() for _ in range(workers)]
            idle = deque(engines)
            sizes: list[tuple[int, int]] = []
            small = _small_frames(video, height_px, gray, sizes)
            waiting: deque[Future[NDArray[np.float16]]] = deque()
            n_frames, before = 0, None
            for frame in small:
                n_frames += 1
                if before is not None:
                    grid = (max(1, frame.shape[1] // grid_px), max(1, frame.shape[0] // grid_px))
                    for pair in ((before, frame), (frame, before)):
                        waiting.append(pool.submit(_one_way, idle, *pair, grid))
                while len(waiting) > 4 * workers:
                    file.write(waiting.popleft().result().data)
                before = frame
            for done in waiting:
                file.write(done.result().data)
    finally:
        cv2.setNumThreads(threads)
    if before is None:
        raise InputError("video: has no frames")
    height, width = before.shape[:2]
    cells = (max(1, width // grid_px), max(1, height // grid_px))
    return FlowShape(n_frames, *sizes[0], width, height, *cells)


def _one_way(
    idle: deque[Callable[[Image, Image], Field]], one: Image, two: Image, grid: tuple[int, int]
) -> NDArray[np.float16]:
    cv2 = need_opencv("optical flow")
    engine = idle.pop()
    try:
        field = engine(one, two)
    finally:
        idle.append(engine)
    if (field.shape[1], field.shape[0]) != grid:
        field = cv2.resize(field, grid, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(field, dtype=np.float16)


def _small_frames(
    video: Iterable[NDArray[np.uint8]], height_px: int, gray: bool, sizes: list[tuple[int, int]]
) -> Iterator[Gray]:
    """Yields the frames at the working size, grey if asked; `sizes` receives the (width, height) of the full ones."""
    cv2 = need_opencv("optical flow")
    for index, frame in enumerate(video):
        image = np.asarray(frame)
        if image.dtype != np.uint8 or image.ndim not in (2, 3):
            raise InputError(
                f"video: frame {index} is {image.dtype} of shape {image.shape}; expected uint8 (H, W, 3) or (H, W)"
            )
        size = (image.shape[1], image.shape[0])
        if not sizes:
            sizes.append(size)
        if size != sizes[0]:
            raise InputError(f"video: frame {index} has {size} pixels (width, height), the first {sizes[0]}")
        if gray and image.ndim == 3:
            image = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        if size[1] > height_px:
            work = (max(1, round(size[0] * height_px / size[1])), height_px)
            image = cv2.resize(image, work, interpolation=cv2.INTER_AREA)
        yield np.ascontiguousarray(image)


def _dis(preset: Preset) -> Callable[[Image, Image], Field]:
    """Returns a function that computes dense inverse search flow; each thread needs its own."""
    cv2 = need_opencv("optical flow")
    kinds = {
        "sharp": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
        "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
        "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
        "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
    }
    search = cv2.DISOpticalFlow.create(kinds[preset])
    if preset == "sharp":
        search.setFinestScale(1)
        search.setPatchStride(6)

    def compute(one: Image, two: Image) -> Field:
        field: Field = search.calc(one, two, None)
        return field

    return compute
