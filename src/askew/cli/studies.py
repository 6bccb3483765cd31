"""`askew run` with a file of several experiments: each in a folder of its own, then one page of them all."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from askew.cli.dry_run import about, several, text
from askew.cli.run import Ready, checked, planned, run_checked
from askew.errors import DataNotFound, InputError
from askew.experiment.study import Study
from askew.experiment.study_folder import check_study_folder, write_study


@dataclass(frozen=True)
class Missing:
    """An experiment whose data are not on this machine, and what its reader says of that."""

    part: str
    why: str


def run(study: Study, arguments: argparse.Namespace, out: Path) -> int:
    """Runs the experiments whose data are there, in `out`/PART; returns 1 if one was left out or a run failed.

    All of them are checked before the first one begins.

    Raises:
        DataNotFound: the data of none are there.
        InputError: one could not be run to its end, or `out` holds something else.
    """
    check_study_folder(study, out)
    ready, missing = _checked(study, arguments)
    if not ready:
        raise DataNotFound(missing[0].why)
    if arguments.dry_run:
        plans = {part: planned(one, arguments, out / part) for part, one in ready.items()}
        _tell_plan(study, out, plans, missing, as_json=arguments.json)
        return 0
    write_study(study, out)
    status, found = 0, {}
    for number, (part, one) in enumerate(ready.items(), 1):
        if not arguments.json:
            print(f"\n{part} ({number} of {len(ready)})", flush=True)
        failed, found[part] = run_checked(one, arguments, out / part)
        status = max(status, failed)
    _tell_results(study, out, found, missing, as_json=arguments.json)
    return 1 if missing else status


def _checked(study: Study, arguments: argparse.Namespace) -> tuple[dict[str, Ready], tuple[Missing, ...]]:
    """Returns the experiments that can run, and those whose data are not there."""
    ready, missing = {}, []
    for part, config in study.experiments.items():
        try:
            ready[part] = checked(config, arguments)
        except DataNotFound as error:
            missing.append(Missing(part, str(error)))
        except InputError as error:
            raise InputError(f"{part}: {error}") from error
    return ready, tuple(missing)


def _tell_plan(
    study: Study,
    out: Path,
    plans: Mapping[str, dict[str, Any]],
    missing: tuple[Missing, ...],
    *,
    as_json: bool,
) -> None:
    """Prints what would run."""
    seconds = sum(plan["seconds"] for plan in plans.values())
    if as_json:
        record = {"name": study.name, "scale": study.scale, "out": str(out), "seconds": round(seconds, 1)}
        left = [vars(one) for one in missing]
        print(json.dumps({**record, "experiments": list(plans.values()), "missing": left}, indent=2, allow_nan=False))
        return
    for plan in plans.values():
        print(text(plan), end="\n\n")
    _tell_missing(missing)
    time = about(seconds) if seconds else "nothing is left to run"
    print(f"{study.name}: {several(len(plans), 'experiment')}, {time}")


def _tell_results(
    study: Study,
    out: Path,
    found: Mapping[str, dict[str, Any]],
    missing: tuple[Missing, ...],
    *,
    as_json: bool,
) -> None:
    """Makes the joint page and prints what is on it."""
    from askew.report.study import build_study

    page = build_study(out)
    if as_json:
        record = {"name": study.name, "scale": study.scale, "folder": str(out), "page": str(page)}
        left = [vars(one) for one in missing]
        print(json.dumps({**record, "experiments": list(found.values()), "missing": left}, indent=2, allow_nan=False))
        return
    _tell_missing(missing)
    print(f"report of all {several(len(found), 'experiment')}: {page}")


def _tell_missing(missing: tuple[Missing, ...]) -> None:
    for one in missing:
        print(f"askew: {one.part} is left out: {one.why}", file=sys.stderr)
