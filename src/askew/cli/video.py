"""`askew video`: which frames does a detector get wrong, and which should a person annotate next? No labels needed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from askew.data.film import Video
    from askew.review import Coherence, Footage
    from askew.video import FrameErrors, Tracker

SCORES = (
    "auto",
    "fp",
    "fn",
    "fp+fn",
    "expected-fp",
    "least-confidence",
    "least-confidence-sum",
    "entropy",
    "margin",
    "random",
)
TRACKERS = ("flow", "static", "raft")
FORMATS = ("coco", "cvat", "label-studio")


def add(commands: Any) -> None:
    """Adds the subcommand to the parser."""
    parser = commands.add_parser(
        "video",
        help="find the frames of a video that a detector gets wrong, and pick frames to annotate",
        description="Estimates a detector's errors from the coherence of nearby frames: no labels, no training.",
    )
    actions = parser.add_subparsers(title="commands", dest="action", required=True, metavar="COMMAND")
    errors = actions.add_parser(
        "errors",
        help="estimate the errors of every frame",
        description="Writes a table of frames, the suspected and missed boxes as JSON, pictures of the worst frames "
        "and a timeline of each video.",
    )
    _add_input(errors)
    errors.add_argument("--out", type=Path, metavar="DIR", help="the folder to write, new or empty (CLIP-errors)")
    errors.add_argument("--table", choices=["parquet", "csv"], default="parquet", help="format of the table (parquet)")
    errors.add_argument(
        "--pictures",
        type=int,
        default=24,
        metavar="N",
        help="frames to draw of each video at most, none next to another (24)",
    )
    errors.set_defaults(call=call_errors)
    pick = actions.add_parser(
        "pick",
        help="pick frames to annotate",
        description="Writes the picked frames as pictures, with their boxes as a first guess for the labelling tool. "
        "Frames close to labelled ones or to each other are left out.",
    )
    _add_input(pick)
    pick.add_argument("--out", type=Path, metavar="DIR", help="the folder to write, new or empty (CLIP-frames)")
    pick.add_argument("-n", type=int, required=True, metavar="N", help="how many frames to pick")
    pick.add_argument(
        "--by",
        choices=SCORES,
        default="auto",
        help="what makes a frame worth it (auto: fp, with what annotated frames taught as soon as there are ten)",
    )
    pick.add_argument(
        "--break-ties",
        choices=["seed", "confidence"],
        default="seed",
        help="what comes first of frames with equally many errors: chance, or the lowest scores (seed)",
    )
    pick.add_argument("--order", choices=["videos", "global"], default="videos", help="round-robin, or by score alone")
    pick.add_argument(
        "--around-picked", type=int, default=5, metavar="K", help="frames left out next to picked ones (5)"
    )
    pick.add_argument("--around-labeled", type=int, default=3, metavar="K", help="… next to labelled ones (3)")
    pick.add_argument("--balance", type=float, metavar="WEIGHT", help="λ of the balance over classes of objects")
    pick.add_argument("--format", choices=FORMATS, default="coco", help="for which tool the first guess is (coco)")
    pick.add_argument("--seed", type=int, default=0, help="settles ties and random picks (0)")
    pick.set_defaults(call=call_pick)


def _add_input(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("clip", type=Path, metavar="CLIP", help="a video, a folder of frames, or a folder of either")
    parser.add_argument(
        "--detections",
        type=Path,
        required=True,
        metavar="FILE",
        help="MOTChallenge .txt, COCO .json, or a folder of YOLO .txt or VOC .xml; for several videos one COCO file "
        "with videos, or a folder with one such file or folder for each",
    )
    parser.add_argument("--images", type=Path, metavar="FILE", help="the data set's JSON, for a COCO list of results")
    parser.add_argument(
        "--classes",
        metavar="NAMES",
        help="use only these classes, separated by commas; for a file without names of classes (MOTChallenge, YOLO): "
        "their names, in the order of their numbers",
    )
    parser.add_argument("--min-score", type=float, default=0.0, metavar="S", help="ignore detections below this (0)")
    parser.add_argument("--frames", type=int, metavar="N", help="use the first N frames only")
    parser.add_argument("--tracker", choices=TRACKERS, default="flow", help="how boxes are moved between frames (flow)")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="weights of the tracker raft")
    parser.add_argument("--height", type=int, default=300, metavar="PX", help="working height of the flow (300)")
    parser.add_argument(
        "--preset", choices=["sharp", "ultrafast", "fast", "medium"], default="sharp", help="speed of the flow (sharp)"
    )
    parser.add_argument("--cache", type=Path, metavar="DIR", help="where flow is kept (~/.cache/askew/flow)")
    parser.add_argument("--reach", type=int, default=3, metavar="K", help="frames to look either way (3)")
    parser.add_argument("--link-iou", type=float, default=0.5, metavar="T", help="overlap that links detections (0.5)")
    parser.add_argument("--candidate-iou", type=float, default=0.75, metavar="T", help="overlap of a candidate (0.75)")
    parser.add_argument("--pairwise", type=float, default=1.0, metavar="W", help="cost of broken links (1)")
    parser.add_argument(
        "--confidence", type=float, metavar="C", help="make sure detections harder to suspect (off; try 7)"
    )
    parser.add_argument(
        "--fill", type=int, default=0, metavar="K", help="fill gaps of up to K frames between tracklets (0; try 20)"
    )
    parser.add_argument(
        "--labeled",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="the annotated frames: CSV with video,frame, such as picked.csv; may be repeated",
    )
    parser.add_argument(
        "--annotations",
        type=Path,
        metavar="FILE",
        help="what is really in the frames of --labeled, in a format of --detections: teaches which detections to "
        "doubt",
    )
    parser.add_argument(
        "--doubt",
        type=Path,
        metavar="FILE",
        help="what --save-doubt wrote, from other videos or frames: which detections to doubt; with --annotations what "
        "these begin from",
    )
    parser.add_argument(
        "--save-doubt", type=Path, metavar="FILE", help="write what --annotations taught, for --doubt: a new .json"
    )
    parser.add_argument("--force", action="store_true", help="replace what askew wrote into DIR; other files stay")


def call_errors(arguments: argparse.Namespace) -> int:
    """Estimates errors and writes them."""
    from askew.cli.video_record import record
    from askew.errors import InputError
    from askew.export.errors import write_errors
    from askew.files import output_folder
    from askew.review import review
    from askew.video import least_confidence

    if arguments.pictures < 0:
        raise InputError(f"--pictures: expected a number >= 0, got {arguments.pictures}")
    if arguments.labeled and not arguments.annotations:
        raise InputError("--labeled changes nothing here by itself: add --annotations FILE")
    _check_tracker(arguments)
    out = arguments.out or _beside(arguments.clip, "errors")
    _check_out(arguments, out)
    footage = _footage(arguments)
    for boxes in footage.boxes.values():
        least_confidence(boxes.frames)
    reviews = review(footage, lambda video: _tracker(arguments, video), coherence=_coherence(arguments))
    _save_doubt(arguments, footage)
    with output_folder(out, force=arguments.force, reads=_reads(arguments)) as folder:
        write_errors(
            folder,
            reviews,
            parameters=record(arguments, footage),
            table=arguments.table,
            pictures=arguments.pictures,
        )
    for one in reviews:
        if one.errors is not None:
            print(_summary(one.name, one.errors))
    print(f"written: {out}")
    return 0


def call_pick(arguments: argparse.Namespace) -> int:
    """Picks frames and writes them with a first guess of their boxes."""
    from askew.cli.video_record import record
    from askew.errors import InputError
    from askew.export.picked import write_picked
    from askew.files import output_folder
    from askew.plan import Balance, Spacing
    from askew.review import reads_doubt, reads_errors, review, select_frames, settled, without_errors

    by_errors = arguments.by == "auto" or reads_errors(arguments.by)
    if not (by_errors or reads_doubt(arguments.by)):
        for flag in ("annotations", "doubt"):
            if getattr(arguments, flag) is not None:
                raise InputError(f"--{flag} changes nothing with --by {arguments.by}")
    _check_tracker(arguments)
    spacing = Spacing(arguments.around_labeled, arguments.around_picked, arguments.order)
    balance = None if arguments.balance is None else Balance(arguments.balance)
    out = arguments.out or _beside(arguments.clip, "frames")
    _check_out(arguments, out)
    footage = _footage(arguments)
    by, judged = settled(arguments.by, footage)
    if footage.doubt is not None and judged.doubt is None:
        n_frames = _counted(footage.doubt.n_frames, "annotated frame")
        print(f"askew: {n_frames} of the ten that --by auto needs to learn from: --by fp uses them", file=sys.stderr)
    if by_errors:
        reviews = review(judged, lambda video: _tracker(arguments, video), coherence=_coherence(arguments))
    else:
        reviews = without_errors(judged)
    picked = select_frames(
        reviews,
        arguments.n,
        by=by,
        break_ties=arguments.break_ties,
        labeled=footage.labeled,
        spacing=spacing,
        balance=balance,
        seed=arguments.seed,
    )
    if picked.selection.gap is not None:
        print(f"balance: within {picked.selection.gap:.2%} of the best possible")
    _save_doubt(arguments, footage)
    with output_folder(out, force=arguments.force, reads=_reads(arguments)) as folder:
        write_picked(folder, picked.rows, picked.scores, kind=arguments.format, parameters=record(arguments, judged))
    n_videos = len({one.name for one, _ in picked.rows})
    print(f"{_counted(len(picked.rows), 'frame')} of {_counted(n_videos, 'video')} written: {out}")
    return 0


def _beside(clip: Path, what: str) -> Path:
    """Returns the folder that is written where none is named: in the working folder, called after the clip."""
    return Path(f"{clip.resolve().stem}-{what}")


def _check_out(arguments: argparse.Namespace, out: Path) -> None:
    from askew.errors import InputError
    from askew.files import check_output_folder

    check_output_folder(out, force=arguments.force, reads=_reads(arguments))
    _check_save(arguments, out)
    cache = _cache(arguments)
    if cache is not None and out.resolve() in (cache.resolve(), *cache.resolve().parents):
        raise InputError(f"--cache: {cache} lies in {out}, the folder to write: keep the flow elsewhere")


def _check_save(arguments: argparse.Namespace, out: Path) -> None:
    from askew.data.doubts import read_doubt
    from askew.errors import InputError

    path: Path | None = arguments.save_doubt
    if path is None:
        return
    if not arguments.annotations:
        raise InputError("--save-doubt needs --annotations FILE: there is nothing to learn a doubt from")
    if path.suffix != ".json":
        raise InputError(f"--save-doubt: {path} is no .json file")
    if out.resolve() in path.resolve().parents:
        raise InputError(f"--save-doubt: {path} lies in {out}, the folder to write: keep the doubt elsewhere")
    if path.exists():
        if not arguments.force:
            raise InputError(f"--save-doubt: {path} is there: choose another name, or --force to replace a doubt")
        read_doubt(path)


def _save_doubt(arguments: argparse.Namespace, footage: Footage) -> None:
    from askew.data.doubts import write_doubt

    if arguments.save_doubt is not None and footage.doubt is not None:
        write_doubt(arguments.save_doubt, footage.doubt)


def _reads(arguments: argparse.Namespace) -> list[Path]:
    """Returns all files and folders that the command reads."""
    named = (arguments.clip, arguments.detections, arguments.images, arguments.annotations, arguments.weights)
    return [path for path in (*named, arguments.doubt, *arguments.labeled, _cache(arguments)) if path is not None]


def _footage(arguments: argparse.Namespace) -> Footage:
    from askew.errors import InputError
    from askew.review import read_footage

    if arguments.annotations and not arguments.labeled:
        raise InputError("--annotations needs --labeled FILE: which frames they are complete for")
    _tame_opencv()
    footage = read_footage(
        arguments.clip,
        arguments.detections,
        images=arguments.images,
        classes=[name.strip() for name in arguments.classes.split(",")] if arguments.classes else None,
        min_score=arguments.min_score,
        n_frames=arguments.frames,
        labeled=arguments.labeled,
        annotations=arguments.annotations,
        doubt=arguments.doubt,
    )
    if footage.n_taken_as_empty:
        frames = _counted(int(footage.labeled.sum()), "frame")
        print(
            f"askew: of {frames} in --labeled, {footage.n_taken_as_empty} have no annotation: taken as empty",
            file=sys.stderr,
        )
    for name, boxes in footage.boxes.items():
        used = boxes.frames.frames
        after = len(boxes) - 1 - int(used[-1]) if len(used) else 0
        if after >= 10 and after > len(boxes) / 10:
            print(f"askew: {name}: no detection in the last {after} of {len(boxes)} frames", file=sys.stderr)
    return footage


def _coherence(arguments: argparse.Namespace) -> Coherence:
    from askew.review import Coherence

    return Coherence(
        arguments.reach,
        arguments.link_iou,
        arguments.candidate_iou,
        arguments.pairwise,
        arguments.confidence,
        arguments.fill,
    )


def _summary(name: str, errors: FrameErrors) -> str:
    suspected, missed = int(errors.false_positives.sum()), int(errors.false_negatives.sum())
    found = f"{_counted(suspected, 'suspected detection')}, {_counted(missed, 'missed object')}"
    return f"{name}: {_counted(len(errors), 'frame')}, {found}"


def _counted(n: int, word: str) -> str:
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


def _tame_opencv() -> None:
    """Keeps OpenCV and FFmpeg from writing to the terminal, and from unpacking a small file into gigabytes.

    What goes wrong is said in one line; a frame of more than 134 million pixels is refused.
    """
    import os

    os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(1 << 27))
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")


def _check_tracker(arguments: argparse.Namespace) -> None:
    from askew.errors import InputError

    if (arguments.tracker == "raft") != (arguments.weights is not None):
        raise InputError("--weights goes with --tracker raft, and --tracker raft needs --weights FILE")


def _cache(arguments: argparse.Namespace) -> Path | None:
    """Returns where flow is kept: the folder named, else one in askew's cache, else, if that is locked, nowhere."""
    from askew.files import cache_root

    named: Path | None = arguments.cache
    if named is not None or arguments.tracker == "static":
        return named
    folder = cache_root() / "flow"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder


