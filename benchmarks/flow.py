"""Optical flow of a real video, both directions at height 300, by DIS preset: frames a second, and what it is worth.

Needs a video with MOTChallenge truth and detections, by default PETS 2009 S2.L1 under $ASKEW_SHARED_DATA (see
`examples/detect_yolox.py` for the detections). Seconds are of the wall and of the processor: on a machine busy with
other work only the second says something. `quality` holds each preset's flow against full size: Spearman's correlation
over frames of estimated with true false positives, and the precision of suspected detections.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any

import numpy as np
from common import status, write
from scipy.stats import spearmanr

from askew.data.annotations import read_boxes
from askew.data.film import Video, flow_tracker, open_video
from askew.video import Detections, estimate_errors, true_errors

SHARED = Path(os.environ.get("ASKEW_SHARED_DATA", "data"))
SETTINGS = [
    (300, "sharp", 4),
    (300, "ultrafast", 4),
    (300, "fast", 4),
    (300, "medium", 2),
    (576, "medium", 1),
]


def hour(video: Video, detections: Sequence[Detections], n_frames: int = 90_000) -> dict[str, Any]:
    """Streams the video over and over through flow and estimate; `anonymous` leaves out mapped files."""
    seen = {}

    def frames() -> Iterator[np.ndarray]:
        for number, frame in zip(range(n_frames), chain.from_iterable(repeat(video)), strict=False):
            if number in (n_frames // 10, n_frames - 1):
                seen[f"anonymous_megabytes_at_frame_{number + 1}"] = round(status("RssAnon") / 2**20, 1)
            yield frame

    started = time.perf_counter()
    tracker = flow_tracker(frames())
    middle = time.perf_counter()
    found = list(islice(chain.from_iterable(repeat(detections)), n_frames))
    errors = estimate_errors(found, tracker)
    return {
        "frames": n_frames,
        "detections": sum(map(len, found)),
        "flow_frames_per_second_wall": round(n_frames / (middle - started), 1),
        **seen,
        "link_and_cut_frames_per_second_wall": round(n_frames / (time.perf_counter() - middle), 1),
        "anonymous_megabytes_at_the_end": round(status("RssAnon") / 2**20, 1),
        "suspected": int(errors.false_positives.sum()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="100 frames")
    parser.add_argument("--hour", action="store_true", help="90,000 frames too: the video over and over; 6 GB of disk")
    parser.add_argument("--video", type=Path, default=SHARED / "pets09-s2l1" / "vtest.avi")
    parser.add_argument("--truth", type=Path, default=SHARED / "pets09-s2l1" / "gt.txt")
    parser.add_argument("--detections", type=Path)
    options = parser.parse_args()
    if options.detections is None:
        print("skipped: needs --detections FILE")
        return
    whole = open_video(options.video)
    video = open_video(options.video, n_frames=100) if options.quick else whole
    detections = read_boxes(options.detections, whole).frames[: len(video)]
    truth = true_errors(detections, read_boxes(options.truth, whole).frames[: len(video)])
    wrong = np.concatenate(truth.suspected)
    started = time.perf_counter(), time.process_time()
    for _ in video:
        pass
    reading = {"wall": time.perf_counter() - started[0], "processor": time.process_time() - started[1]}
    rows = []
    for height, preset, grid in SETTINGS:
        with tempfile.TemporaryDirectory() as cache:
            started = time.perf_counter(), time.process_time()
            tracker = flow_tracker(video, height_px=height, preset=preset, grid_px=grid, cache=cache)
            wall, processor = time.perf_counter() - started[0], time.process_time() - started[1]
            size = sum(path.stat().st_size for path in Path(cache).iterdir())
            started_again = time.perf_counter()
            tracker = flow_tracker(video, height_px=height, preset=preset, grid_px=grid, cache=cache)
            again = time.perf_counter() - started_again
            errors = estimate_errors(detections, tracker)
        suspected = np.concatenate(errors.suspected)
        rows.append(
            {
                "height_px": height,
                "preset": preset,
                "grid_px": grid,
                "frames_per_second_wall": round(len(video) / wall, 1),
                "frames_per_second_two_cores": round(2 * len(video) / processor, 1),
                "frames_per_second_two_cores_flow_alone": round(2 * len(video) / (processor - reading["processor"]), 1),
                "kilobytes_a_frame": round(size / len(video) / 1e3, 1),
                "seconds_from_cache": round(again, 3),
                "spearman_fp": round(float(spearmanr(errors.false_positives, truth.false_positives)[0]), 3),
                "suspected": int(suspected.sum()),
                "precision_suspected": round(float(wrong[suspected].mean()), 3) if suspected.any() else None,
            }
        )
        print(rows[-1])
    record = {
        "video": options.video.name,
        "frames": len(video),
        "reading_frames_per_second_one_core": round(len(video) / reading["processor"], 1),
        "settings": rows,
        "peak_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, 1),
        **({"hour": hour(video, detections)} if options.hour else {}),
        "note": "two_cores: twice the frames over the seconds of the processor, what two idle cores would reach",
    }
    write("flow", record, quick=options.quick)


if __name__ == "__main__":
    main()
