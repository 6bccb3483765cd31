"""Optical flow of a video, computed once, a few frames at a time, and kept in 16 bits on disk."""

from __future__ import annotations

import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray

from askew.data.film.reader import Image, Video, need_opencv, open_video
from askew.errors import InputError, unknown
from askew.files import whole_file
from askew.video.flow import Flow, FlowShape, FlowTracker

Preset = Literal["sharp", "ultrafast", "fast", "medium"]
PRESETS = ("sharp", "ultrafast", "fast", "medium")

Gray = NDArray[np.uint8]
Field = NDArray[np.floating[Any]]
"""(h, w, 2) displacements in pixels of the working size, x then y."""

FORMAT = 1
"""Raised when what is in a cache file changes."""

LEAST_HEIGHT_PX = 16
"""The lowest working height: below it there is nothing left to follow."""

LEAST_DIS_PX = 32
"""OpenCV's DIS fails, or crashes, on frames with a shorter side than this; they are padded."""


def flow_tracker(
    video: str | Path | Video | Iterable[NDArray[np.uint8]],
    *,
    height_px: int = 300,
    preset: Preset = "sharp",
    grid_px: int = 4,
    cache: str | Path | None = None,
    workers: int = 2,
    progress: Callable[[int], object] | None = None,
) -> FlowTracker:
    """Returns a tracker that follows OpenCV's DIS flow (Kroeger et al., 2016) through a video.

    The flow of all consecutive frames is computed once, at a working height, both ways, and then reused in every cycle:
    from the second use of a cached video on, tracking costs a few look-ups a box. The thesis uses PWC-Net.

    Args:
        video: a path, an open `Video`, or frames as (H, W, 3) or (H, W) uint8 arrays of one size.
        height_px: the working height, >= 16; frames that are lower are not enlarged. The thesis takes 300.
        preset: OpenCV's "ultrafast", "fast" or "medium"; or "sharp", which goes down to half the working size as medium
            does, on sparser patches and without its refinement: people some pixels wide keep a motion of their own.
        grid_px: the flow is stored once every so many pixels of the working size, averaged over them.
        cache: a folder that keeps the flow; needs a path or a `Video`. None keeps it in a nameless file
            for as long as the tracker lives.
        workers: threads that compute flow.
        progress: is called with the number of each frame that was read, while flow is computed.

    Raises:
        InputError: frames of several sizes or types, a video cut short, a parameter out of range, or a cache folder
            that cannot be written to.
        MissingExtra: OpenCV is not installed.

    Cost: 4 · h · w / grid_px² numbers of 16 bits a frame: at 400 x 300 and a grid of 4, 60 kB.

    >>> y, x = np.mgrid[:96, :128]
    >>> waves = (120 + 60 * np.sin(x / 5) + 60 * np.sin(y / 7 + x / 11)).astype(np.uint8)
    >>> tracker = flow_tracker([np.roll(waves, 2 * t, axis=1) for t in range(3)])  # all moves right, 2 pixels a frame
    >>> box = np.array([[40, 20, 60, 40]], np.float32)
    >>> tracker.track(box, source=0, target=2).round().tolist(), tracker.track(box, source=2, target=1).round().tolist()
    ([[44.0, 20.0, 64.0, 40.0]], [[38.0, 20.0, 58.0, 40.0]])
    """
    if preset not in PRESETS:
        raise unknown("preset", preset, PRESETS)
    if isinstance(video, str | Path):
        video = open_video(video)
    options = {"dis": preset, "height": height_px, "grid": grid_px, "opencv": need_opencv("flow").__version__}
    flow = stored_flow(
        video,
        lambda: _dis(preset),
        options,
        height_px=height_px,
        grid_px=grid_px,
        cache=cache,
        workers=workers,
        progress=progress,
    )
    return FlowTracker(flow)


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

    The name of a cache file is made of the video's identity and `options`. It appears under that name when it is
    complete. A file of another size than this video's flow has, cut or damaged, is computed again.

    Args:
        engine: makes, once a thread, a function of two frames of the working size that returns their flow.
        options: all that the flow depends on, besides the video.
        gray: whether the engine takes (h, w) grey frames, or (h, w, 3).
    """
    limits = (("height_px", height_px, LEAST_HEIGHT_PX), ("grid_px", grid_px, 1), ("workers", workers, 1))
    for name, value, least in limits:
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise InputError(f"{name}: expected a whole number >= {least}, got {value!r}")
    frames = _reporting(video, progress) if progress is not None and isinstance(video, Video) else video

    def compute(file: IO[bytes]) -> FlowShape:
        return _compute(frames, engine, file, height_px=height_px, grid_px=grid_px, workers=workers, gray=gray)

    if cache is None:
        with tempfile.TemporaryFile() as file:
            shape = compute(file)
            file.flush()
            return Flow(_mapped(file, shape), shape)
    if not isinstance(video, Video):
        raise InputError("cache: needs a path or a Video, whose flow it can find again; got frames")
    name = f"{video.identity()}-{video.n_frames}-{FORMAT}-" + "-".join(f"{k}={v}" for k, v in sorted(options.items()))
    kept = _cache_folder(cache) / f"{name}.f16"
    shape = flow_shape(video.n_frames, video.width_px, video.height_px, height_px=height_px, grid_px=grid_px)
    if not kept.is_file() or kept.stat().st_size != shape.n_bytes:
        with whole_file(kept) as draft, draft.open("wb") as stream:
            found = compute(stream)
            if found != shape:
                raise InputError(
                    f"{video.path}: its frames are of {found.width_px} x {found.height_px} pixels, its header says "
                    f"{video.width_px} x {video.height_px}"
                )
            stream.flush()
            os.fsync(stream.fileno())
    return Flow(_mapped(kept, shape), shape)


def flow_shape(n_frames: int, width_px: int, height_px_of_frames: int, *, height_px: int, grid_px: int) -> FlowShape:
    """Returns the shape of the flow of so many frames of a size, at a working height and on a grid.

    >>> shape = flow_shape(2, 800, 600, height_px=300, grid_px=4)
    >>> (shape.work_width_px, shape.work_height_px), (shape.grid_width, shape.grid_height)
    ((400, 300), (100, 75))
    """
    width, height = width_px, height_px_of_frames
    if height > height_px:
        width, height = max(1, round(width * height_px / height)), height_px
    return FlowShape(
        n_frames, width_px, height_px_of_frames, width, height, max(1, width // grid_px), max(1, height // grid_px)
    )


def _cache_folder(cache: str | Path) -> Path:
    folder = Path(cache)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cache: {folder} cannot be made: {error.strerror}") from error
    return folder


def _mapped(file: Any, shape: FlowShape) -> NDArray[np.float16]:
    """Returns what was stored, mapped from disk, so that only what is looked up is read."""
    if not shape.n_bytes:
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
            idle = deque(engine() for _ in range(workers))
            sizes: list[tuple[int, int]] = []
            waiting: deque[Future[NDArray[np.float16]]] = deque()
            n_frames, before = 0, None
            for frame in _small_frames(video, height_px, gray, sizes):
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
    return flow_shape(n_frames, *sizes[0], height_px=height_px, grid_px=grid_px)


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
    with np.errstate(over="ignore", invalid="ignore"):
        kept = np.ascontiguousarray(field, dtype=np.float16)
    if not np.isfinite(kept).all():
        raise InputError("flow: is not finite, or beyond 65,504 pixels: what computes it (the weights?) gives no flow")
    return kept


def _small_frames(
    video: Iterable[NDArray[np.uint8]], height_px: int, gray: bool, sizes: list[tuple[int, int]]
) -> Iterator[Gray]:
    """Yields the frames at the working size, grey if asked; `sizes` receives the (width, height) of the full ones."""
    cv2 = need_opencv("optical flow")
    for index, frame in enumerate(video):
        image = np.asarray(frame)
        if image.dtype != np.uint8 or image.ndim not in (2, 3) or not image.size:
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
        shape = flow_shape(1, *size, height_px=height_px, grid_px=1)
        work = (shape.work_width_px, shape.work_height_px)
        yield np.ascontiguousarray(image if work == size else cv2.resize(image, work, interpolation=cv2.INTER_AREA))


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
        height, width = one.shape
        more = [(0, max(0, LEAST_DIS_PX - side)) for side in (height, width)]
        if more[0][1] or more[1][1]:
            one, two = np.pad(one, more, mode="edge"), np.pad(two, more, mode="edge")
        field: Field = search.calc(one, two, None)
        return field[:height, :width]

    return compute
