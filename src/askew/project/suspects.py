"""Which answers may be wrong: confident learning, by cleanlab, on predictions of models that did not see the item."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from askew.arrays import Floats, Indices
from askew.data.reading import quiet
from askew.errors import MissingExtra
from askew.learn.features import FeatureRows
from askew.learn.probe import LinearProbe
from askew.pool import Pool
from askew.project.learning import View
from askew.seeding import generator

FOLDS = 5
"""Into how many parts the labelled items are dealt; each is predicted by a head trained on the others."""

FEWEST = 5
"""A class with fewer labelled items is left out: a fold may have none of them."""


@dataclass(frozen=True)
class Suspect:
    """An answer that the others speak against.

    Attributes:
        row: of the item in the view.
        label: what was said.
        guess: what it is taken for instead.
        own: the probability of what was said.
        confidence: the probability of the guess.
    """

    row: int
    label: str
    guess: str
    own: float
    confidence: float


def suspects(view: View, *, seed: int = 0) -> list[Suspect]:
    """Returns the labels that confident learning finds wrong, those that are least probable first.

    The pool's labelled items are dealt into 5 parts, class by class, and each is predicted by a linear head on the
    frozen features that was trained on the others; test items by one that was trained on the pool. cleanlab then
    counts, per pair of classes, how many confident predictions disagree with the label, and takes the least probable
    labels of as many (Northcutt et al. 2021, arXiv 1911.00068). It points; a person decides.

    Args:
        view: what the project holds.
        seed: of the parts.

    Raises:
        MissingExtra: cleanlab is not installed.
    """
    try:
        from cleanlab.filter import find_label_issues
    except ImportError as error:
        raise MissingExtra("looking for wrong labels", "errors") from error
    rows, labels, probs = held_out(view, seed=seed)
    known = np.unique(labels)
    if len(known) < 2:
        return []
    places = np.searchsorted(known, labels)
    shares = probs[:, known].astype(np.float64)
    shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1e-12)
    with quiet():
        found = find_label_issues(places, shares, return_indices_ranked_by="self_confidence", n_jobs=1)
    out = []
    for i in np.asarray(found).tolist():
        guess = int(shares[i].argmax())
        if guess != places[i]:
            own, confidence = float(shares[i, places[i]]), float(shares[i, guess])
            out.append(Suspect(int(rows[i]), view.classes[labels[i]], view.classes[known[guess]], own, confidence))
    return out


def held_out(view: View, *, seed: int = 0) -> tuple[Indices, Indices, Floats]:
    """Returns labelled rows, their labels, and (n, C) probabilities by heads that were not trained on them.

    Classes with fewer than `FEWEST` labelled pool items are left out.
    """
    pool_labels, n_classes = view.pool_labels, max(2, len(view.classes))
    counts = np.bincount(pool_labels[pool_labels >= 0], minlength=n_classes)
    enough = np.flatnonzero(counts >= FEWEST)
    rows = np.flatnonzero(np.isin(view.labels, enough))
    labels = view.labels[rows]
    probs = np.zeros((len(rows), n_classes), dtype=np.float32)
    if len(enough) < 2:
        return rows[:0], labels[:0], probs[:0]
    part = np.where(view.test[rows], -1, _dealt(labels, seed))
    features = FeatureRows.of(view.rows.take(rows).array())
    probe = LinearProbe(n_classes)
    for held in range(-1, FOLDS):
        asked = np.flatnonzero(part == held)
        if len(asked):
            seen = Pool(np.where((part != held) & (part >= 0), labels, -1))
            probs[asked] = probe.fit(features, seen, seed=seed).predict(features.take(asked))["probs"]
    return rows, labels, probs


def _dealt(labels: Indices, seed: int) -> Indices:
    """Returns the part that each item is dealt to, class by class in random order."""
    order = generator(seed, "folds").permutation(len(labels))
    out = np.empty(len(labels), dtype=np.int64)
    out[order[np.argsort(labels[order], kind="stable")]] = np.arange(len(labels)) % FOLDS
    return out
