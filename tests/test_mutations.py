"""The changes that the mutation check tries: which there are, and which of them run when a module is loaded."""

from __future__ import annotations

from mutations import mutants

SOURCE = '''
"""A docstring."""
from typing import TypeVar

T = TypeVar("T", bound=int)
LIMITS = (3,)


def above(value: int, least: int = 1) -> bool:
    """Another."""
    if value > 99:
        raise ValueError(f"{value} is too much")
    return value >= least
'''


def test_every_change_of_a_module_is_found_and_none_of_what_only_readers_see() -> None:
    found = {(one.where, one.before, one.after, one.loading) for one in mutants(SOURCE, "some.py")}
    assert found == {
        ("module", "3", "4", True),
        ("above", "1", "2", True),
        ("above", "if value > 99:", "if not value > 99:", False),
        ("above", "value > 99", "value >= 99", False),
        ("above", "99", "100", False),
        ("above", "raise ValueError(f'{value} is too much')", "pass", False),
        ("above", "ValueError(f'{value} is too much')", "ValueError()", False),
        ("above", "return value >= least", "return None", False),
        ("above", "value >= least", "value > least", False),
    }


def test_a_mutant_is_the_module_with_that_one_change() -> None:
    code = {one.after: one.code for one in mutants(SOURCE, "some.py")}
    module: dict = {}
    exec(code["value > least"], module)
    assert (module["above"](1), module["above"](2), module["LIMITS"]) == (False, True, (3,))
    exec(code["4"], module)
    assert (module["above"](1), module["LIMITS"]) == (True, (4,))
