"""Frames in: one video file or one folder of pictures, read in order, with its size and length known beforehand."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from askew.data.reading import decoding, plain_file, reading
from askew.errors import DataNotFound, InputError, MissingExtra

Image = NDArray[np.uint8]
"""(H, W, 3) uint8 in OpenCV's order of channels: blue, green, red."""

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
FILMS = (".mp4", ".avi", ".mov", ".mkv", ".m4v", ".mpg", ".mpeg", ".webm", ".wmv")

SAMPLE_BYTES = 1 << 16
"""How much of a file's beginning and end goes into its identity."""


def need_opencv(feature: str) -> Any:
    """Returns OpenCV, which reads video and computes flow.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise MissingExtra(feature, "video") from error
    return cv2


@dataclass(frozen=True)
class Video:
    """A video file or a folder of frames; iterate over it to get its frames in order.

    Frames are decoded as they are asked for, so memory does not grow with the length.
    """

    path: Path
    n_frames: int
    width_px: int
    height_px: int
    frame_rate: float
    """Frames a second; 0 if unknown, as for folders."""
    pictures: tuple[Path, ...] = ()
    """The files of a folder of frames; empty for a video file."""
    declared: int = 0
    """How many frames the file's header speaks of, or were counted; `n_frames` may be the first of them."""

    @property
    def name(self) -> str:
        """The file's name without its suffix, or the folder's."""
        return self.path.resolve().name if self.pictures else self.path.stem

    def __len__(self) -> int:
        return self.n_frames

    def __iter__(self) -> Iterator[Image]:
        """Yields every frame.

        Raises:
            InputError: the file ends before its header says, or pictures differ in size.
        """
        return (image for _, image in self.frames_at(range(self.n_frames)))

    def frames_at(self, frames: Iterable[int]) -> Iterator[tuple[int, Image]]:
        """Yields (index, frame) for the frames asked, in order of their index.

        A file is read from its beginning, since seeking is not exact in most formats.

        Raises:
            InputError: a frame does not exist, the file ends before its header says, or pictures differ in size.
        """
        wanted = sorted(set(frames))
        if wanted and not 0 <= wanted[0] <= wanted[-1] < self.n_frames:
            raise InputError(f"frames: {self.path.name} has frames 0 to {self.n_frames - 1}, asked for {wanted[-1]}")
        return self._from_folder(wanted) if self.pictures else self._from_file(wanted)

    def check(self) -> None:
        """Reads every frame once, for whoever needs to know that all are there before using a few.

        Raises:
            InputError: see `__iter__`.
        """
        for _ in self:
            pass

    def seconds(self) -> NDArray[np.float64]:
        """Returns (L,) when each frame is shown, in seconds from the first, as the file says; NaN for folders.

        Frames of a film need not be equally far apart: phones and screen recorders save them as they come. A file that
        does not say, or says what cannot be, is taken at its frame rate.

        Raises:
            InputError: the file ends before its header says.

        Cost: one pass over a file, without its pixels.
        """
        if self.pictures:
            return np.full(self.n_frames, np.nan)
        cv2 = need_opencv("reading video")
        capture = cv2.VideoCapture(str(self.path))
        read: list[float] = []
        try:
            for frame in range(self.n_frames):
                if not capture.grab():
                    raise _cut_short(self.path, self.declared, frame)
                read.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
        finally:
            capture.release()
        times = np.array(read)
        if np.isfinite(times).all() and (np.diff(times) > 0).all():
            return np.asarray(times - times[0])
        return np.arange(self.n_frames) / self.frame_rate if self.frame_rate > 0 else np.full(self.n_frames, np.nan)

    def identity(self) -> str:
        """Returns a name for the contents: a digest of size and time of change, and of both ends of a video file."""
        digest = hashlib.sha256()
        for path in self.pictures or (self.path,):
            status = path.stat()
            digest.update(f"{path.name} {status.st_size} {status.st_mtime_ns}\n".encode())
        if not self.pictures:
            with self.path.open("rb") as file:
                digest.update(file.read(SAMPLE_BYTES))
                file.seek(max(0, status.st_size - SAMPLE_BYTES))
                digest.update(file.read(SAMPLE_BYTES))
        return digest.hexdigest()[:24]

    def _from_file(self, wanted: list[int]) -> Iterator[tuple[int, Image]]:
        cv2 = need_opencv("reading video")
        capture = cv2.VideoCapture(str(self.path))
        try:
            index = 0
            for frame in wanted:
                with decoding(self.path, "a video"):
                    while index <= frame:
                        if not capture.grab():
                            raise _cut_short(self.path, self.declared, index)
                        index += 1
                    ok, image = capture.retrieve()
                if not ok:
                    raise _cut_short(self.path, self.declared, frame)
                yield frame, image
            if wanted and wanted[-1] == self.declared - 1 and capture.grab():
                raise InputError(f"{self.path}: has more frames than the {self.declared} of its header: re-encode it")
        finally:
            capture.release()

    def _from_folder(self, wanted: list[int]) -> Iterator[tuple[int, Image]]:
        for frame in wanted:
            image = _picture(self.pictures[frame])
            height, width = image.shape[:2]
            if (width, height) != (self.width_px, self.height_px):
                raise InputError(
                    f"{self.pictures[frame]}: {width} x {height} pixels, but {self.pictures[0].name} has "
                    f"{self.width_px} x {self.height_px}: the frames of a video must be of one size"
                )
            yield frame, image


