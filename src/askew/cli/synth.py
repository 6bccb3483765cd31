"""`askew synth roads`: videos of roads with the truth of every frame, made up on this machine."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from askew.cli.extras import need
from askew.errors import InputError


def add(commands: Any) -> None:
    """Adds the subcommand to the parser."""
    parser = commands.add_parser(
        "synth",
        help="make videos of roads, with a box for every object",
        description="Makes data up: videos of roads as a driving car sees them, with a box for every pedestrian, "
        "cyclist, car and wheelchair (the six subsets of SYNTHIA-AL, Table 2.1 of the thesis).",
    )
    kinds = parser.add_subparsers(title="what to make", dest="synth", metavar="WHAT", required=True)
    roads = kinds.add_parser(
        "roads",
        help="videos of a car that drives through a city, a town or on a highway",
        description="Writes OUT/train and OUT/test with a film each (motion JPEG), their boxes as MOTChallenge "
        "(OUT/train-mot) and as COCO with tracks (OUT/train.json), and OUT/roads.json, which says what was made. The "
        "same seed gives the same bytes. Stopped at any time, the same command goes on.",
    )
    roads.add_argument("out", type=Path, metavar="OUT", help="the folder to make, or to go on with")
    roads.add_argument(
        "--scale",
        type=float,
        default=0.05,
        metavar="S",
        help="share of the thesis's videos, at least one of each subset; 1 is all 294 (0.05)",
    )
    roads.add_argument(
        "--seconds",
        type=float,
        nargs=2,
        default=(10.0, 30.0),
        metavar=("MIN", "MAX"),
        help="shortest and longest video (10 30)",
    )
    roads.add_argument("--size", default="400x300", metavar="WxH", help="pixels of the pictures, both even (400x300)")
    roads.add_argument("--seed", type=int, default=0, metavar="N", help="of everything random (0)")
    roads.add_argument("--jobs", type=int, default=1, metavar="J", help="videos made at a time (1)")
    roads.set_defaults(call=call)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    try:
        return int(width), int(height)
    except ValueError:
        raise InputError(f"--size: expected WIDTHxHEIGHT in pixels, such as 400x300, got {text!r}") from None


def call(arguments: argparse.Namespace) -> int:
    """Makes the videos."""
    need("synthetic roads", "synth", "panda3d", "cv2")
    from askew.synth.roads import Settings, write_roads

    if arguments.jobs < 1:
        raise InputError(f"--jobs: expected at least 1, got {arguments.jobs}")
    width_px, height_px = _size(arguments.size)
    settings = Settings(arguments.scale, tuple(arguments.seconds), arguments.seed, width_px, height_px)

    def tell(done: int, total: int, name: str) -> None:
        print(f"{done} of {total}: {name}", file=sys.stderr, flush=True)

    write_roads(arguments.out, settings, jobs=arguments.jobs, progress=tell)
    videos = settings.videos()
    n_frames = sum(video.n_frames for video in videos)
    print(f"{arguments.out}: {len(videos)} videos, {n_frames:,} frames", file=sys.stderr)
    return 0
