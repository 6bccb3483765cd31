"""The catalogue of query strategies: one strategy a file of this package, found by importing them all."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from askew.errors import InputError, unknown
from askew.predictions import FIELDS

Kind = Literal["scorer", "greedy", "selector"]

PROVIDED = ("pred", "pool", "n", "rng")
"""Arguments of a strategy's function that `query` fills in; every other one is the strategy's own parameter."""


@dataclass(frozen=True)
class Strategy:
    """A query strategy: what it is called, what it reads, and the pure function that computes it.

    Attributes:
        name: what a user writes.
        fn: a scorer is `fn(pred, pool, *, …) -> (N,)`, higher is asked first; a greedy one returns `Gains` instead;
            a selector is `fn(pred, pool, n, *, …) -> (n,)` pool indices, best first, or a `Proved` of them. A
            stochastic one takes `rng`.
        kind: "scorer", "greedy" or "selector"; see `fn`.
        needs: names of the fields of `Predictions` that it reads for the unlabeled items.
        paper: where it comes from.
        parameters: its own keyword-only parameters and their defaults.
        reads_labeled: it reads `needs` for the labelled items too, and the model has to be asked about them.
        instead: fields that it reads in place of `needs` where a parameter is set, or where `needs` are not given and
            these are.
    """

    name: str
    fn: Callable[..., Any]
    kind: Kind
    needs: tuple[str, ...]
    paper: str
    parameters: Mapping[str, Any]
    reads_labeled: bool = False
    instead: tuple[str, ...] = ()

    def reads(self, parameters: Mapping[str, Any], given: Collection[str] = ()) -> tuple[str, ...]:
        """Returns the fields that it reads with these parameters of its own, of those given: `needs`, or `instead`."""
        if not self.instead:
            return self.needs
        is_set = any(value != self.parameters[name] for name, value in parameters.items())
        only_these = set(self.instead) <= set(given) and not set(self.needs) <= set(given)
        return self.instead if is_set or only_these else self.needs

    @property
    def summary(self) -> str:
        """The first sentence of the strategy's docstring."""
        return inspect.cleandoc(self.fn.__doc__ or "").split("\n\n")[0].replace("\n", " ")

    @property
    def stochastic(self) -> bool:
        """Whether its answer depends on the seed by more than ties."""
        return "rng" in inspect.signature(self.fn).parameters


F = TypeVar("F", bound=Callable[..., Any])


def strategy(
    name: str,
    *,
    kind: Kind,
    needs: tuple[str, ...],
    paper: str,
    reads_labeled: bool = False,
    instead: tuple[str, ...] = (),
) -> Callable[[F], F]:
    """Marks a function as the strategy `name`; the decorated function stays callable as it is.

    Args:
        name, kind, needs, paper, reads_labeled, instead: see `Strategy`.

    Raises:
        InputError: it needs a field that is not in `FIELDS`, or has a parameter that is called like one.
    """
    for need in (*needs, *instead):
        if need not in FIELDS:
            raise unknown(f"field that {name} needs", need, FIELDS)

    def mark(fn: F) -> F:
        parameters = inspect.signature(fn).parameters
        own = {key: p.default for key, p in parameters.items() if key not in PROVIDED}
        for parameter in own:
            if parameter in FIELDS:
                raise InputError(f"strategy {name}: its parameter {parameter} is called like a field of Predictions")
        entry = Strategy(name, fn, kind, needs, paper, MappingProxyType(own), reads_labeled, instead)
        fn.strategy = entry  # type: ignore[attr-defined]
        return fn

    return mark


@functools.cache
def strategies() -> Mapping[str, Strategy]:
    """Returns the catalogue, name to `Strategy`, in alphabetical order: every decorated function of this package.

    >>> strategies()["entropy"].needs
    ('probs',)
    """
    package = importlib.import_module("askew.strategies")
    found: dict[str, Strategy] = {}
    for module in pkgutil.iter_modules(package.__path__, "askew.strategies."):
        for value in vars(importlib.import_module(module.name)).values():
            entry = getattr(value, "strategy", None)
            if isinstance(entry, Strategy) and value.__module__ == module.name:
                found[entry.name] = entry
    return MappingProxyType(dict(sorted(found.items())))


def get(name: str) -> Strategy:
    """Returns the strategy called `name`.

    Raises:
        InputError: there is none; the message suggests the nearest.
    """
    catalogue = strategies()
    if name not in catalogue:
        raise unknown("strategy", name, catalogue)
    return catalogue[name]


def resolve(strategy: Strategy | str | Callable[..., Any]) -> Strategy:
    """Returns the strategy of that name, of a function marked with `@strategy`, or the one given.

    Raises:
        InputError: an unknown name, or a function that is not marked.
    """
    if isinstance(strategy, Strategy):
        return strategy
    if isinstance(strategy, str):
        return get(strategy)
    marked = getattr(strategy, "strategy", None)
    if not isinstance(marked, Strategy):
        raise InputError(f"strategy: expected a name or a function marked with @strategy, got {strategy!r}")
    return marked
