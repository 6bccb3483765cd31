"""Many videos in: a file, a folder of frames, or a folder of either; each under a name of its own."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from askew.data.film.reader import FILMS, Video, natural, open_video, pictures_in
from askew.data.reading import reading
from askew.errors import DataNotFound, InputError


def open_videos(path: str | Path, *, n_frames: int | None = None) -> dict[str, Video]:
    """Opens what is at `path`, by name: one video file, one folder of frames, or all of either under a folder.

    A folder that holds pictures is one video. Otherwise every video file and every folder of pictures below it is one,
    called by its path in it without the suffix (ImageNet-VID's `Data/VID/train`, or a folder of mp4 files); files that
    differ in the suffix alone keep it. What is hidden is left out.

    Args:
        n_frames: use the first so many frames of each only.

    Raises:
        DataNotFound: there is no video.
        InputError: one cannot be read, or has a name that cannot be written.
    """
    root = Path(path)
    with reading(f"video: {root}"):
        if not root.exists():
            raise DataNotFound(f"video: {root} does not exist")
    if not root.is_dir() or pictures_in(root):
        video = open_video(root, n_frames=n_frames)
        return {_checked(video.name): video}
    visible = [one for one in root.rglob("*") if not any(part.startswith(".") for part in one.relative_to(root).parts)]
    films = [one for one in visible if one.suffix.lower() in FILMS and one.is_file()]
    folders = [one for one in visible if one.is_dir() and pictures_in(one)]
    found = sorted([*films, *folders], key=lambda one: natural(one.as_posix()))
    if not found:
        raise DataNotFound(f"video: no videos and no folders of pictures under {root}")
    names = [_checked(name) for name in _names(root, found)]
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise InputError(f"video: two videos are called {twice[0]!r}: rename one of the files")
    return {name: open_video(one, n_frames=n_frames) for name, one in zip(names, found, strict=True)}


def _names(root: Path, videos: Sequence[Path]) -> list[str]:
    """Returns the path of each in the root, of a file without its suffix unless another one is called so."""
    whole = [one.relative_to(root) for one in videos]
    short = [path.with_suffix("") if one.is_file() else path for path, one in zip(whole, videos, strict=True)]
    times = Counter(short)
    return [
        (part if times[part] == 1 or one.is_dir() else path).as_posix()
        for part, path, one in zip(short, whole, videos, strict=True)
    ]


def _checked(name: str) -> str:
    """Returns the name of a video, if a table and a file can hold it."""
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
        raise InputError(f"video: the name {name!r} holds what is no readable text: rename the file")
    return name
