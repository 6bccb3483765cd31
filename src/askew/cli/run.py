"""`askew run`: strategies × seeds under one protocol, resumable, then the report."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NEEDS = ("vision", "torch", "torchvision", "sklearn", "pydantic", "rich", "matplotlib", "jinja2")
"""The extra that brings what an experiment imports, and those modules."""

IN_THE_FILE = {
    "protocol": ("initial", "initial_set", "budget", "cycles", "seeds", "full"),
    "learner": ("backbone", "preset", "estimator", "features"),
    "data": ("source", "image_side_px", "pool_items", "test_fraction"),
}
"""Settings of the TOML file, by section, that are looked for among the options."""


SCALE_LINES = {
    "desk": "{name}: at desk scale, which is smaller than the whole protocol; --scale full runs that",
    "full": "{name}: the whole protocol; --scale desk is smaller",
}
"""What the first line says of the scale."""


def add(commands: Any) -> None:
    """Adds the subcommand to the parser."""
    parser = commands.add_parser(
        "run",
        help="run an experiment from a TOML file or a preset",
        description="Runs every strategy of an experiment with every seed and makes the report. Stopped at any time, "
        "the same command goes on from the last finished cycle. Without EXPERIMENT it lists the presets.",
    )
    parser.add_argument("experiment", nargs="?", metavar="EXPERIMENT", help="a TOML file, or the name of a preset")
    parser.add_argument(
        "--scale",
        choices=SCALE_LINES,
        help="of an experiment with [desk]: that, or the whole protocol (desk); other experiments have one scale",
    )
    add_options(parser, out="runs/NAME")
    parser.add_argument(
        "--json",
        action="store_true",
        help="print the results, or with --dry-run what would run, as JSON; see docs/reports.md",
    )
    elsewhere = {
        f"--{key.replace('_', '-')}": f"{key} is in [{section}] of the TOML file"
        for section, keys in IN_THE_FILE.items()
        for key in keys
    }
    parser.set_defaults(call=call, elsewhere=elsewhere)


def add_options(parser: argparse.ArgumentParser, *, out: str) -> None:
    """Adds what `run` and `demo` share."""
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"where results go ({out})")
    parser.add_argument("--jobs", type=int, metavar="J", help="runs at a time (as many as the cores have threads for)")
    parser.add_argument(
        "--threads",
        type=int,
        metavar="T",
        help="threads of each run (1, or what the folder's runs have); other threads give other picks",
    )
    parser.add_argument("--data-root", type=Path, metavar="DIR", help="where datasets are (data)")
    parser.add_argument("--download", action="store_true", help="fetch a named dataset that is not on this machine yet")
    parser.add_argument(
        "--skip-unreadable", action="store_true", help="leave out pictures that cannot be read; list them"
    )
    parser.add_argument(
        "--trust-estimator",
        action="store_true",
        help="import and call the learner's estimator though it is not scikit-learn's: it runs its code",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="check everything, say what would run and how long it may take, and stop"
    )
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, … (a GPU if there is one)")


def call(arguments: argparse.Namespace) -> int:
    """Runs the experiment, or lists the presets."""
    from askew.cli.extras import need

    need("running an experiment", *NEEDS)
    from askew.experiment.study import read

    if arguments.experiment is None:
        _list_presets(as_json=arguments.json)
        return 0
    study = read(arguments.experiment, arguments.scale)
    if study.scale is not None:
        said = sys.stderr if arguments.json else sys.stdout
        print(SCALE_LINES[study.scale].format(name=arguments.experiment), file=said, flush=True)
    out = arguments.out or Path("runs") / study.name
    if "" in study.experiments:
        return experiment(study.experiments[""], arguments, out)
    from askew.cli import studies

    return studies.run(study, arguments, out)


def _list_presets(*, as_json: bool) -> None:
    """Prints what comes with askew, and which of it has two scales."""
    from askew.experiment.preset_files import presets
    from askew.experiment.scales import scales_of
    from askew.experiment.study import toml_of

    found = [{"name": name, "about": about, "scales": scales_of(toml_of(name))} for name, about in presets().items()]
    if as_json:
        print(json.dumps(found, indent=2))
        return
    width = max(map(len, presets()))
    for one in found:
        scales = f" (--scale {' or '.join(one['scales'])})" if one["scales"] else ""
        print(f"{one['name']:<{width}}  {one['about']}{scales}")


def experiment(config: Any, arguments: argparse.Namespace, out: Path) -> int:
    """Runs a checked experiment in the folder `out`, to its report; returns 1 if a run failed."""
    from askew.cli import dry_run

    ready = checked(config, arguments)
    if arguments.dry_run:
        found = planned(ready, arguments, out)
        print(json.dumps(found, indent=2, allow_nan=False) if arguments.json else dry_run.text(found))
        return 0
    status, found = run_checked(ready, arguments, out)
    if arguments.json:
        print(json.dumps(found, indent=2, allow_nan=False))
    return status


@dataclass(frozen=True)
class Ready:
    """An experiment that was checked with its data, and how long these took to load: a worker loads them too."""

    config: Any
    dataset: Any
    loading_seconds: float


def checked(config: Any, arguments: argparse.Namespace) -> Ready:
    """Returns an experiment with its data after all checks; nothing is written.

    Raises:
        DataNotFound: its data set is not on this machine.
        InputError: it could not be run to its end.
    """
    from askew.experiment import grid

    began = time.monotonic()
    dataset = _dataset(config, arguments)
    grid.check(config, dataset, arguments.device, trust=arguments.trust_estimator)
    return Ready(config, dataset, time.monotonic() - began)


def planned(ready: Ready, arguments: argparse.Namespace, out: Path) -> dict[str, Any]:
    """Returns what would run in the folder `out`, and how long it may take."""
    from askew.cli import dry_run
    from askew.experiment import grid

    threads = grid.check_folder(ready.config, out, threads=arguments.threads)
    place, jobs, seconds = _place(ready, arguments, out, threads)
    return dry_run.record(ready.config, ready.dataset, place, jobs=jobs, seconds=seconds)


def run_checked(ready: Ready, arguments: argparse.Namespace, out: Path) -> tuple[int, dict[str, Any]]:
    """Runs an experiment to its report; returns 1 if a run failed, and what the report says."""
    from askew.cli.progress import counting
    from askew.cli.screen import Screen
    from askew.experiment import grid
    from askew.experiment.tasks import prepare_features
    from askew.experiment.workers import run_all

    config, dataset = ready.config, ready.dataset
    with grid.prepared(config, dataset, out, threads=arguments.threads) as threads:
        with counting("features") as tell:
            prepare_features(config, dataset, device=arguments.device, progress=tell)
        place, jobs, seconds = _place(ready, arguments, out, threads)
        with Screen(config, grid.jobs_of(config), out, expected_seconds=seconds) as screen:
            failed = run_all(config, place, jobs=jobs, watch=screen.watch, done=screen.done, tick=screen.tick)
        grid.save_thumbnails(config, dataset, out)
        for job in failed:
            print(f"askew: {grid.failure(out, job)}", file=sys.stderr)
        return (1 if failed else 0), _report(config, out, quiet=arguments.json)


def _place(ready: Ready, arguments: argparse.Namespace, out: Path, threads: int) -> tuple[Any, int, float]:
    """Returns where workers compute, how many at a time, and how long all may take in seconds."""
    from askew.experiment import grid
    from askew.experiment.estimate import remaining_seconds
    from askew.files import n_cores

    root, skip, trust = arguments.data_root, arguments.skip_unreadable, arguments.trust_estimator
    place = grid.Place(out, root, skip, arguments.device, threads=threads, trust=trust)
    jobs = arguments.jobs or max(1, n_cores() // threads)
    start = ready.loading_seconds
    return place, jobs, remaining_seconds(ready.config, ready.dataset, place, jobs=jobs, start_seconds=start)


def _dataset(config: Any, arguments: argparse.Namespace) -> Any:
    from askew.errors import InputError
    from askew.experiment.tasks import load_dataset

    for name, value in (("--jobs", arguments.jobs), ("--threads", arguments.threads)):
        if value is not None and value < 1:
            raise InputError(f"{name}: expected at least 1, got {value}")
    dataset = load_dataset(
        config.data, root=arguments.data_root, download=arguments.download, skip_unreadable=arguments.skip_unreadable
    )
    for path in dataset.unreadable:
        print(f"askew: left out, cannot be read: {path}", file=sys.stderr)
    return dataset


def _report(config: Any, out: Path, *, quiet: bool) -> dict[str, Any]:
    """Makes the report and prints what each strategy reached, what that shows, and where the page is; returns it."""
    from askew.experiment import grid
    from askew.report.build import build_of
    from askew.report.headline import headline
    from askew.report.ledgers import read
    from askew.report.paper import paper_tables
    from askew.report.record import record
    from askew.report.summary import summarize

    lines, found = grid.summary(config, out), read(out)
    summary = summarize(found) if any(line.label != grid.FULL for line in lines) else None
    page = None if summary is None else build_of(summary)
    if not quiet:
        n_seeds = len(config.protocol.seeds)
        for line in lines:
            some = "" if line.n_seeds == n_seeds else f"   ({line.n_seeds} of {n_seeds} seeds)"
            print(f"{line.label:<28} {line.n_labeled:>6} labels   accuracy {100 * line.accuracy:5.1f}%{some}")
        if summary is not None:
            print(headline(summary).sentence)
            _tell_paper(paper_tables(summary))
        print("report: none, since no strategy has finished a cycle" if page is None else f"report: {page}")
    return record(found, summary, page)


def _tell_paper(found: Sequence[Any]) -> None:
    """Prints a paper's numbers beside ours, and how they are to be read."""
    from askew.report.tables import plain_text

    for table in found:
        print("", *plain_text(table), table.note, "", sep="\n")
