"""Many videos in: a file, a folder of frames, or a folder of either."""

from __future__ import annotations

from pathlib import Path

from askew.errors import DataNotFound
from askew.video.reader import FILMS, PICTURES, Video, natural, open_video

__all__ = ["Video", "open_video", "open_videos"]


def open_videos(path: str | Path, *, n_frames: int | None = None) -> dict[str, Video]:
    """Opens what is at `path`, by name: one video file, one folder of frames, or all of either under a folder.

    A folder that holds pictures is one video. Otherwise every video file and every folder of pictures below it is one,
    called by its path in it without the suffix (ImageNet-VID's `Data/VID/train`, or a folder of mp4 files).

    Args:
        n_frames: use the first so many frames of each only.

    Raises:
        DataNotFound: there is no video.
        InputError: one cannot be read.
    """
    root = Path(path)
    if not root.exists():
        raise DataNotFound(f"video: {root} does not exist")
    if root.is_file() or _has_pictures(root):
        video = open_video(root, n_frames=n_frames)
        return {video.name: video}
    films = [one for one in root.rglob("*") if one.is_file() and one.suffix.lower() in FILMS]
    folders = [one for one in root.rglob("*") if one.is_dir() and _has_pictures(one)]
    found = sorted([*films, *folders], key=lambda one: natural(one.as_posix()))
    if not found:
        raise DataNotFound(f"video: no videos and no folders of pictures under {root}")
    names = [one.relative_to(root).with_suffix("") if one.is_file() else one.relative_to(root) for one in found]
    return {name.as_posix(): open_video(one, n_frames=n_frames) for name, one in zip(names, found, strict=True)}


def _has_pictures(folder: Path) -> bool:
    return any(path.suffix.lower() in PICTURES and not path.name.startswith(".") for path in folder.iterdir())
