"""The numbers that a paper printed, to stand beside those of an experiment."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, model_validator

from askew.experiment.section import STRICT


class PaperConfig(BaseModel):
    """What a paper printed for this experiment. It is shown beside the results, and no result depends on it."""

    model_config = STRICT

    source: Annotated[str, Field(min_length=1)]
    """Where the numbers stand, such as "Table 3.1"."""
    metric: Annotated[str, Field(min_length=1)] = "accuracy"
    """What `values` and `gains` are of."""
    at: Annotated[float, Field(gt=0)] | None = None
    """How many labels `values` were reached with: up to 1 a share of the pool, else a number; the last if left out."""
    values: dict[str, float] = {}
    """Label to value, in percent if the metric is a share; `full` is the whole pool."""
    gains: dict[str, Annotated[list[float], Field(min_length=1)]] = {}
    """Label of a balanced strategy to its points above the plain one, one number for each cycle that asked."""
    stands_in: str = ""
    """Half a sentence if the data are not the paper's: "A stands in for B"."""
    scale: Literal["full", "desk"] = "full"
    """"desk" if the experiment is smaller than the paper's; `[desk]` sets it."""

    @model_validator(mode="after")
    def _some_numbers(self) -> PaperConfig:
        if not self.values and not self.gains:
            raise ValueError("paper: expected values or gains: give one, or leave [paper] out")
        return self
