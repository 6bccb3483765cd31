"""Scores at 1,000,000 × 100 float32 and BALD at 20 × 100,000 × 100, against the libraries that compute them.

Every callable gets an array in the layout its library documents and returns (N,) scores. Timed twice for askew: the
score alone (`askew`), and with the check of the probabilities that `query` makes first (`askew with checks`); the
others are timed as they are, whatever they check. pyrelational needs `numpy.float_`, which NumPy 2 removed: it is given
back to it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from common import arguments, comparison, installed, measure, write

from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.registry import strategies

SEED = 0


def softmax_like(shape: tuple[int, ...]) -> np.ndarray:
    """Returns float32 distributions over the last axis, most of them sure of a few classes."""
    values = np.random.default_rng(SEED).random(shape, dtype=np.float32) ** 12
    values /= values.sum(axis=-1, keepdims=True)
    return values


class Answers:
    """A classifier whose probabilities are known, for libraries that ask one."""

    def __init__(self, probs: np.ndarray) -> None:
        self.probs = probs

    def predict_proba(self, x: object) -> np.ndarray:  # noqa: ARG002
        return self.probs


def rivals(probs: np.ndarray) -> dict[str, dict[str, Callable[[], Any]]]:
    """Returns per score the callables of the libraries that are here."""
    out: dict[str, dict[str, Callable[[], Any]]] = {"entropy": {}, "margin": {}, "least_confidence": {}}
    if installed("skactiveml"):
        from skactiveml.pool._uncertainty_sampling import uncertainty_scores

        for ours, theirs in [
            ("entropy", "entropy"),
            ("margin", "margin_sampling"),
            ("least_confidence", "least_confident"),
        ]:
            out[ours]["scikit-activeml"] = lambda m=theirs: uncertainty_scores(probs, method=m)
    if installed("modAL"):
        from modAL import uncertainty

        answers = Answers(probs)
        out["entropy"]["modAL"] = lambda: uncertainty.classifier_entropy(answers, None)
        out["margin"]["modAL"] = lambda: uncertainty.classifier_margin(answers, None)
        out["least_confidence"]["modAL"] = lambda: uncertainty.classifier_uncertainty(answers, None)
    if installed("baal", "torch", "structlog", "torchmetrics"):
        from baal.active import heuristics

        for ours, theirs in [("entropy", "Entropy"), ("margin", "Margin"), ("least_confidence", "Certainty")]:
            heuristic = getattr(heuristics, theirs)()
            out[ours]["baal"] = lambda h=heuristic: h.get_uncertainties(probs)
    if installed("pyrelational", "torch", "lightning"):
        setattr(np, "float_", np.float64)  # noqa: B010
        import torch
        from pyrelational.informativeness import classification as c

        tensor = torch.from_numpy(probs)
        out["entropy"]["pyrelational"] = lambda: c.classification_entropy(tensor)
        out["margin"]["pyrelational"] = lambda: c.classification_margin_confidence(tensor)
        out["least_confidence"]["pyrelational"] = lambda: c.classification_least_confidence(tensor)
    return out


def rival_balds(draws: np.ndarray) -> dict[str, Callable[[], Any]]:
    """Returns BALD of the libraries that are here."""
    out: dict[str, Callable[[], Any]] = {}
    if installed("skactiveml"):
        from skactiveml.pool import batch_bald

        out["scikit-activeml"] = lambda: batch_bald(draws, batch_size=1)
    if installed("baal", "torch", "structlog", "torchmetrics"):
        from baal.active import heuristics

        last = np.ascontiguousarray(draws.transpose(1, 2, 0))
        out["baal"] = lambda: heuristics.BALD().get_uncertainties(last)
    if installed("small_text"):
        from small_text.query_strategies.bayesian import _bald

        second = np.ascontiguousarray(draws.transpose(1, 0, 2))
        out["small-text"] = lambda: _bald(second)
    if installed("pyrelational", "torch", "lightning"):
        import torch
        from pyrelational.informativeness import classification as c

        tensor = torch.from_numpy(draws)
        out["pyrelational"] = lambda: c.classification_bald(tensor)
    return out


def summary(run: dict[str, Callable[[], Any]], repeats: int) -> dict[str, Any]:
    """Times one score."""
    clock, processor = measure(run, repeats)
    rival_seconds = {k: v for k, v in clock.items() if not k.startswith("askew")}
    return {
        **comparison(clock, processor),
        "best_rival": min(rival_seconds, key=lambda k: rival_seconds[k], default=None),
    }


def point_scores(n_items: int, repeats: int) -> dict[str, Any]:
    """Times the scores of one distribution an item."""
    probs = softmax_like((n_items, 100))
    pred, pool, catalogue = Predictions(probs=probs), Pool.without_labels(n_items), strategies()
    record = {}
    for name, others in rivals(probs).items():
        score = catalogue[name].fn
        run = {
            "askew": lambda s=score: s(pred, pool),
            "askew with checks": lambda s=score: s(Predictions(probs=probs), pool),
            **others,
        }
        record[name] = summary(run, repeats)
    few = probs[:10_000].astype(np.float64)
    reference = -np.sum(few * np.log(np.maximum(few, 1e-300)), axis=1)
    record["entropy"]["largest_error"] = float(np.abs(catalogue["entropy"].fn(pred, pool)[:10_000] - reference).max())
    return record


def bald_scores(n_items: int, repeats: int) -> dict[str, Any]:
    """Times BALD over 20 draws."""
    draws = softmax_like((20, n_items, 100))
    pred, pool, bald = Predictions(draws=draws), Pool.without_labels(n_items), strategies()["bald"].fn
    run = {
        "askew": lambda: bald(pred, pool),
        "askew with checks": lambda: bald(Predictions(draws=draws), pool),
        **rival_balds(draws),
    }
    return {"draws": 20, "items": n_items, **summary(run, repeats)}


def main() -> None:
    """Runs it."""
    options = arguments(__doc__)
    quick = options.quick
    warnings.simplefilter("ignore")
    n_items, repeats = (100_000, options.repeats or 3) if quick else (1_000_000, options.repeats or 7)
    record = {**point_scores(n_items, repeats), "bald": bald_scores(n_items // 10, max(1, repeats // 2))}
    write(
        "scores",
        {"seed": SEED, "repeats": repeats, "items": n_items, "classes": 100, "dtype": "float32", **record},
        quick=quick,
    )


if __name__ == "__main__":
    main()
