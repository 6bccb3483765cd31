"""`Selection`: the answer of a query, item by item, and what the balance or the strategy proved of it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from askew.arrays import Floats, Indices
from askew.pick.balance import TunedWeight
from askew.strategies.proof import Proved

if TYPE_CHECKING:
    from askew.advice import Advice


@dataclass(frozen=True)
class Selection:
    """What a query chose, and what the balance says of it.

    Attributes:
        chosen: (n,) int64 pool indices, best first.
        scores: (n,) the scores of the chosen items, or None for a strategy that is no scorer.
        demand: (C,) items wanted of each class (Ω of Eq. 4.3), or None without balance.
        expected: (C,) expected class counts of the choice, Σ of its rows of P, or None without balance.
        weight: the λ used, or None.
        objective, bound, gap: of the balanced selection (Eq. 4.8), certified, where it was solved; else None.
        curve: the λ curve if λ was tuned, else None.
        predicted: n classes, the most probable one of each chosen item, as numbers or names; None where the model was
            not asked. None as a whole without `probs`.
        proof: what a strategy proved that solves for its choice (`coreset`): value, bound, gap, seconds; else None.
        advice: what the strategy "auto" asked with, and why; None where a strategy was named.
        ids: what the n chosen items are called; None if nobody named them.
    """

    chosen: Indices
    scores: Floats | None = None
    demand: Floats | None = None
    expected: Floats | None = None
    weight: float | None = None
    objective: float | None = None
    bound: float | None = None
    gap: float | None = None
    curve: TunedWeight | None = field(default=None, repr=False)
    predicted: tuple[int | str | None, ...] | None = None
    ids: tuple[Hashable, ...] | None = None
    proof: Proved | None = None
    advice: Advice | None = None

    def rows(self) -> list[dict[str, Any]]:
        """Returns a row a pick, as `pandas.DataFrame` takes them.

        Each holds rank from 1, item, and of id, score and predicted class what there is.

        >>> from askew import query
        >>> query("entropy", 1, probs=[[0.9, 0.1], [0.5, 0.5]], ids=["a.jpg", "b.jpg"], details=True).rows()
        [{'rank': 1, 'item': 1, 'id': 'b.jpg', 'score': 0.6931471805599453, 'predicted': 0}]
        """
        rows: list[dict[str, Any]] = []
        for place, item in enumerate(self.chosen.tolist()):
            row: dict[str, Any] = {"rank": place + 1, "item": item}
            if self.ids is not None:
                row["id"] = self.ids[place]
            if self.scores is not None:
                row["score"] = float(str(self.scores[place]))  # the shortest number that is the same in its precision
            if self.predicted is not None:
                row["predicted"] = self.predicted[place]
            rows.append(row)
        return rows

    def named(self, ids: Sequence[Hashable] | None, classes: Sequence[str] | None) -> Selection:
        """Returns the selection with names.

        Args:
            ids: of all N items, in the order of the pool.
            classes: C names, in the order of the columns of P.
        """
        predicted = self.predicted
        if classes is not None and predicted is not None:
            predicted = tuple(classes[one] if isinstance(one, int) else one for one in predicted)
        called = None if ids is None else tuple(ids[item] for item in self.chosen.tolist())
        return replace(self, predicted=predicted, ids=called)
