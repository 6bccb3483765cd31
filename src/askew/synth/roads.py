"""A data set of road videos: films, their boxes as MOTChallenge and COCO, and what was made.

    OUT/roads.json                  settings, versions, and for each video its area, condition, places and who took them
    OUT/train/<video>.avi           motion JPEG, 25 frames a second; likewise OUT/test
    OUT/train-mot/<video>.txt       the truth: frame, track, left, top, width, height, 1, class from 1, visibility
    OUT/train.json                  the truth of all videos as COCO with videos and tracks

A video that is there is not made again, so the same call goes on where an earlier one was stopped.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from askew.arrays import is_whole
from askew.boxes import Detections
from askew.data.annotations import to_coco
from askew.data.film.reader import need_opencv
from askew.data.reading import decoding, read_text
from askew.errors import InputError, MissingExtra
from askew.files import sweep, whole_file, write_whole
from askew.synth import table
from askew.synth.table import CLASSES, FPS

ABOUT = "roads.json"

QUALITY = 92
"""Of the JPEG of each frame, from 0 to 100."""

SMALLEST_PX, LARGEST_PX = 64, 2048
"""Of a side of the pictures."""

VERSION = 1
"""Of the world that is drawn; it rises when the same seed gives other videos."""


@dataclass(frozen=True)
class Settings:
    """What is made.

    Attributes:
        scale: share of the videos of Table 2.1, at least one of each row.
        seconds: shortest and longest video.
        seed: of everything random.
        width_px, height_px: of the pictures.

    Raises:
        InputError: see `table.sequences`; a side out of range.
    """

    scale: float = 1.0
    seconds: tuple[float, float] = (10.0, 30.0)
    seed: int = 0
    width_px: int = 400
    height_px: int = 300

    def __post_init__(self) -> None:
        for name in ("width_px", "height_px"):
            side = getattr(self, name)
            if not is_whole(side) or not SMALLEST_PX <= side <= LARGEST_PX or side % 2:
                raise InputError(f"{name}: expected an even number from {SMALLEST_PX} to {LARGEST_PX}, got {side!r}")
        self.videos()

    def videos(self) -> tuple[table.Sequence, ...]:
        """Returns the videos."""
        return table.sequences(scale=self.scale, seconds=self.seconds, seed=self.seed)


@dataclass(frozen=True)
class Made:
    """What came of a video: who was in it, class by class."""

    name: str
    places: dict[str, int]
    taken: dict[str, int]


Tell = Callable[[int, int, str], object]


def write_roads(out: str | Path, settings: Settings, *, jobs: int = 1, progress: Tell | None = None) -> Path:
    """Makes the videos and their boxes in a folder, a new one or one in which the same call was stopped.

    Args:
        out: the folder.
        settings: what is made.
        jobs: videos made at a time, each by a process of its own.
        progress: told how many videos are done, of how many, and which is.

    Returns:
        The folder.

    Raises:
        InputError: the folder holds something else, or was made with other settings.
        MissingExtra: Panda3D or OpenCV is not installed.
    """
    folder = Path(out)
    videos = settings.videos()
    need_opencv("synthetic roads")
    there = _begun(folder, settings, videos)
    todo = [video for video in videos if video.name not in there or not _film(folder, video).is_file()]
    done = len(videos) - len(todo)
    made = {name: one for name, one in there.items() if name not in {video.name for video in todo}}
    if todo:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(max_workers=min(jobs, len(todo)), mp_context=context) as workers:
            running = [workers.submit(make_video, folder, video.name, settings) for video in todo]
            try:
                for future in as_completed(running):
                    one = future.result()
                    made[one.name], done = one, done + 1
                    _describe(folder, settings, videos, made)
                    if progress is not None:
                        progress(done, len(videos), one.name)
            finally:
                workers.shutdown(cancel_futures=True)
    for part in dict.fromkeys(video.part for video in videos):
        write_whole(folder / f"{part}.json", json.dumps(_coco(folder, part, videos, settings)) + "\n")
    return folder


def _film(folder: Path, video: table.Sequence) -> Path:
    return folder / video.part / f"{video.name}.avi"


def _truth(folder: Path, video: table.Sequence) -> Path:
    return folder / f"{video.part}-mot" / f"{video.name}.txt"


def _begun(folder: Path, settings: Settings, videos: Sequence[table.Sequence]) -> dict[str, Made]:
    """Makes the folder, or reads from it which videos are there already."""
    about = folder / ABOUT
    if not about.is_file():
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(f"{folder}: is not empty and holds no roads: choose another folder")
        for part in dict.fromkeys(video.part for video in videos):
            for name in (part, f"{part}-mot"):
                (folder / name).mkdir(parents=True, exist_ok=True)
        _describe(folder, settings, videos, {})
        return {}
    with decoding(about, "JSON"):
        found = json.loads(read_text(about))
        same = found["version"] == VERSION and found["settings"] == json.loads(json.dumps(asdict(settings)))
        made = [Made(one["name"], one["places"], one["taken"]) for one in found["videos"] if one["places"] is not None]
    if not same:
        raise InputError(f"{folder}: holds roads that were made otherwise (see {ABOUT}): choose another folder")
    for part in dict.fromkeys(video.part for video in videos):
        sweep(folder / part)
    return {one.name: one for one in made}


def _describe(folder: Path, settings: Settings, videos: Iterable[table.Sequence], made: dict[str, Made]) -> None:
    lines = []
    for video in videos:
        one = made.get(video.name)
        lines.append(
            {
                "name": video.name,
                "part": video.part,
                "area": video.area,
                "condition": video.condition,
                "n_frames": video.n_frames,
                "spawn": dict(video.spawn),
                "places": None if one is None else one.places,
                "taken": None if one is None else one.taken,
            }
        )
    content = {"version": VERSION, "settings": asdict(settings), "classes": CLASSES, "fps": FPS, "videos": lines}
    write_whole(folder / ABOUT, json.dumps(content, indent=1) + "\n")


def make_video(folder: Path, name: str, settings: Settings) -> Made:
    """Writes one of the videos and its boxes; the film is renamed into its place last."""
    from askew.synth.render import frames
    from askew.synth.traffic import traffic

    cv2 = need_opencv("synthetic roads")
    video = next(one for one in settings.videos() if one.name == name)
    who, size = traffic(video), (settings.width_px, settings.height_px)
    lines = []
    with whole_file(_film(folder, video)) as draft:
        film = draft.with_name(draft.name + ".avi")
        try:
            writer = cv2.VideoWriter(str(film), cv2.CAP_OPENCV_MJPEG, cv2.VideoWriter_fourcc(*"MJPG"), FPS, size)
            if not writer.isOpened():
                raise MissingExtra("writing motion JPEG with OpenCV", "synth")
            writer.set(cv2.VIDEOWRITER_PROP_QUALITY, QUALITY)
            drawn = frames(video, width_px=size[0], height_px=size[1], who=who)
            for number, frame in enumerate(drawn, start=1):
                writer.write(np.ascontiguousarray(frame.picture[..., ::-1]))
                for one in frame.objects:
                    left, top, right, bottom = one.box
                    box = f"{left},{top},{right - left},{bottom - top}"
                    lines.append(f"{number},{one.number + 1},{box},1,{one.kind + 1},{one.visibility:.4f}\n")
            writer.release()
            write_whole(_truth(folder, video), "".join(lines))
            film.replace(draft)
        finally:
            film.unlink(missing_ok=True)
    return Made(video.name, dict(who.n_places), dict(who.n_taken))


def _coco(folder: Path, part: str, videos: Iterable[table.Sequence], settings: Settings) -> dict[str, Any]:
    """Returns the truth of one part as a COCO document; each annotation has `track_id` and `visibility`."""
    of_videos: dict[str, Sequence[Detections]] = {}
    extras: list[tuple[int, float]] = []
    for video in videos:
        if video.part == part:
            rows = _rows(_truth(folder, video))
            at = np.searchsorted(rows[:, 0], np.arange(1, video.n_frames + 2))
            of_videos[video.name] = [_detections(rows[a:b]) for a, b in itertools.pairwise(at)]
            extras += [(int(row[1]), float(row[8])) for row in rows]
    document = to_coco(of_videos, CLASSES, size=(settings.width_px, settings.height_px))
    for annotation, (track, visibility) in zip(document["annotations"], extras, strict=True):
        annotation.pop("score")
        annotation.update(track_id=track, visibility=visibility)
    return document


def _rows(path: Path) -> np.ndarray[Any, np.dtype[np.float64]]:
    text = read_text(path)
    rows = [[float(cell) for cell in line.split(",")] for line in text.splitlines()]
    return np.array(rows) if rows else np.zeros((0, 9))


def _detections(rows: np.ndarray[Any, np.dtype[np.float64]]) -> Detections:
    corners = np.concatenate([rows[:, 2:4], rows[:, 2:4] + rows[:, 4:6]], axis=1)
    return Detections(corners.astype(np.float32), np.ones(len(rows), np.float32), rows[:, 7].astype(np.int64) - 1)
