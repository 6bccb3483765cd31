"""Estimated against true errors on PETS 2009 S2.L1: the method of the thesis, what goes beyond it, and baselines.

Writes results/pets09-coherence.json and .md. Needs the video and its truth under $ASKEW_SHARED_DATA, and detections of
`person` from `examples/detect_yolox.py --score 0.1` (YOLOX-nano); those above 0.3 are used, and the rankings of frames
are compared at three thresholds.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from common import environment
from scipy.stats import spearmanr

from askew.data.annotations import VideoBoxes, read_boxes
from askew.data.film import flow_tracker, open_video
from askew.video import (
    Detections,
    FlowTracker,
    FrameErrors,
    StaticTracker,
    estimate_errors,
    iou_matrix,
    learn_doubt,
    least_confidence,
    least_confidence_sum,
    perspective_of,
    true_errors,
)

SHARED = Path(os.environ.get("ASKEW_SHARED_DATA", "data")) / "pets09-s2l1"
RESULTS = Path(__file__).parent.parent / "results"

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "the thesis": ("flow", {}),
    "ties present": ("flow", {"ties": "present"}),
    "pairwise 2 (the authors' code)": ("flow", {"pairwise": 2.0}),
    "reach 5": ("flow", {"reach": 5}),
    "boxes held still": ("static", {}),
    "confidence 4": ("flow", {"confidence": 4.0}),
    "confidence 7": ("flow", {"confidence": 7.0}),
    "confidence 10": ("flow", {"confidence": 10.0}),
    "gaps of 20 frames filled": ("flow", {"fill": 20}),
}


ANNOTATED, DRAWS = (20, 50, 100), 10
"""Numbers of annotated frames to learn from, and how often they are drawn."""

THRESHOLD, THRESHOLDS = 0.3, (0.1, 0.3, 0.5)
"""The least score of a detection in the first two tables, and those at which rankings of frames are compared."""

GAPS = (0, 10, 20, 40)
"""Frames of the longest gap between tracklets that is filled."""

BEST = 100
"""Frames of the highest estimate whose true errors are counted."""

BLOCK, RESAMPLED = 25, 2000
"""Frames of a block, and how many sets of blocks are drawn, for the intervals of differences in correlation."""


def rank(estimate: np.ndarray, truth: np.ndarray) -> float:
    """Returns Spearman's correlation, NaN where the estimate is the same for all."""
    if not np.ptp(estimate):
        return float("nan")
    return round(float(spearmanr(estimate, truth)[0]), 3)


def missed_precision(errors: FrameErrors, truth: FrameErrors) -> tuple[float, float]:
    """Returns the precision and recall of missed boxes: each must overlap a truly missed one of its frame by half."""
    right = found = 0
    for guess, real in zip(errors.missed, truth.missed, strict=True):
        if len(guess) and len(real):
            overlap = iou_matrix(guess.boxes, real.boxes) > 0.5
            right += int(overlap.any(axis=1).sum())
            found += int(overlap.any(axis=0).sum())
    return right / max(1, sum(map(len, errors.missed))), found / max(1, int(truth.false_negatives.sum()))


def row(name: str, errors: FrameErrors, truth: FrameErrors, scores: np.ndarray) -> dict[str, Any]:
    """Compares estimates with the truth, and with as many detections of lowest confidence."""
    suspected, wrong = np.concatenate(errors.suspected), np.concatenate(truth.suspected)
    count = int(suspected.sum())
    lowest = np.argsort(scores, kind="stable")[:count]
    precision, recall = missed_precision(errors, truth)
    return {
        "method": name,
        "spearman_fp": rank(errors.false_positives, truth.false_positives),
        "spearman_fn": rank(errors.false_negatives, truth.false_negatives),
        "suspected": count,
        "precision_suspected": round(float(wrong[suspected].mean()), 3),
        "precision_of_as_many_least_confident": round(float(wrong[lowest].mean()), 3),
        "recall_suspected": round(float(wrong[suspected].sum() / wrong.sum()), 3),
        "missed": int(errors.false_negatives.sum()),
        "precision_missed": round(precision, 3),
        "recall_missed": round(recall, 3),
        "energy": round(errors.energy, 3),
    }


