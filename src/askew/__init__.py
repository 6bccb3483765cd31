"""askew: which unlabeled items should a person label next, with the classes in balance."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from askew.errors import AskewError, DataNotFound, InputError, MissingExtra
from askew.pick import balance
from askew.plan import Balance, Plan, Spacing
from askew.pool import Pool
from askew.predictions import Field, Predictions, add_field, fields
from askew.query import query, select
from askew.selection import Selection
from askew.strategies.dispersion import DispersionTracker
from askew.strategies.registry import Strategy, strategies, strategy

if TYPE_CHECKING:
    from askew import video
    from askew.data.dataset import Images
    from askew.learn.classifier import Classifier
    from askew.learn.features import features
    from askew.learn.probe import LinearProbe
    from askew.learn.training import Training
    from askew.learn.vaal import labeled_likeness

__version__ = "0.1.0"

__all__ = [
    "AskewError",
    "Balance",
    "Classifier",
    "DataNotFound",
    "DispersionTracker",
    "Field",
    "Images",
    "InputError",
    "LinearProbe",
    "MissingExtra",
    "Plan",
    "Pool",
    "Predictions",
    "Selection",
    "Spacing",
    "Strategy",
    "Training",
    "add_field",
    "balance",
    "features",
    "fields",
    "labeled_likeness",
    "query",
    "select",
    "strategies",
    "strategy",
    "video",
]

_LATE = {
    "Classifier": "askew.learn.classifier",
    "Images": "askew.data.dataset",
    "LinearProbe": "askew.learn.probe",
    "Training": "askew.learn.training",
    "features": "askew.learn.features",
    "labeled_likeness": "askew.learn.vaal",
    "video": "askew.video",
}
"""Names whose modules are imported when they are first asked for: torch and the video room are heavy."""


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module 'askew' has no attribute {name!r}")
    try:
        module = importlib.import_module(_LATE[name])
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("askew"):
            raise
        raise MissingExtra(f"askew.{name}", "vision") from error
    return module if name == "video" else getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
