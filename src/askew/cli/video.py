"""`askew video`: which frames does a detector get wrong, and which should a person annotate next? No labels needed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from askew.arrays import Mask
    from askew.data.annotations import VideoBoxes
    from askew.data.video_files import Reviewed
    from askew.video import Doubt, FrameErrors, Tracker, Video

SCORES = ("fp", "fn", "fp+fn", "least-confidence", "random")
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
    errors.add_argument("--pictures", type=int, default=24, metavar="N", help="frames to draw of each video (24)")
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
    pick.add_argument("--by", choices=SCORES, default="fp", help="what makes a frame worth it (fp)")
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
    parser.add_argument("--classes", metavar="NAMES", help="use only these classes, separated by commas")
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
    parser.add_argument("--force", action="store_true", help="replace what is in DIR")


def call_errors(arguments: argparse.Namespace) -> int:
    """Estimates errors and writes them."""
    from askew.data import video_files
    from askew.errors import InputError
    from askew.video import error_scores, least_confidence

    if arguments.pictures < 0:
        raise InputError(f"--pictures: expected a number >= 0, got {arguments.pictures}")
    out: Path = arguments.out or Path(f"{arguments.clip.stem}-errors")
    video_files.check_new_folder(out, replace=arguments.force)
    if arguments.labeled and not arguments.annotations:
        raise InputError("--labeled changes nothing here by itself: add --annotations FILE")
    reviews, _ = _reviews(arguments)
    scores = {
        "score": [error_scores(one.errors) for one in reviews],
        "least_confidence": [least_confidence(one.boxes.frames) for one in reviews],
    }
    with video_files.new_folder(out, replace=arguments.force) as folder:
        video_files.write_errors(
            folder,
            reviews,
            scores,
            parameters=_parameters(arguments),
            table=arguments.table,
            pictures=arguments.pictures,
        )
    for one in reviews:
        print(_summary(one.name, one.errors))
    print(f"written: {out}")
    return 0


def call_pick(arguments: argparse.Namespace) -> int:
    """Picks frames and writes them with a first guess of their boxes."""
    import numpy as np

    from askew.data import video_files
    from askew.data.preannotation import FORMATS as FILES
    from askew.data.preannotation import preannotations
    from askew.errors import InputError

    out: Path = arguments.out or Path(f"{arguments.clip.stem}-frames")
    video_files.check_new_folder(out, replace=arguments.force)
    by_errors = arguments.by not in ("least-confidence", "random")
    if arguments.annotations and not by_errors:
        raise InputError(f"--annotations changes nothing with --by {arguments.by}")
    reviews, labeled = _reviews(arguments, errors=by_errors)
    chosen, scores = _picked(arguments, reviews, labeled)
    starts = np.cumsum([0] + [len(one.video) for one in reviews])
    owners = np.searchsorted(starts, chosen, side="right") - 1
    rows = [(reviews[owner], int(item - starts[owner])) for owner, item in zip(owners, chosen, strict=True)]
    with video_files.new_folder(out, replace=arguments.force) as folder:
        guesses = video_files.write_picked(folder, rows, scores[chosen])
        text = preannotations(guesses, reviews[0].boxes.classes, arguments.format)
        (folder / FILES[arguments.format]).write_text(text, encoding="utf-8")
    print(f"{len(rows)} frames of {len(set(owners.tolist()))} videos written: {out}")
    return 0


def _picked(arguments: argparse.Namespace, reviews: list[Reviewed], labeled: Mask) -> tuple[Any, Any]:
    import numpy as np

    from askew.pick.balance import demand
    from askew.pick.frames import frame_table, pick_balanced_frames, pick_frames
    from askew.video import error_scores, expected_objects, least_confidence

    if arguments.by == "random":
        scores = np.zeros(len(labeled))
    elif arguments.by == "least-confidence":
        scores = np.concatenate([least_confidence(one.boxes.frames) for one in reviews])
    else:
        scores = np.concatenate([error_scores(one.errors, arguments.by) for one in reviews])
    videos = np.repeat(np.arange(len(reviews)), [len(one.video) for one in reviews])
    table = frame_table(videos, labeled=labeled, around_labeled=arguments.around_labeled)
    if arguments.balance is None:
        chosen = pick_frames(
            scores,
            table,
            arguments.n,
            around_picked=arguments.around_picked,
            order=arguments.order,
            seed=arguments.seed,
        )
        return chosen, scores
    n_classes = len(reviews[0].boxes.classes)
    objects = np.concatenate([expected_objects(one.boxes.frames, n_classes) for one in reviews])
    per_frame = objects.sum() / max(1, len(objects))
    counts = objects[labeled].sum(axis=0)
    wanted = demand(counts, max(1, round(arguments.n * per_frame)))
    pick = pick_balanced_frames(
        scores, objects, wanted, table, arguments.n, weight=arguments.balance, around_picked=arguments.around_picked
    )
    print(f"balance: within {pick.gap:.2%} of the best possible")
    return pick.chosen, scores


def _summary(name: str, errors: FrameErrors) -> str:
    suspected, missed = int(errors.false_positives.sum()), int(errors.false_negatives.sum())
    return f"{name}: {len(errors)} frames, {suspected} suspected detections, {missed} missed objects"


def _parameters(arguments: argparse.Namespace) -> dict[str, Any]:
    names = ("tracker", "reach", "link_iou", "candidate_iou", "pairwise", "confidence", "annotations", "min_score")
    flow = ("height", "preset") if arguments.tracker == "flow" else ("height",) if arguments.tracker == "raft" else ()
    values = {name: getattr(arguments, name) for name in (*names, *flow)}
    return {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}


def _reviews(arguments: argparse.Namespace, *, errors: bool = True) -> tuple[list[Reviewed], Mask]:
    """Reads videos, boxes and what is labelled, checks all of them, and only then computes flow and errors."""
    from askew.data.video import open_videos
    from askew.data.video_files import Reviewed, read_all_boxes, read_labeled
    from askew.video import estimate_errors, no_errors

    _quiet()
    classes = [name.strip() for name in arguments.classes.split(",")] if arguments.classes else None
    videos = open_videos(arguments.clip, n_frames=arguments.frames)
    boxes = read_all_boxes(
        arguments.detections, videos, images=arguments.images, classes=classes, min_score=arguments.min_score
    )
    labeled = read_labeled(arguments.labeled, [(name, len(video)) for name, video in videos.items()])
    doubt = _learned(arguments, videos, boxes, labeled) if errors else None
    out = []
    for name, video in videos.items():
        frames = boxes[name].frames
        if not errors or arguments.tracker == "static":
            video.check()
        if errors:
            found = estimate_errors(
                frames,
                _tracker(arguments, video),
                reach=arguments.reach,
                link_iou=arguments.link_iou,
                candidate_iou=arguments.candidate_iou,
                pairwise=arguments.pairwise,
                confidence=arguments.confidence,
                doubt=doubt,
            )
        else:
            found = no_errors(frames)
        out.append(Reviewed(name, video, boxes[name], found))
    return out, labeled


def _learned(
    arguments: argparse.Namespace, videos: dict[str, Video], boxes: dict[str, VideoBoxes], labeled: Mask
) -> Doubt | None:
    """Learns which detections to doubt from the annotated frames, if there are any."""
    import numpy as np

    from askew.data.video_files import read_all_boxes
    from askew.errors import InputError
    from askew.video import learn_doubt

    if arguments.annotations is None:
        return None
    if not labeled.any():
        raise InputError("--annotations needs --labeled FILE: which frames they are complete for")
    truth = _as_classes(read_all_boxes(arguments.annotations, videos), next(iter(boxes.values())).classes)
    found = [frame for name in videos for frame in boxes[name].frames]
    there = [frame for name in videos for frame in truth[name].frames]
    rows = np.flatnonzero(labeled)
    return learn_doubt([found[row] for row in rows], [there[row] for row in rows])


def _as_classes(truth: dict[str, VideoBoxes], classes: tuple[str, ...]) -> dict[str, VideoBoxes]:
    """Returns annotations with the class numbers of the detections; where both have one class, it is the same."""
    from askew.errors import InputError

    known = next(iter(truth.values())).classes
    if len(known) == len(classes) == 1:
        return truth
    if not set(known) & set(classes):
        raise InputError(
            f"--annotations: classes {', '.join(known)}; the detections are of {', '.join(classes)}: name them alike"
        )
    return {name: boxes.of_classes(classes) for name, boxes in truth.items()}


def _quiet() -> None:
    """Keeps OpenCV and FFmpeg from writing to the terminal; what goes wrong is said in one line."""
    import os

    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")


def _tracker(arguments: argparse.Namespace, video: Video) -> Tracker:
    import os

    from askew.errors import InputError
    from askew.video import FlowTracker, StaticTracker

    if (arguments.tracker == "raft") != (arguments.weights is not None):
        raise InputError("--weights goes with --tracker raft, and --tracker raft needs --weights FILE")
    if arguments.tracker == "static":
        return StaticTracker()
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    cache = arguments.cache or base / "askew" / "flow"
    with _progress(f"flow of {video.name}", len(video)) as advance:
        if arguments.tracker == "raft":
            from askew.learn.raft import raft_tracker

            return raft_tracker(video, arguments.weights, height_px=arguments.height, cache=cache, progress=advance)
        return FlowTracker(video, height_px=arguments.height, preset=arguments.preset, cache=cache, progress=advance)


class _progress:
    """A progress bar on the error stream, shown only to a terminal and only if there is work to wait for."""

    def __init__(self, title: str, total: int) -> None:
        self.title, self.total, self.bar = title, total, None

    def __enter__(self) -> Any:
        return self.advance

    def advance(self, number: int) -> None:
        import sys

        if not sys.stderr.isatty():
            return
        if self.bar is None:
            from rich.console import Console
            from rich.progress import Progress

            self.bar: Any = Progress(console=Console(stderr=True), transient=True)
            self.bar.start()
            self.task = self.bar.add_task(self.title, total=self.total)
        self.bar.update(self.task, completed=number + 1)

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()