def annotated(
    count: int,
    detections: Sequence[Detections],
    there: Sequence[Detections],
    truth: FrameErrors,
    tracker: FlowTracker,
    scores: np.ndarray,
) -> dict[str, Any]:
    """Learns from `count` frames drawn at random, ten times, and compares with the thesis on all other frames."""
    wrong = np.concatenate(truth.suspected)
    frame_of = np.repeat(np.arange(len(detections)), [len(frame) for frame in detections])
    plain, line = estimate_errors(detections, tracker), perspective_of(detections)
    found: dict[str, list[float]] = {}
    for seed in range(DRAWS):
        rows = np.random.default_rng(seed).permutation(len(detections))[:count]
        some = [detections[row] for row in rows], [there[row] for row in rows]
        doubt = learn_doubt(*some, perspectives=[line] * count)
        others = np.setdiff1d(np.arange(len(detections)), rows)
        here = np.isin(frame_of, others)
        for name, errors in (
            ("learned", estimate_errors(detections, tracker, doubt=doubt)),
            ("learned, no links", estimate_errors(detections, tracker, doubt=doubt, pairwise=0.0)),
            ("thesis", plain),
        ):
            suspected = np.concatenate(errors.suspected) & here
            lowest = np.argsort(np.where(here, scores, np.inf), kind="stable")[: int(suspected.sum())]
            for key, value in (
                ("spearman_fp", rank(errors.false_positives[others], truth.false_positives[others])),
                ("spearman_fn", rank(errors.false_negatives[others], truth.false_negatives[others])),
                ("suspected", float(suspected.sum())),
                ("precision_suspected", float(wrong[suspected].mean())),
                ("precision_of_as_many_least_confident", float(wrong[lowest].mean())),
                ("recall_suspected", float(wrong[suspected].sum() / wrong[here].sum())),
            ):
                found.setdefault(f"{name}_{key}", []).append(value)
    summary = {
        name: None
        if np.isnan(values).any()
        else [round(float(np.mean(values)), 3), round(float(np.std(values, ddof=1)), 3)]
        for name, values in found.items()
    }
    return {"annotated_frames": count, "draws": DRAWS, **summary}


def rankings(detections: Sequence[Detections], truth: FrameErrors, errors: FrameErrors) -> dict[str, Any]:
    """Compares what frames can be ranked by, all against the true false positives of each.

    The interval of a difference to the thesis's estimate comes from blocks of frames drawn with replacement, since
    errors of neighbouring frames are alike.
    """
    ways = {
        "the estimate of the thesis": errors.false_positives.astype(np.float64),
        "the estimate, ties by confidence": errors.false_positives + least_confidence(detections) / 2,
        "least confidence, mean (the thesis's baseline)": least_confidence(detections),
        "1 - score, summed": least_confidence_sum(detections),
        "number of detections": np.array([float(len(frame)) for frame in detections]),
    }
    draws = resampled(ways, truth.false_positives)
    ours = draws["the estimate of the thesis"]
    return {
        name: {
            "spearman_fp": rank(values, truth.false_positives),
            "thesis_is_better_by_95": interval(ours - draws[name]),
        }
        for name, values in ways.items()
    }


def picked_by_ties(detections: Sequence[Detections], truth: FrameErrors, errors: FrameErrors) -> dict[str, Any]:
    """Counts the true false positives in the 100 frames of the highest estimate, by what settles equal estimates."""
    true, estimate = truth.false_positives, errors.false_positives
    rng = np.random.default_rng(0)
    by_chance = [int(true[np.lexsort((rng.random(len(true)), -estimate))[:BEST]].sum()) for _ in range(RESAMPLED)]
    sure = least_confidence(detections)
    return {
        "by_chance": [round(float(np.mean(by_chance)), 1), round(float(np.std(by_chance, ddof=1)), 1)],
        "by_confidence": int(true[np.lexsort((-sure, -estimate))[:BEST]].sum()),
        "confidence_alone": int(true[np.argsort(-sure, kind="stable")[:BEST]].sum()),
        "most_possible": int(np.sort(true)[-BEST:].sum()),
    }


