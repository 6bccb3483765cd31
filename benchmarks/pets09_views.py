"""What frames can be ranked by, on three clips made of PETS 2009 S2.L1, at three thresholds.

    python benchmarks/pets09_views.py --work DIR

Writes results/video-views.json and .md. Doubt is learned within and across clips. These are thirds of the video, so no
frame is in two of them; the second and third show another window of the picture, twice as large, so a person's height
in pixels means another thing in each. They are one scene, one camera and one detector all the same. Needs the video,
its truth and YOLOX-nano under $ASKEW_SHARED_DATA; clips, detections and flow are kept in DIR.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from common import environment
from pets09 import THRESHOLDS, rank, resampled

from askew.data.annotations import VideoBoxes, read_boxes, to_mot
from askew.data.film import Video, flow_tracker, open_video
from askew.errors import InputError
from askew.video import (
    Detections,
    Doubt,
    FlowTracker,
    FrameErrors,
    Perspective,
    estimate_errors,
    expected_errors,
    learn_doubt,
    least_confidence,
    least_confidence_sum,
    perspective_of,
    true_errors,
)

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("ASKEW_SHARED_DATA", "data"))
SIZE_PX = (768, 576)

WINDOWS = {"whole": (0, 0, 768, 576), "left": (96, 108, 480, 396), "right": (384, 72, 768, 360)}
"""Left, top, right and bottom of what each third of the video shows."""

OWN, DRAWS = (5, 10, 20), 5
"""Numbers of annotated frames of the same clip, and how often they are drawn."""

RESAMPLED = 400
"""Sets of blocks of frames drawn for an interval."""

TEXT = "the estimate of the thesis"


class Clip(NamedTuple):
    """A clip, its detections at the lowest threshold, its truth and its tracker."""

    boxes: VideoBoxes
    truth: list[Detections]
    tracker: FlowTracker


class Case(NamedTuple):
    """A clip at one threshold."""

    found: Sequence[Detections]
    truth: list[Detections]
    tracker: FlowTracker
    errors: FrameErrors
    text: FrameErrors
    line: Perspective


def clips(work: Path) -> dict[str, Clip]:
    """Makes, or finds, the clips with their detections."""
    work.mkdir(parents=True, exist_ok=True)
    whole = open_video(DATA / "pets09-s2l1" / "vtest.avi")
    there = read_boxes(DATA / "pets09-s2l1" / "gt.txt", whole).frames
    thirds = np.array_split(np.arange(len(whole)), len(WINDOWS))
    out = {}
    for (name, window), third in zip(WINDOWS.items(), thirds, strict=True):
        if not (work / f"{name}.avi").exists():
            cut(whole, third, window, work / f"{name}.avi")
        clip = open_video(work / f"{name}.avi")
        if not (work / f"{name}.txt").exists():
            (work / f"{name}.txt").write_text(to_mot(detected(clip)), encoding="utf-8")
        boxes = read_boxes(work / f"{name}.txt", clip)
        tracker = flow_tracker(clip, cache=work / "flow")
        out[name] = Clip(boxes, [seen(there[i], window) for i in third.tolist()], tracker)
    return out


def cut(video: Video, frames: np.ndarray, window: tuple[int, ...], path: Path) -> None:
    """Writes some frames, of each the window, in the size of the video."""
    left, top, right, bottom = window
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 7, SIZE_PX)
    for number, image in enumerate(video):
        if frames[0] <= number <= frames[-1]:
            writer.write(cv2.resize(image[top:bottom, left:right], SIZE_PX, interpolation=cv2.INTER_CUBIC))
    writer.release()


def detected(clip: Video) -> list[Detections]:
    """Runs the detector of examples/detect_yolox.py."""
    sys.path.insert(0, str(ROOT / "examples"))
    import detect_yolox

    weights = DATA / "weights" / "yolox_nano.onnx"
    options = argparse.Namespace(weights=weights, side=416, score=min(THRESHOLDS), nms=0.45)
    return detect_yolox.detect(clip, options, ["person"])


def seen(truth: Detections, window: tuple[int, ...]) -> Detections:
    """Returns the people of whom more than half is in the window, in its pixels."""
    corner, end = np.array(window[:2] * 2, float), np.array(window[2:] * 2, float)
    inside = np.clip(truth.boxes.astype(float), corner, end)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (inside, truth.boxes.astype(float))]
    kept = areas[0] > areas[1] / 2
    scale = np.array(SIZE_PX * 2) / np.tile(end[:2] - corner[:2], 2)
    return Detections((inside[kept] - corner) * scale, np.ones(kept.sum()), np.zeros(kept.sum(), int))


def case(clip: Clip, least: float) -> Case:
    """Returns what does not depend on annotated frames."""
    found = clip.boxes.above(least).frames
    errors, text = true_errors(found, clip.truth), estimate_errors(found, clip.tracker)
    return Case(found, clip.truth, clip.tracker, errors, text, perspective_of(found))


def judged(one: Case, doubt: Doubt, rows: np.ndarray) -> dict[str, float]:
    """Compares a doubt with the truth in some frames: rankings of frames, and single suspicions."""
    estimate = estimate_errors(one.found, one.tracker, doubt=doubt)
    suspected, wrong = np.concatenate(estimate.suspected), np.concatenate(one.errors.suspected)
    here = np.isin(np.repeat(np.arange(len(one.found)), [len(frame) for frame in one.found]), rows)
    right = float((suspected & wrong & here).sum())
    true = one.errors.false_positives[rows]
    return {
        "estimate": rank(estimate.false_positives[rows], true),
        "expected": rank(expected_errors(one.found, doubt)[rows], true),
        "text": rank(one.text.false_positives[rows], true),
        "precision": round(right / max(1.0, float((suspected & here).sum())), 3),
        "recall": round(right / float((wrong & here).sum()), 3),
    }


def by_confidence(one: Case) -> dict[str, Any]:
    """Ranks frames without any annotation; the interval is of the thesis's estimate less the other."""
    ways = {
        TEXT: one.text.false_positives.astype(np.float64),
        "least confidence, mean (the thesis's baseline)": least_confidence(one.found),
        "1 - score, summed": least_confidence_sum(one.found),
        "number of detections": np.array([float(len(frame)) for frame in one.found]),
    }
    true = one.errors.false_positives
    draws = resampled(ways, true, RESAMPLED)
    return {
        name: {
            "spearman_fp": rank(values, true),
            "spearman_fn": rank(values if name != TEXT else one.text.false_negatives, one.errors.false_negatives),
            "thesis_is_better_by_95": np.percentile(draws[TEXT] - draws[name], [2.5, 97.5]).round(3).tolist(),
        }
        for name, values in ways.items()
    }


