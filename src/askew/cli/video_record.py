"""What a run of `askew video` was made with: all that one needs to repeat it, and to tell whether it was the same."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from askew.data.reading import reading
from askew.experiment.provenance import versions
from askew.files import size_and_digest

if TYPE_CHECKING:
    from askew.review import Footage

INPUTS = ("detections", "images", "annotations", "weights", "doubt")
"""Options that name one file or folder that is read; the clip and the tables of labelled frames come beside them."""

NOT_RECORDED = ("call", "command", "action", "clip", "labeled", "out", "force", "cache", "save_doubt")
"""What is recorded as input, and where things lie, which changes no result."""

LIBRARIES = ("askew", "numpy", "scipy", "opencv-python-headless", "opencv-python")
TRACKERS = {"flow": ("height", "preset"), "raft": ("height",), "static": ()}
"""The options of tracking that each tracker reads."""


def record(arguments: argparse.Namespace, footage: Footage) -> dict[str, Any]:
    """Returns the command, its options (defaults too), versions, and the files read with their sizes and digests."""
    unread = {"height", "preset"} - set(TRACKERS[arguments.tracker])
    left_out = {*NOT_RECORDED, *INPUTS, *unread}
    torch = ("torch", "torchvision") if arguments.tracker == "raft" else ()
    inputs: dict[str, Any] = {"clip": str(arguments.clip), "videos": {}}
    for name, video in footage.videos.items():
        inputs["videos"][name] = contents(video.path, video.pictures or None)
    for name in INPUTS:
        path = getattr(arguments, name)
        inputs[name] = None if path is None else contents(path)
    inputs["labeled"] = [contents(path) for path in arguments.labeled]
    return {
        "command": f"askew video {arguments.action}",
        "versions": versions((*LIBRARIES, *torch)),
        **{name: value for name, value in vars(arguments).items() if name not in left_out},
        "learned_doubt": None if footage.doubt is None else footage.doubt.weights.tolist(),
        "inputs": inputs,
    }


def contents(path: Path, files: Iterable[Path] | None = None) -> dict[str, Any]:
    """Returns the path, bytes and SHA-256 of a file; of a folder how many files, all their bytes, and one digest.

    The digest of a folder is that of a line for each file, sorted by name: its digest, two spaces and its path in the
    folder, as `sha256sum` writes them.

    Args:
        files: those of the folder that are read; all below it if None.

    Raises:
        InputError: a file cannot be read.
    """
    with reading(path):
        if not path.is_dir():
            size, digest = size_and_digest(path)
            return {"path": str(path), "bytes": size, "sha256": digest}
        below = sorted(files or (one for one in path.rglob("*") if one.is_file()))
        sizes, lines = 0, []
        for file in below:
            size, digest = size_and_digest(file)
            sizes += size
            lines.append(f"{digest}  {file.relative_to(path).as_posix()}\n")
    digest = hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
    return {"path": str(path), "files": len(below), "bytes": sizes, "sha256": digest}