def resampled(ways: dict[str, np.ndarray], true: np.ndarray, count: int = RESAMPLED) -> dict[str, np.ndarray]:
    """Returns Spearman's correlation of each way with the true numbers, for each of the sets of blocks drawn."""
    draws = {name: np.zeros(count) for name in ways}
    rng = np.random.default_rng(0)
    blocks = np.array_split(np.arange(len(true)), len(true) // BLOCK)
    for draw in range(count):
        rows = np.concatenate([blocks[i] for i in rng.integers(0, len(blocks), len(blocks))])
        for name, values in ways.items():
            draws[name][draw] = spearmanr(values[rows], true[rows])[0]
    return draws


def interval(differences: np.ndarray) -> list[float]:
    """Returns the middle 95% of differences."""
    return [round(float(q), 3) for q in np.percentile(differences, [2.5, 97.5])]


def filled(detections: Sequence[Detections], truth: FrameErrors, tracker: FlowTracker) -> list[dict[str, Any]]:
    """Compares what is held to be missed, without and with gaps between tracklets filled, with what truly is."""
    every = {longest: estimate_errors(detections, tracker, fill=longest) for longest in GAPS}
    true = truth.false_negatives
    draws = resampled({str(longest): errors.false_negatives for longest, errors in every.items()}, true)
    rows = []
    for longest, errors in every.items():
        precision, recall = missed_precision(errors, truth)
        rows.append(
            {
                "longest_gap": longest,
                "spearman_fn": rank(errors.false_negatives, true),
                "better_than_unfilled_by_95": interval(draws[str(longest)] - draws["0"]),
                "missed": int(errors.false_negatives.sum()),
                "precision_missed": round(precision, 3),
                "recall_missed": round(recall, 3),
            }
        )
    return rows


def at_threshold(least: float, boxes: VideoBoxes, there: Sequence[Detections], tracker: FlowTracker) -> dict[str, Any]:
    """Keeps the detections of at least this score and compares what their frames can be ranked by."""
    detections = boxes.above(least).frames
    truth = true_errors(detections, there)
    errors = estimate_errors(detections, tracker)
    return {
        "least_score": least,
        "detections": sum(map(len, detections)),
        "true_false_positives": int(truth.false_positives.sum()),
        "rankings": rankings(detections, truth, errors),
        "picked": picked_by_ties(detections, truth, errors),
        "gaps": filled(detections, truth, tracker),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--detections", type=Path)
    options = parser.parse_args()
    if options.detections is None:
        print("skipped: needs --detections FILE")
        return
    video = open_video(SHARED / "vtest.avi")
    boxes = read_boxes(options.detections, video)
    detections = boxes.above(THRESHOLD).frames
    there = read_boxes(SHARED / "gt.txt", video).frames
    truth = true_errors(detections, there)
    trackers = {"flow": flow_tracker(video), "static": StaticTracker()}
    scores = np.concatenate([frame.scores for frame in detections])
    rows = [
        row(name, estimate_errors(detections, trackers[kind], **parameters), truth, scores)
        for name, (kind, parameters) in VARIANTS.items()
    ]
    learned = [annotated(count, detections, there, truth, trackers["flow"], scores) for count in ANNOTATED]
    record = {
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        **environment(),
        "detections": len(scores),
        "true_false_positives": int(truth.false_positives.sum()),
        "true_false_negatives": int(truth.false_negatives.sum()),
        "methods": rows,
        "learned": learned,
        "thresholds": [at_threshold(least, boxes, there, trackers["flow"]) for least in THRESHOLDS],
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "pets09-coherence.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    (RESULTS / "pets09-coherence.md").write_text(page(record), encoding="utf-8")
    print(page(record))


def page(record: dict[str, Any]) -> str:
    """Returns the record for people."""
    names = "method, ρ FP, ρ FN, suspected, precision, as many least confident, recall, missed, precision, recall"
    head = f"| {names.replace(', ', ' | ')} |"
    lines = [
        "# Estimated errors on a real video: PETS 2009 S2.L1",
        "",
        f"YOLOX-nano (COCO weights, person, score > 0.3): {record['detections']} detections in 795 frames, of which "
        f"{record['true_false_positives']} are false by MOTChallenge's truth, and {record['true_false_negatives']} "
        "people missed. Written by `benchmarks/pets09.py`; flow is DIS at height 300, preset `sharp`. ρ is Spearman's "
        "correlation over frames of estimated with true numbers.",
        "",
        head,
        "|" + "---|" * 10,
    ]
    for one in record["methods"]:
        cells = [
            one["method"],
            *(one[key] for key in ("spearman_fp", "spearman_fn", "suspected", "precision_suspected")),
            *(one[key] for key in ("precision_of_as_many_least_confident", "recall_suspected", "missed")),
            *(one[key] for key in ("precision_missed", "recall_missed")),
        ]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    lines += [
        "",
        "With costs learned from annotated frames (`learn_doubt`, not in the thesis), judged on the other frames; mean "
        f"± standard deviation over {DRAWS} draws of the annotated frames. Without links each detection stands alone:",
        "",
        "| annotated frames | method | ρ FP | ρ FN | suspected | precision | as many least confident | recall |",
        "|" + "---|" * 8,
    ]
    columns = ("spearman_fp", "spearman_fn", "suspected", "precision_suspected")
    columns += ("precision_of_as_many_least_confident", "recall_suspected")
    for one in record["learned"]:
        for name in ("learned", "learned, no links", "thesis"):
            pairs = [one[f"{name}_{key}"] for key in columns]
            cells = ["–" if pair is None else f"{pair[0]:.4g} ± {pair[1]:.2g}" for pair in pairs]
            lines.append(f"| {one['annotated_frames']} | {name} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "What frames can be ranked by, at three thresholds on the detector's score: ρ with the true false positives, "
        "and in brackets how much better the thesis's estimate is "
        f"(95% of {RESAMPLED} draws of blocks of {BLOCK} frames):",
        "",
        "| frames ranked by | " + " | ".join(f"score > {one['least_score']}" for one in record["thresholds"]) + " |",
        "|---|" + "---|" * len(THRESHOLDS),
    ]
    for name in record["thresholds"][0]["rankings"]:
        found = [one["rankings"][name] for one in record["thresholds"]]
        cells = [str(found_one["spearman_fp"]) + _interval(found_one["thesis_is_better_by_95"]) for found_one in found]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += [
        "",
        f"True false positives in the {BEST} frames of the highest estimate (many are equal), by what settles ties; by "
        f"chance: mean ± standard deviation of {RESAMPLED} draws:",
        "",
        "| frames picked | " + " | ".join(f"score > {one['least_score']}" for one in record["thresholds"]) + " |",
        "|---|" + "---|" * len(THRESHOLDS),
    ]
    every = [one["picked"] for one in record["thresholds"]]
    for name, key in (
        ("by the estimate, ties by chance (the thesis)", "by_chance"),
        ("by the estimate, ties by confidence", "by_confidence"),
        ("by least confidence alone", "confidence_alone"),
        ("with the truth known", "most_possible"),
    ):
        values = [" ± ".join(map(str, one[key])) if key == "by_chance" else str(one[key]) for one in every]
        lines.append(f"| {name} | " + " | ".join(values) + " |")
    lines += [
        "",
        "With gaps between tracklets filled (`fill`, not in the thesis): ρ FN, and in brackets how much better than "
        "without filling (95%, as above); then the precision and recall of missed boxes:",
        "",
        "| longest gap | " + " | ".join(f"score > {one['least_score']}" for one in record["thresholds"]) + " |",
        "|---|" + "---|" * len(THRESHOLDS),
    ]
    for row in range(len(GAPS)):
        found = [one["gaps"][row] for one in record["thresholds"]]
        cells = [
            f"{one['spearman_fn']}{_interval(one['better_than_unfilled_by_95'])}; {one['precision_missed']}, "
            f"{one['recall_missed']}"
            for one in found
        ]
        lines.append(f"| {GAPS[row] or 'none filled'} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n" + NOTES


def _interval(bounds: list[float]) -> str:
    return f" ({bounds[0]:+.3f} to {bounds[1]:+.3f})" if any(bounds) else ""


NOTES = """
## What to make of it

- **The detector's threshold decides whether the thesis's estimate ranks frames better than confidence does.** At 0.3
  the estimate is ahead of both rankings by confidence, but the intervals cover 0. At 0.1 the sum of 1 - score is far
  better: nearly all that the lower threshold adds is false, and all of it is unsure. At 0.5 the estimate is behind all
  three baselines, and the intervals cover 0. On clips made of this video the sum of 1 - score is ahead nearly always
  (`video-views.md`). What was missed no confidence tells.
- **Recall is low, and must be.** The truth leaves out people far away, and the detector takes a sign for a person in
  frame after frame. Both are false by the truth and as steady as a person, so coherence over time cannot doubt them.
  Low confidence can: as many least-confident detections are false more often than those that the thesis suspects.
- With `confidence` (sure detections are harder to suspect; not in the thesis) suspicions are right far more often, but
  fewer frames stand out: the correlation falls. The thesis's method stays the default; one video decides nothing.
- **Annotated frames tell what coherence cannot.** With costs learned from 20 of them (score, height and shape of the
  box), nine in ten suspicions are right instead of six, they cover most of what is false instead of a tenth, and the
  frames are ranked better. Most of that comes from the learned costs, and the links add to the ranking. The ranking of
  frames by missed objects gets slightly worse. Learned and judged on frames of one video; `video-views.md` has what
  carries over from one clip to another. So what ten frames taught is used by default, and the thesis's costs before.
- **Settling ties by confidence picks better frames.** Most estimates are 0, 1 or 2, so many frames are equal. With the
  least sure of them first, the best 100 frames have 5 to 11% more true false positives than with chance, at all three
  thresholds, and more than least confidence alone finds. As a ranking of all frames it is better at 0.1 and 0.5; at 0.3
  the interval covers 0. The default is chance, as in the thesis.
- **Filling gaps between tracklets finds more of what was missed.** With gaps of up to 20 frames filled, frames are
  ranked better by what they miss at 0.3 (0.48 instead of 0.38) and at 0.5 (0.47 instead of 0.35); at 0.1 the interval
  covers 0. A quarter of the missed objects is found instead of a fifth, and precision falls. The rule was
  chosen among about 60 variants with this video in view (at 0.5 tracklets of two detections did better, at 0.1 of
  five), and the intervals do not cover that choice. So these gains are optimistic, and the default fills none.
- Moving boxes matters: held still, at 7 frames a second, half of all detections are suspected, nearly all wrongly.
- Median flow within the box instead of the flow at its centre, and leaving out tracked boxes that left the image, were
  tried once by hand and changed little; they are not part of the system.
"""


if __name__ == "__main__":
    main()
