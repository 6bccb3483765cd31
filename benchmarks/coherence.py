"""Temporal coherence over 800 videos of 160 frames, about 5 detections each, against the same method in plain Python.

Plain Python is the reference of the tests (`tests/video/reference.py`), box by box, with SciPy's flow for its cut, on
some of the videos and scaled: its cost is the same for each. Links, and the energy of the cut, are compared on those.
Then the memory of one video of 90,000 frames, over that of what is handed in and out. Boxes stand still between frames,
so that no tracker is timed.
"""

from __future__ import annotations

import importlib.util
import time
import tracemalloc
from pathlib import Path

import numpy as np
from common import arguments, measure, ratios, write

from askew.video import Detections, StaticTracker, estimate_all, estimate_errors
from askew.video.cut import minimum_cut
from askew.video.linking import edges_of, flatten, group_candidates, link

SEED = 0
REFERENCE = Path(__file__).parent.parent / "tests" / "video" / "reference.py"


def scene(rng: np.random.Generator, n_frames: int, n_objects: int = 5) -> list[Detections]:
    """Returns detections of slowly moving objects of 3 classes: 1 in 10 missed, a false one every other frame."""
    where, sides = rng.uniform(0, 600, (n_objects, 2)), rng.uniform(30, 90, (n_objects, 2))
    speed, kinds = rng.normal(0, 2, (n_objects, 2)), rng.integers(0, 3, n_objects)
    frames = []
    for _ in range(n_frames):
        seen = rng.random(n_objects) > 0.1
        boxes = np.concatenate([where, where + sides], axis=1) + rng.normal(0, 1.5, (n_objects, 4))
        false = rng.uniform(0, 600, (rng.poisson(0.5), 2))
        false = np.concatenate([false, false + rng.uniform(30, 90, false.shape)], axis=1)
        kind = np.concatenate([kinds[seen], rng.integers(0, 3, len(false))])
        found = np.concatenate([boxes[seen], false]).astype(np.float32)
        frames.append(Detections(found, np.full(len(found), 0.5, np.float32), kind))
        where = where + speed
    return frames


def plain_python(reference, videos: list) -> list[tuple[set, float]]:
    """Runs the reference: links as pairs of nodes, and the energy of the cut."""
    out = []
    for frames in videos:
        links, candidates = reference.build(frames, lambda box, *_: box)
        n_detections = sum(map(len, frames))
        edges = np.array(reference.edges_of(links, candidates, n_detections), np.int64).reshape(-1, 2)
        if_absent = np.r_[np.ones(n_detections), np.zeros(len(candidates))]
        out.append((links, minimum_cut(if_absent, 1 - if_absent, edges).energy))
    return out


def ours(flat, still: StaticTracker) -> tuple[np.ndarray, float]:
    """Links and cuts arrays, without making objects of the results."""
    links, unmatched = link(flat, still, reach=3, link_iou=0.5)
    candidates = group_candidates(flat, unmatched, candidate_iou=0.75)
    if_absent = np.r_[np.ones(len(flat.boxes)), np.zeros(len(candidates.boxes))]
    edges = edges_of(links, candidates, len(flat.boxes))
    return links, minimum_cut(if_absent, 1 - if_absent, edges).energy


def main() -> None:
    options = arguments(__doc__ or "")
    n_videos, n_plain, repeats = (40, 4, 1) if options.quick else (800, 20, 3)
    spec = importlib.util.spec_from_file_location("reference", REFERENCE)
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    rng = np.random.default_rng(SEED)
    videos = [scene(rng, 160) for _ in range(n_videos)]
    n_frames, still = 160 * n_videos, StaticTracker()
    some = [
        [[(tuple(b), int(c)) for b, c in zip(f.boxes.tolist(), f.classes, strict=True)] for f in video]
        for video in videos[:n_plain]
    ]
    flats = [flatten(videos[i : i + 100], gap=3) for i in range(0, n_videos, 100)]
    share = n_videos / n_plain
    clock, processor = measure(
        {
            "askew": lambda: [ours(flat, still) for flat in flats],
            "askew, from and to objects": lambda: estimate_all(videos, [still] * n_videos),
            "plain Python": lambda: plain_python(reference, some),
        },
        repeats,
    )
    for medians in (clock, processor):
        medians["plain Python"] *= share
    same = True
    for video, (links, energy) in zip(videos[:n_plain], plain_python(reference, some), strict=True):
        got, least = ours(flatten([video]), still)
        same &= set(map(tuple, got.tolist())) == links and least == energy
    write(
        "coherence",
        {
            "seed": SEED,
            "frames": n_frames,
            "detections": sum(len(frame) for video in videos for frame in video),
            "frames_per_second_clock": {name: round(n_frames / seconds) for name, seconds in clock.items()},
            "frames_per_second_processor": {name: round(n_frames / seconds) for name, seconds in processor.items()},
            "times_the_clock_of_askew": ratios(clock),
            "times_the_processor_of_askew": ratios(processor),
            "plain_python_share": 1 / share,
            "links_and_energy_identical": bool(same),
            "one_hour": [hour(n) for n in ((9_000,) if options.quick else (22_500, 45_000, 90_000))],
        },
        quick=options.quick,
    )


def hour(n_frames: int) -> dict[str, float]:
    """Returns seconds and peak bytes of one long video."""
    video = scene(np.random.default_rng(SEED), n_frames)
    start = time.perf_counter()
    estimate_errors(video, StaticTracker())
    seconds = time.perf_counter() - start
    tracemalloc.start()
    estimate_errors(video, StaticTracker())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    detections = sum(map(len, video))
    return {
        "frames": n_frames,
        "seconds": round(seconds, 2),
        "peak_megabytes": round(peak / 1e6, 1),
        "bytes_a_detection": round(peak / detections),
    }


if __name__ == "__main__":
    main()
