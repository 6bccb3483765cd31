"""The page of the documentation that says how fast askew is, made from the files in benchmarks/results alone."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

RESULTS = Path(__file__).resolve().parent.parent / "benchmarks" / "results"

INTRO = """# How fast it is

Each row is one comparison, measured side by side in one run; the ratio is of medians by the clock, above 1 where
askew is faster. The file behind a row, `benchmarks/results/<file>.json`, has the seconds, versions, seeds, processor
and how busy the machine was; the script of the same name in `benchmarks/` says what is timed and how, and `make bench`
runs those whose data is here. Measured on two cores: seconds do not carry over to another machine, ratios roughly
do."""


class Row(NamedTuple):
    """One comparison: what is computed, at which size, against what, and the ratio."""

    what: str
    size: str
    rival: str
    times: float
    askew_seconds: float
    file: str


def page() -> str:
    """Returns the page."""
    records = {name: record for name in READERS if (record := _record(name))}
    rows = [row for name, record in records.items() for row in READERS[name](record)]
    lines = [INTRO, "", "| what | size | against | times faster | askew | file |", "|---|---|---|---|---|---|"]
    for row in rows:
        times = f"{row.times:.0f}" if row.times >= 20 else f"{row.times:.1f}"
        cells = (row.what, row.size, row.rival, f"**{times}**", _seconds(row.askew_seconds), f"`{row.file}`")
        lines.append(f"| {' | '.join(cells)} |")
    if "balance" in records:
        lines += ["", "## How good the balanced selections are", "", *_proofs(records["balance"])]
    if (coreset := _record("coreset")) is not None:
        lines += ["", "## What core-set proves", "", *_coresets(coreset)]
    return "\n".join(lines)


def _record(name: str) -> dict[str, Any] | None:
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _seconds(value: float) -> str:
    return f"{1e3 * value:.0f} ms" if value < 1 else f"{value:.2g} s"


def _compared(record: dict[str, Any], what: str, size: str, file: str) -> Iterator[Row]:
    for rival, times in record["times_slower_than_askew"].items():
        if not rival.startswith("askew"):
            yield Row(what, size, rival, times, record["median_seconds"]["askew"], file)


def _scores(record: dict[str, Any]) -> Iterator[Row]:
    size = f"{record['items']:,} × {record['classes']}"
    for name in ("entropy", "margin", "least_confidence"):
        yield from _compared(record[name], name.replace("_", " "), size, "scores")
    bald = record["bald"]
    size = f"{bald['draws']} draws of {bald['items']:,} × {record['classes']}"
    yield from _compared(bald, "BALD", size, "scores")


def _dispersion(record: dict[str, Any]) -> Iterator[Row]:
    size = f"{record['items']:,} items, {record['classes']:,} classes, {record['epochs']} epochs"
    for kind in ("settled", "random"):
        yield from _compared(record[kind], f"label dispersion, {kind} predictions", size, "dispersion")


KINDS = {"normal": "normal features", "groups": "features in groups", "rectified": "rectified features"}


def _kcenter(record: dict[str, Any]) -> Iterator[Row]:
    for kind, features in KINDS.items():
        one = record[kind]
        size = f"{one['items']:,} × 512, {one['labelled']:,} labelled, {one['picks']:,} picks"
        yield from _compared(one, f"k-center, {features}", size, "kcenter")


def _greedy(record: dict[str, Any]) -> Iterator[Row]:
    for classes in ("C=10", "C=100"):
        size = f"{record['items']:,} × {record['dimensions']}, {record['picks']:,} picks, {classes[2:]} classes"
        yield from _compared(record[classes], "balanced k-center (Algorithm 2)", size, "greedy")


def _balance(record: dict[str, Any]) -> Iterator[Row]:
    for name, one in record.items():
        if not isinstance(one, dict) or "runs" not in one:
            continue
        weight, rest = name.split(", ", 1)
        size, rival = rest.rsplit(", ", 1)
        seconds = statistics.median(run["askew_seconds"] for run in one["runs"])
        what = f"balanced selection (Eq. 4.8), λ = {weight.removeprefix('weight ')}"
        rival = rival.replace("LP + rounding", "SciPy's HiGHS on the LP, rounded")
        yield Row(what, size.replace(" x ", " × "), rival, one["median_times_slower"], seconds, "balance")


def _coherence(record: dict[str, Any]) -> Iterator[Row]:
    size = f"{record['frames']:,} frames, {record['detections']:,} detections"
    seconds = record["frames"] / record["frames_per_second_clock"]["askew"]
    times = record["times_the_clock_of_askew"]["plain Python"]
    yield Row("errors of a detector: links and cut", size, "plain Python", times, seconds, "coherence")


def _training(record: dict[str, Any]) -> Iterator[Row]:
    for what in ("train", "predict"):
        if what in record:
            one = record[what]
            seconds = one["images"] / one["images_per_second"]["askew"]
            size = f"{one['images']:,} images 32 × 32, {record['device']}"
            yield Row(
                f"ResNet-18: {what}", size, "DataLoader in float32", one["times_plain"]["askew"], seconds, "training"
            )


NAMES = {
    "badge": "BADGE",
    "typiclust": "TypiClust",
    "probcover": "ProbCover",
    "maxherding": "MaxHerding",
    "dropquery": "DropQuery",
}


def _herding(record: dict[str, Any]) -> Iterator[Row]:
    compared = {"UHerding": record["against_full_kernel"], **record.get("beside_scikit_activeml", {})}
    for name, one in compared.items():
        size = f"{one['items']:,} × {record['dimensions']}, {one['picks']:,} picks"
        yield from _compared(one, NAMES.get(name, name), size, "herding")


def _features(record: dict[str, Any]) -> Iterator[Row]:
    for name, one in record.items():
        if isinstance(one, dict) and "side_px" in one:
            yield from _compared(one, f"features by EfficientNet-Lite0, {name}", f"{one['pictures']} files", "features")


def _tuning(record: dict[str, Any]) -> Iterator[Row]:
    size = f"{record['items']:,} × {record['dimensions']:,}, {record['labelled']:,} labelled, {record['picks']} picks"
    yield from _compared(record, 'UHerding, `balance="auto"`', size, "tuning")


READERS = {
    "balance": _balance,
    "greedy": _greedy,
    "kcenter": _kcenter,
    "scores": _scores,
    "dispersion": _dispersion,
    "coherence": _coherence,
    "herding": _herding,
    "training": _training,
    "features": _features,
    "tuning": _tuning,
}


def _proofs(record: dict[str, Any]) -> Iterator[str]:
    yield "Largest certified gap between a selection and what none can beat, relative, over seeds and demands:"
    yield ""
    yield "| λ, size, distance | gap, uniform demand | gap, any demand | median |"
    yield "|---|---|---|---|"
    for name, one in record.items():
        if isinstance(one, dict) and "largest_gap_uniform" in one:
            title = name.removeprefix("weight ").replace(" x ", " × ")
            gaps = f"{one['largest_gap_uniform']:.1e} | {one['largest_gap_drawn']:.1e}"
            yield f"| {title} | {gaps} | {_seconds(one['median_seconds'])} |"
    large = record["weight 1, large"]
    sizes = f"{large['array']['megabytes_of_P']} MB of probabilities"
    for how, one in large.items():
        yield (
            f"| 1, 1,000,000 × 100 ({sizes}, {how}), {one['peak_megabytes_beside_P']} MB beside them "
            f"| {one['gap']:.1e} | – | {_seconds(one['median_seconds'])} |"
        )


CORESETS = {"digits": "digits", "fashion": "Fashion-MNIST"}


def _coresets(record: dict[str, Any]) -> Iterator[str]:
    limit = f"{record['time_limit_s']:.0f} s (`benchmarks/results/coreset.json`)"
    yield f"The radius within which all items lie of what `coreset` picked in at most {limit}, before any label:"
    yield "the bound that no picks can be below, the gap between the two as a share of the radius, and the share of"
    yield "k-center's radius that it saves."
    yield ""
    yield "| pixels of | picks | radius | bound | gap | saved | seconds |"
    yield "|---|---|---|---|---|---|---|"
    for kind, name in CORESETS.items():
        for one in record.get(kind, []):
            gap = "proved" if one["proved"] else f"{one['gap']:.1%}"
            radii = f"{one['picks']:,} | {one['radius']:.4g} | {one['bound']:.4g}"
            saved = f"{one['radius_saved']:.1%} | {one['seconds']:.1f}"
            yield f"| {one['items']:,} {name} | {radii} | {gap} | {saved} |"
    if "limits" in record:
        yield ""
        yield "500 picks of Fashion-MNIST within limits too short for a proof, on a machine as busy as the file says:"
        yield ""
        yield "| items | limit | seconds | of processor time | gap | stopped by |"
        yield "|---|---|---|---|---|---|"
        for one in record["limits"]:
            limit = f"{one['items']:,} | {one['time_limit_s']:.0f} s"
            spent = f"{one['seconds']:.1f} | {one['processor_seconds']:.1f}"
            yield f"| {limit} | {spent} | {one['gap']:.1%} | {one['stopped'] or '–'} |"
