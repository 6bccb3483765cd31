"""`askew run --dry-run`: what would run, where it goes and how long it may take; nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from askew.data.dataset import Dataset
from askew.experiment import estimate, grid
from askew.experiment.config import ExperimentConfig
from askew.experiment.tasks import build_learner, pool_and_initial
from askew.learn.classifier import Classifier
from askew.pseudo_labels import PseudoLabels


def record(
    config: ExperimentConfig, dataset: Dataset, place: grid.Place, *, jobs: int, seconds: float
) -> dict[str, Any]:
    """Returns what a run would be, for `--json`; `training_steps` is None for an estimator, which has none."""
    runs = grid.jobs_of(config)
    counts = estimate.label_counts(config)
    n_items = len(pool_and_initial(config, dataset, config.protocol.seeds[0])[0])
    learner = build_learner(config.learner, dataset.n_classes, device=place.device, trust=place.trust)
    trained_on = [*counts, *([n_items] if config.protocol.full else [])]
    steps = [learner.training.steps_for(n) for n in trained_on] if isinstance(learner, Classifier) else None
    finished = [job for job in runs if grid.is_finished(config, place.out, job)]
    return {
        "name": config.name,
        "out": str(place.out),
        "strategies": [entry.name for entry in config.strategies],
        "seeds": list(config.protocol.seeds),
        "full": config.protocol.full,
        "runs": len(runs),
        "finished": len(finished),
        "begun": sum(grid.cycles_done(place.out, job) > 0 for job in runs) - len(finished),
        "jobs": jobs,
        "threads": place.threads,
        "dataset": dataset.name,
        "pool_items": n_items,
        "test_items": len(dataset.test),
        "label_counts": counts,
        "training_steps": steps,
        "pseudo_labels": {entry.name: _pseudo(entry.pseudo, n_items) for entry in config.strategies if entry.pseudo},
        "seconds": round(seconds, 1),
    }


def _pseudo(how: PseudoLabels, n_items: int) -> dict[str, Any]:
    return {**how.record(), "items": how.count(n_items)}


def text(found: dict[str, Any]) -> str:
    """Writes it for a person."""
    counts, steps, n_items = found["label_counts"], found["training_steps"], found["pool_items"]
    rows = {
        "strategies": f"{', '.join(found['strategies'])}, each with {several(len(found['seeds']), 'seed')} "
        f"({_listed(found['seeds'])})",
        "cycles": f"{len(counts)}, on {_listed(counts)} labels of a pool of {n_items:,}",
        "full": f"also trains on all {n_items:,} items, once a seed",
        "training": "one fit a cycle" if steps is None else f"{_listed(steps[: len(counts)])} steps",
        "pseudo-labels": "; ".join(f"{label}: {_in_words(how)}" for label, how in found["pseudo_labels"].items()),
        "test": f"on {found['test_items']:,} items of {found['dataset']}",
        "results": f"{found['out']} ({_state(found)})",
        "at a time": f"{several(found['jobs'], 'run')}, each with {several(found['threads'], 'thread')}",
        "time": f"{about(found['seconds'])} on this machine" if found["seconds"] else "nothing is left to run",
    }
    if not found["pseudo_labels"]:
        del rows["pseudo-labels"]
    if not found["full"]:
        del rows["full"]
    elif steps is not None:
        rows["training"] += f"; {steps[-1]:,} for the whole pool"
    width = max(map(len, rows))
    shown = "\n".join(f"  {name:<{width}}  {what}" for name, what in rows.items())
    return f"{found['name']}: {several(found['runs'], 'run')}\n{shown}\nA dry run: nothing was written."


def _in_words(how: dict[str, Any]) -> str:
    trainings = "two trainings a cycle" if how["models"] == "two" else "from the model before"
    if how["items"] is None:
        return f"entropy below {how['threshold']:g}, falling by {how['decay']:g} a cycle, {trainings}"
    return f"{how['items']:,} items by {how['certainty']}, {trainings}"


def about(seconds: float) -> str:
    """Writes an estimate as coarsely as it is known.

    >>> [about(seconds) for seconds in (8, 47, 100, 2000, 8000, 200_000)]
    ['about 10 s', 'about 50 s', 'about 2 min', 'about 33 min', 'about 2.2 h', 'about 2.3 days']
    """
    if seconds < 90:
        return f"about {max(1, round(seconds / 10)) * 10} s"
    if seconds < 90 * 60:
        return f"about {seconds / 60:.0f} min"
    return f"about {seconds / 3600:.1f} h" if seconds < 36 * 3600 else f"about {seconds / 86400:.1f} days"


def _state(found: dict[str, Any]) -> str:
    if not found["finished"] and not found["begun"]:
        return "nothing there yet"
    begun = f", {found['begun']} begun" if found["begun"] else ""
    return f"{found['finished']} of {several(found['runs'], 'run')} finished{begun}"


def _listed(numbers: Sequence[int]) -> str:
    """Writes ascending numbers, long lists with their middle left out; equal ones once."""
    some = [f"{number:,}" for number in dict.fromkeys(numbers)]
    return ", ".join(some if len(some) <= 8 else [*some[:3], "…", some[-1]])


def several(n: int, what: str) -> str:
    """Writes a number of things: `1 run`, `1,200 runs`."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"