def across(cases: dict[str, Case], target: str) -> tuple[dict[str, Any], Doubt]:
    """Learns from all frames of the two other clips, with heights against perspective and in plain pixels."""
    others = [one for name, one in cases.items() if name != target]
    some = [f for one in others for f in one.found], [f for one in others for f in one.truth]
    doubt = learn_doubt(*some, perspectives=[one.line for one in others for _ in one.found])
    pixels = Perspective(0.0, {0: 0.0})
    raw = learn_doubt(*some, perspectives=[pixels] * len(some[0]))
    wrong = np.concatenate(cases[target].errors.suspected)
    single = {}
    for name, one, line in (("perspective", doubt, cases[target].line), ("pixels", raw, pixels)):
        suspected = one.log_odds(cases[target].found, line) > 0
        right = float((suspected & wrong).sum())
        single[name] = [round(right / max(1, int(suspected.sum())), 3), round(right / float(wrong.sum()), 3)]
    every = np.arange(len(cases[target].found))
    return {**judged(cases[target], doubt, every), "single_precision_recall": single}, doubt


def within(one: Case, prior: Doubt) -> list[dict[str, Any]]:
    """Learns from a few frames of the clip itself, drawn at random, and judges on the others."""
    out = []
    for count in OWN:
        for name, before in (("own", None), ("own, beginning from the others'", prior)):
            found = []
            for seed in range(DRAWS):
                rows = np.random.default_rng(seed).permutation(len(one.found))[:count]
                some = [one.found[row] for row in rows], [one.truth[row] for row in rows]
                try:
                    doubt = learn_doubt(*some, perspectives=[one.line] * count, prior=before)
                except InputError:
                    continue
                found.append(judged(one, doubt, np.setdiff1d(np.arange(len(one.found)), rows)))
            summary = {
                key: [round(float(f([row[key] for row in found])), 3) for f in (np.mean, lambda x: np.std(x, ddof=1))]
                for key in (found[0] if len(found) > 1 else ())
            }
            out.append({"annotated_frames": count, "from": name, "draws_with_right_and_wrong": len(found), **summary})
    return out