def open_video(path: str | Path, *, n_frames: int | None = None) -> Video:
    """Opens a video file (mp4, avi, …) or a folder of frames (jpg, png, …, in the natural order of their names).

    Args:
        path: the file or folder.
        n_frames: use the first so many frames only; this is how to use what is left of a file cut short.

    Raises:
        DataNotFound: nothing is there, or a folder without pictures.
        InputError: the file is no video, or it has fewer than `n_frames` frames.
        MissingExtra: OpenCV is not installed.
    """
    where = Path(path)
    with reading(f"video: {where}"):
        if not where.exists():
            raise DataNotFound(f"video: {where} does not exist")
    video = _open_folder(where) if where.is_dir() else _open_file(where)
    if n_frames is None:
        return video
    if not 1 <= n_frames <= video.n_frames:
        raise InputError(f"n_frames: {where.name} has {video.n_frames} frames, asked for {n_frames}")
    return replace(video, n_frames=n_frames)


def _open_folder(where: Path) -> Video:
    pictures = tuple(sorted(pictures_in(where), key=lambda path: natural(path.name)))
    if not pictures:
        raise DataNotFound(f"video: {where} holds no pictures ({', '.join(PICTURES)})")
    height, width = _picture(pictures[0]).shape[:2]
    return Video(where, len(pictures), width, height, 0.0, pictures, len(pictures))


def pictures_in(folder: Path) -> list[Path]:
    """Returns the pictures of a folder, hidden ones left out, in no order.

    Raises:
        InputError: the folder cannot be read.
    """
    with reading(folder):
        return [path for path in folder.iterdir() if path.suffix.lower() in PICTURES and not path.name.startswith(".")]


def _beginning(where: Path) -> bytes:
    """Returns the first bytes of a film.

    FFmpeg makes a film of much that is none; texts (drawn as letters), playlists and single pictures are refused.
    """
    plain_file(where)
    if where.suffix.lower() in PICTURES:
        raise InputError(f"{where}: is a picture; give the folder of the frames")
    with reading(where), where.open("rb") as file:
        beginning = file.read(SAMPLE_BYTES)
    if b"\0" not in beginning:
        raise InputError(f"{where}: not a video that OpenCV can read: it holds text")
    return beginning


def _counts_frames(beginning: bytes) -> bool:
    """Whether a film's header says how many frames there are: AVI does, and MP4 and QuickTime unless in fragments.

    Of all others OpenCV guesses the number from length and frame rate, and is wrong where frames are not equally far
    apart.
    """
    mp4 = beginning[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
    return beginning[:4] == b"RIFF" or (mp4 and b"mvex" not in beginning)


def _open_file(where: Path) -> Video:
    beginning = _beginning(where)
    cv2 = need_opencv("reading video")
    capture = cv2.VideoCapture(str(where))
    try:
        if not capture.isOpened() or not capture.grab():
            raise InputError(f"{where}: not a video that OpenCV can read, or cut short before its first frame")
        declared = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        width, height = (int(capture.get(key)) for key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        rate = float(capture.get(cv2.CAP_PROP_FPS))
        if declared <= 0 or not _counts_frames(beginning):
            declared = 1
            while capture.grab():
                declared += 1
    finally:
        capture.release()
    return Video(where, declared, width, height, rate if np.isfinite(rate) else 0.0, (), declared)


def _picture(path: Path) -> Image:
    cv2 = need_opencv("reading pictures")
    with reading(path):
        data = path.read_bytes()
    with decoding(path, "a picture"):
        _check_chunks(data)
        image: Image | None = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise InputError(f"{path}: not a picture that OpenCV can read")
    return image


def _check_chunks(data: bytes) -> None:
    """Refuses a PNG with a part that is longer than the file: OpenCV would reserve what it declares, up to 4 GB."""
    place = 8 if data[:8] == b"\x89PNG\r\n\x1a\n" else len(data)
    while place + 8 <= len(data) and data[place + 4 : place + 8] != b"IEND":
        place += 12 + int.from_bytes(data[place : place + 4], "big")
    if place > len(data):
        raise ValueError("it is cut short or damaged")


def _cut_short(path: Path, declared: int, found: int) -> InputError:
    return InputError(
        f"{path}: its header speaks of {declared} frames, but only {found} can be read: the file is cut short "
        f"or damaged; n_frames={found} (--frames {found}) uses what is left"
    )


def natural(name: str) -> list[tuple[int, int, str]]:
    """Returns a key that sorts names with numbers as people do.

    >>> sorted(["f10.jpg", "f9.jpg", "f010b.jpg"], key=natural)
    ['f9.jpg', 'f10.jpg', 'f010b.jpg']
    """
    parts = re.split(r"(\d+)", name)
    return [(1, int(part), "") if i % 2 else (0, 0, part) for i, part in enumerate(parts)]
