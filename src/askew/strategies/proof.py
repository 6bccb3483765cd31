"""What a selector returns that also proves how good its choice is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from askew.arrays import Indices


@dataclass(frozen=True)
class Proved:
    """A choice, the quantity that it makes small, and a bound below which no choice can bring it.

    Attributes:
        chosen: (n,) pool indices, best first.
        quantity: what is made small, such as "radius".
        value: the quantity of this choice.
        bound: no choice of n items has less; equal to the value where the choice is proved optimal.
        seconds: how long it took.
        stopped: why there is a gap, such as "the time limit"; empty where there is none.

    >>> import numpy as np
    >>> print(Proved(np.array([4]), "radius", 2.0, 1.5, 60.1, "the time limit").line())
    radius 2, at least 1.5 for any choice: gap 25% at the time limit, after 60.1 s
    """

    chosen: Indices
    quantity: str
    value: float
    bound: float
    seconds: float
    stopped: str = ""

    @property
    def gap(self) -> float:
        """The share (value − bound) / value of the value that a better choice could save at most."""
        return 0.0 if self.bound == self.value else (self.value - self.bound) / self.value

    def line(self) -> str:
        """Returns one line for people."""
        if self.gap == 0:
            return f"{self.quantity} {self.value:.6g}: proved optimal, in {self.seconds:.1f} s"
        return (
            f"{self.quantity} {self.value:.6g}, at least {self.bound:.6g} for any choice: gap {100 * self.gap:.3g}% "
            f"at {self.stopped}, after {self.seconds:.1f} s"
        )

    def record(self) -> dict[str, Any]:
        """Returns it without the choice, as plain values for JSON."""
        own = {name: value for name, value in vars(self).items() if name != "chosen"}
        return {**own, "gap": self.gap}
