"""askew: which unlabeled items should a person label next, with the classes in balance."""

from askew.errors import AskewError, DataNotFound, InputError, MissingExtra
from askew.pool import Pool, Predictions
from askew.strategies.registry import Strategy, strategies

__version__ = "0.1.0"

__all__ = [
    "AskewError",
    "DataNotFound",
    "InputError",
    "MissingExtra",
    "Pool",
    "Predictions",
    "Strategy",
    "strategies",
]
