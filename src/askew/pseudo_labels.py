"""`PseudoLabels`: which unlabeled items are trained on too, with classes that a model gave them, and how many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from askew.arrays import Floats, Indices, is_number
from askew.errors import InputError, unknown
from askew.pick.top import top

Models = Literal["two", "one"]
Certainty = Literal["dispersion", "entropy"]


@dataclass(frozen=True)
class PseudoLabels:
    """How unlabeled items are given classes by a model and are trained on beside the labelled ones.

    Two models are section 3.5 of the thesis: model A gives the classes, the auxiliary model B is trained on labels and
    pseudo-labels, and B's predictions of the remaining items say what is asked. One model is CEAL (Wang et al. 2016,
    arXiv 1701.03551): the model of the cycle before gives the classes.

    Attributes:
        models: "two" or "one".
        certainty: what makes an item certain: low label "dispersion" while A was trained (two models only), or low
            "entropy" of the predicted classes.
        share: how many items, as a share of the pool; None where a threshold decides. With 0 the second model is
            trained on the labels alone: a control.
        threshold: δ0 of CEAL, in nats: all items of lower entropy; None where the share decides.
        decay: by how much the threshold falls from cycle to cycle.

    Raises:
        InputError: an unknown word, a number out of range, or settings that exclude each other.

    >>> PseudoLabels(share=0.1).name, PseudoLabels("one", "entropy", threshold=0.5, decay=0.125).threshold_in(3)
    ('two-dispersion-10', 0.25)
    """

    models: Models = "two"
    certainty: Certainty = "dispersion"
    share: float | None = None
    threshold: float | None = None
    decay: float = 0.0

    def __post_init__(self) -> None:
        for name, value, known in (("models", self.models, Models), ("certainty", self.certainty, Certainty)):
            if value not in get_args(known):
                raise unknown(name, value, get_args(known))
        if (self.share is None) == (self.threshold is None):
            raise InputError("pseudo_labels: expected a share or a threshold, and not both")
        if self.share is not None and not (is_number(self.share) and 0 <= self.share < 1):
            raise InputError(f"share: expected a share from 0 to below 1, got {self.share!r}")
        if self.threshold is not None and not (is_number(self.threshold) and self.threshold > 0):
            raise InputError(f"threshold: expected an entropy above 0, in nats, got {self.threshold!r}")
        if not (is_number(self.decay) and self.decay >= 0):
            raise InputError(f"decay: expected a number from 0, got {self.decay!r}")
        if self.threshold is None and self.decay:
            raise InputError("decay: is for a threshold: leave it out")
        if self.models == "two" and self.threshold is not None:
            raise InputError('threshold: is for one model (CEAL): take a share, or models = "one"')
        if self.models == "one" and self.certainty != "entropy":
            raise InputError(
                'certainty: one model (CEAL) is certain by entropy: take certainty = "entropy", or models = "two"'
            )

    @property
    def name(self) -> str:
        """A short name, as in `entropy+two-dispersion-10`: the models, the certainty and the percentage."""
        what = f"two-{self.certainty}" if self.models == "two" else "ceal"
        return what if self.share is None else f"{what}-{100 * self.share:g}"

    def count(self, n_items: int) -> int | None:
        """Returns how many items of a pool of `n_items` the share is; None where a threshold decides."""
        return None if self.share is None else round(self.share * n_items)

    def threshold_in(self, cycle: int) -> float:
        """Returns δ in a cycle: δ0 − decay · t (Eq. 9 of CEAL), t the selections of certain items before it.

        The first selection is made for cycle 1, with the model of cycle 0. The paper prints δ on the right side too;
        it is read as δ0, so the threshold falls by the same amount from cycle to cycle.
        """
        if self.threshold is None:
            raise InputError("threshold: the share decides")
        return self.threshold - self.decay * max(0, cycle - 1)

    def chosen(self, uncertainty: Floats, cycle: int, rng: np.random.Generator) -> Indices:
        """Returns the items to pseudo-label, ascending.

        Args:
            uncertainty: (N,) dispersion or entropy; NaN for items that are not to be had.
            cycle: from 0; of a threshold with a decay.
            rng: settles ties on the border.

        Raises:
            InputError: fewer items than the share.
        """
        n = self.count(len(uncertainty))
        return below(uncertainty, self.threshold_in(cycle)) if n is None else most_certain(uncertainty, n, rng)

    def record(self) -> dict[str, Any]:
        """Returns it as plain values for JSON; `PseudoLabels(**record)` makes it again."""
        return dict(vars(self))


def most_certain(uncertainty: Floats, n: int, rng: np.random.Generator) -> Indices:
    """Returns the n items of lowest uncertainty, ascending; equal ones on the border are drawn at random.

    Label dispersion has few values, so ties are many; a draw keeps the order of the pool out of the answer.

    Args:
        uncertainty: (N,) floats; NaN for items that are not to be had.
        n: how many, from 0.
        rng: settles ties.

    Raises:
        InputError: fewer than n items are to be had.

    >>> most_certain(np.array([0.3, np.nan, 0.1, 0.2]), 2, np.random.default_rng(0))
    array([2, 3])
    """
    items = np.flatnonzero(~np.isnan(uncertainty))
    if n > len(items):
        raise InputError(f"pseudo_labels: {n} items wanted, {len(items)} are unlabeled: take a smaller share")
    return np.sort(items[top(-uncertainty[items], n, rng)]) if n else items[:0]


def below(uncertainty: Floats, threshold: float) -> Indices:
    """Returns the items whose uncertainty is below a threshold, ascending; NaN never is.

    >>> below(np.array([0.3, np.nan, 0.1, 0.2]), 0.2)
    array([2])
    """
    with np.errstate(invalid="ignore"):
        return np.flatnonzero(uncertainty < threshold)
