"""What a report says, as data: for `--json`, from the same numbers and sentences as the page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from askew.report.forecasts import outlooks
from askew.report.headline import headline
from askew.report.ledgers import Experiment, Run
from askew.report.measures import Curves
from askew.report.pseudo import PseudoLine, pseudo_lines
from askew.report.summary import Comparison, Line, Summary


def record(experiment: Experiment, summary: Summary | None, page: Path | None) -> dict[str, Any]:
    """Returns what `json.dumps` writes of a report, without a number that is not finite: that is None.

    Values are those of the ledgers: a share from 0 to 1 and not percent. docs/reports.md lists the keys.

    Args:
        experiment: as it was read.
        summary: of it; None if no strategy has finished a cycle.
        page: the report's page, if there is one.
    """
    said = None if summary is None else headline(summary)
    likely = {} if summary is None else {one.label: one.record() for one in outlooks(summary)}
    taught = {} if summary is None else {one.line.label: one for one in pseudo_lines(summary)}
    found = {
        "name": experiment.name,
        "folder": str(experiment.folder),
        "page": None if page is None else str(page),
        "metric": None if summary is None else summary.metric,
        "headline": None if said is None else vars(said),
        "strategies": [] if summary is None else [_line(line, likely, taught) for line in summary.lines],
        "full": None if summary is None or summary.full is None else _curves(summary.full),
        "failed": [{"label": run.label, "seed": run.seed, "reason": reason(run)} for run in experiment.failures],
        "unfinished": [
            {"label": run.label, "seed": run.seed, "cycles": len(run.cycles)} for run in experiment.unfinished
        ],
    }
    plain: dict[str, Any] = _plain(found)
    return plain


def reason(run: Run) -> str:
    """Returns the last line of what is known of a run's failure."""
    lines = (run.failure or "").strip().splitlines()
    return lines[-1] if lines else "no reason was written"


def _line(line: Line, likely: Mapping[str, Any], taught: Mapping[str, PseudoLine]) -> dict[str, Any]:
    pseudo = taught.get(line.label)
    return {
        "label": line.label,
        "strategy": line.strategy,
        "plain": line.plain,
        "knows_truth": line.knows_truth,
        **_curves(line.curves),
        "mean": line.mean,
        "std": line.std,
        "over_random": _comparison(line.over_random),
        "over_plain": _comparison(line.over_plain),
        "savings": [{**vars(one), "saved": one.saved, "sign": one.sign} for one in (line.savings or {}).values()],
        "forecast": likely.get(line.label),
        "pseudo_labels": None if pseudo is None else _pseudo(pseudo),
    }


def _pseudo(one: PseudoLine) -> dict[str, Any]:
    return {
        "teacher": None if one.teacher is None else _curves(one.teacher),
        "over_teacher": _comparison(one.over_teacher),
        "count": _curves(one.count),
        "right": None if one.right is None else _curves(one.right),
    }


def _curves(curves: Curves) -> dict[str, Any]:
    return {"n_labeled": curves.n_labeled, "seeds": curves.seeds, "values": curves.values}


def _comparison(found: Comparison | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        **vars(found.gain),
        "sign": found.sign,
        "confidence": found.confidence,
        "widened_low": found.widened.low,
        "widened_high": found.widened.high,
        "comparisons": found.n,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(one) for one in (value.tolist() if isinstance(value, np.ndarray) else value)]
    if isinstance(value, np.generic):
        return _plain(value.item())
    return None if isinstance(value, float) and not math.isfinite(value) else value
