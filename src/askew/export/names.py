"""File names for videos and their frames: readable, and never the same for two of them."""

from __future__ import annotations

import re

ESCAPED = re.compile(r"%|_(?=[_/])|(?<=[_/])_")
"""What would not be told apart once a slash is written as two underscores."""


def file_stem(video: str) -> str:
    """Returns the name of a video as a part of file names; different names give different ones.

    A slash becomes two underscores; an underscore beside a slash or another underscore becomes %5F.

    >>> [file_stem(name) for name in ("a/b", "a__b", "a_/b", "a/_b", "cam_1")]
    ['a__b', 'a%5F%5Fb', 'a%5F__b', 'a__%5Fb', 'cam_1']
    """
    return ESCAPED.sub(lambda found: f"%{ord(found[0]):02X}", video).replace("/", "__")


def frame_name(video: str, frame: int, suffix: str) -> str:
    """Returns the file name of a frame of a video.

    >>> frame_name("left/cam", 7, ".png")
    'left__cam-000007.png'
    """
    return f"{file_stem(video)}-{frame:06d}{suffix}"