def at_threshold(least: float, work: Path) -> list[dict[str, Any]]:
    """Returns what is measured of each clip with the detections of at least this score."""
    cases, out = {name: case(clip, least) for name, clip in clips(work).items()}, []
    for name, one in cases.items():
        transferred, prior = across(cases, name)
        out.append(
            {
                "clip": name,
                "least_score": least,
                "detections": sum(map(len, one.found)),
                "true_false_positives": int(one.errors.false_positives.sum()),
                "true_false_negatives": int(one.errors.false_negatives.sum()),
                "rankings": by_confidence(one),
                "from_the_other_clips": transferred,
                "from_own_frames": within(one, prior),
            }
        )
        print(name, least, flush=True)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path)
    options = parser.parse_args()
    if options.work is None:
        print("skipped: needs --work DIR")
        return
    clips(options.work)
    with ProcessPoolExecutor(len(THRESHOLDS)) as workers:
        results = [
            one for some in workers.map(at_threshold, THRESHOLDS, [options.work] * len(THRESHOLDS)) for one in some
        ]
    record = {
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        **environment(),
        "windows": WINDOWS,
        "draws": DRAWS,
        "results": results,
    }
    (ROOT / "results" / "video-views.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    (ROOT / "results" / "video-views.md").write_text(page(record), encoding="utf-8")


def page(record: dict[str, Any]) -> str:
    """Returns the record for people."""
    every = record["results"]
    lines = [
        "# Estimated errors on three clips of one scene",
        "",
        "The thirds of PETS 2009 S2.L1, so that no frame is in two clips. `whole` shows the whole picture, `left` and "
        "`right` a window of it, twice as large: people have other heights in pixels in each, and a window cuts some. "
        "It is one scene, one camera and one detector (YOLOX-nano, COCO weights, person) all the same, so three clips "
        "are less than three videos. Written by `benchmarks/pets09_views.py`; flow is DIS at height 300. ρ is "
        "Spearman's correlation over frames with the true numbers.",
        "",
        "## Without annotated frames",
        "",
        "ρ with the true false positives, and in brackets how much better the thesis's estimate is (95%, blocks of "
        "frames drawn with replacement); of the estimate also ρ of its missed objects with the truly missed:",
        "",
        *_head(every, "frames ranked by"),
    ]
    for name in every[0]["rankings"]:
        cells = [_ranking(name, one["rankings"][name]) for one in every]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "Detections, how many of them are false, and people missed:",
        "",
        *_head(every, ""),
        "| | "
        + " | ".join(f"{x['detections']}; {x['true_false_positives']}; {x['true_false_negatives']}" for x in every)
        + " |",
        "",
        "## What the two other clips taught",
        "",
        "`learn_doubt` on all frames of the two other clips. Precision and recall are of single detections, by their "
        "odds alone, with heights against each clip's perspective and in pixels:",
        "",
        *_head(every, ""),
    ]
    rows = (
        ("ρ of the estimate with it", lambda one: one["estimate"]),
        ("ρ of the thesis's estimate", lambda one: one["text"]),
        ("ρ of the expected number", lambda one: one["expected"]),
        (
            "precision, recall; perspective",
            lambda one: _pair(one["single_precision_recall"]["perspective"]),
        ),
        ("precision, recall; pixels", lambda one: _pair(one["single_precision_recall"]["pixels"])),
    )
    for name, value in rows:
        lines.append(f"| {name} | " + " | ".join(str(value(one["from_the_other_clips"])) for one in every) + " |")
    lines += [
        "",
        "## What a few frames of the clip itself taught",
        "",
        f"Judged on the other frames; mean ± standard deviation of {record['draws']} draws. In brackets the thesis's "
        "estimate on the same frames. – where fewer than two draws had both right and wrong detections:",
        "",
        *_head(every, "annotated frames, what is learned from, ranked by"),
    ]
    for place, first in enumerate(every[0]["from_own_frames"]):
        for key, name in (("estimate", "the estimate"), ("expected", "the expected number")):
            cells = [_own(one["from_own_frames"][place], key) for one in every]
            lines.append(f"| {first['annotated_frames']}, {first['from']}, {name} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *conclusions(every)]) + "\n"


def conclusions(every: list[dict[str, Any]]) -> list[str]:
    """Returns what follows, counted from the results."""
    n = len(every)
    summed = sum(
        one["rankings"]["1 - score, summed"]["spearman_fp"] > one["rankings"][TEXT]["spearman_fp"] for one in every
    )
    shift = [one["from_the_other_clips"]["estimate"] - one["from_the_other_clips"]["text"] for one in every]
    out = [
        "## What to make of it",
        "",
        f"- The sum of 1 - score ranks frames by false positives better than the thesis's estimate in {summed} of {n} "
        "cases. It says nothing of what was missed.",
        f"- What the two other clips taught ranks better than the thesis's estimate in {sum(x > 0 for x in shift)} of "
        f"{n} cases; the worst difference is {min(shift):+.2f}, the best {max(shift):+.2f}.",
    ]
    for count in OWN:
        cells = [one["from_own_frames"] for one in every]
        for name in ("own", "own, beginning from the others'"):
            rows = [next(r for r in c if r["annotated_frames"] == count and r["from"] == name) for c in cells]
            ahead = [r["estimate"][0] - r["text"][0] for r in rows if "estimate" in r]
            out.append(
                f"- {count} annotated frames, {name}: the estimate that uses them ranks at least as well as the "
                f"thesis's in {sum(x >= 0 for x in ahead)} of the {len(ahead)} cases that could be learned from; the "
                f"worst difference is {min(ahead):+.2f}."
            )
    return out


def _head(every: list[dict[str, Any]], first: str) -> list[str]:
    names = [f"{one['clip']}, score > {one['least_score']}" for one in every]
    return [f"| {first} | " + " | ".join(names) + " |", "|---|" + "---|" * len(every)]


def _pair(values: list[float]) -> str:
    return ", ".join(map(str, values))


def _ranking(name: str, one: dict[str, Any]) -> str:
    if name == TEXT:
        return f"{one['spearman_fp']}; missed {one['spearman_fn']}"
    low, high = one["thesis_is_better_by_95"]
    return f"{one['spearman_fp']} ({low:+.2f} to {high:+.2f})"


def _own(one: dict[str, Any], key: str) -> str:
    return f"{one[key][0]:.2f} ± {one[key][1]:.2f} ({one['text'][0]:.2f})" if key in one else "–"


if __name__ == "__main__":
    main()
