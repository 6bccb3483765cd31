"""The public surface: what `askew` exports is what stands here, and a change of it is a change of this test."""

from __future__ import annotations

import inspect

import pytest

import askew

NAMES = """
AskewError Balance Classifier DataNotFound DispersionTracker Field Images InputError LinearProbe MissingExtra Plan Pool
Predictions Selection Spacing Strategy Training add_field balance features fields labeled_likeness query select
strategies strategy video
""".split()

QUERY = ("strategy n labels balance target balance_by balance_distance spacing seed ids classes details given").split()


def test_the_names_are_pinned_and_all_there() -> None:
    assert sorted(askew.__all__) == sorted(NAMES)
    assert dir(askew) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_can_be_had_and_is_documented(name: str) -> None:
    if name in ("Classifier", "LinearProbe", "Training", "features", "labeled_likeness"):
        pytest.importorskip("torch")
    assert inspect.getdoc(getattr(askew, name))


def test_a_name_that_is_not_there_says_so() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        askew.nothing  # noqa: B018


def test_the_signature_of_the_one_call_is_pinned() -> None:
    parameters = inspect.signature(askew.query).parameters
    assert list(parameters) == QUERY
    assert all(p.kind is p.KEYWORD_ONLY for name, p in parameters.items() if name not in ("strategy", "n", "given"))


def test_balance_offers_what_the_docs_name() -> None:
    for name in ("BalancedPick", "TunedWeight", "demand", "l1_score", "predicted_quota", "solve", "tune_weight"):
        assert inspect.getdoc(getattr(askew.balance, name))


def test_the_version_is_the_packages() -> None:
    from importlib import metadata

    assert askew.__version__ == metadata.version("askew")