def _tracker(arguments: argparse.Namespace, video: Video) -> Tracker:
    from askew.data.film import flow_tracker
    from askew.video import StaticTracker

    if arguments.tracker == "static":
        video.check()
        return StaticTracker()
    cache = _cache(arguments)
    with _progress(f"flow of {video.name}", len(video)) as advance:
        if arguments.tracker == "raft":
            from askew.learn.raft import raft_tracker

            return raft_tracker(video, arguments.weights, height_px=arguments.height, cache=cache, progress=advance)
        return flow_tracker(video, height_px=arguments.height, preset=arguments.preset, cache=cache, progress=advance)


class _progress:
    """A progress bar on the error stream, shown only to a terminal and only if there is work to wait for."""

    def __init__(self, title: str, total: int) -> None:
        self.title, self.total = title, total
        self.bar: Any = None

    def __enter__(self) -> Callable[[int], None]:
        return self.advance

    def advance(self, number: int) -> None:
        if not sys.stderr.isatty():
            return
        if self.bar is None:
            from rich.console import Console
            from rich.progress import Progress

            self.bar = Progress(console=Console(stderr=True), transient=True)
            self.bar.start()
            self.task = self.bar.add_task(self.title, total=self.total)
        self.bar.update(self.task, completed=number + 1)

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()
