"""Small changes of a Python module, one at a time, each of which some test should notice."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import CodeType

SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
LEFT_ALONE = {"annotation", "returns", "format_spec", "type_params"}


@dataclass(frozen=True)
class Mutant:
    """One change of a module.

    Attributes:
        number: of the mutant in the module, from 0.
        line: of the file, from 1.
        where: the function or method, or "module".
        before, after: the part of the source that changes, on one line.
        code: the whole changed module.
        wiring: whether an argument is left out of a call.
        loading: whether what changes runs when the module is loaded, and not when a function is called.
    """

    number: int
    line: int
    where: str
    before: str
    after: str
    code: CodeType
    wiring: bool = False
    loading: bool = False


def mutants(source: str, path: str) -> Iterator[Mutant]:
    """Yields every mutant of a module that compiles: operators, constants, conditions, arguments, defaults, statements.

    Annotations, type variables, docstrings and the words of messages stay as they are.
    """
    tree = ast.parse(source)
    number = 0
    for place in _places(tree, _Scope("module")):
        node = place.node
        for new in _changed(node, place.scope.words):
            ast.copy_location(new, node)
            _put(place.holder, place.key, ast.fix_missing_locations(new))
            try:
                code = compile(tree, path, "exec")
            except (SyntaxError, ValueError):
                continue
            finally:
                _put(place.holder, place.key, node)
            where, loading = place.scope.where, place.scope.loading
            yield Mutant(number, node.lineno, where, _text(node), _text(new), code, isinstance(new, ast.Call), loading)
            number += 1


@dataclass(frozen=True)
class _Scope:
    """Where a node is: the function, whether a text there is part of a message, whether it runs on loading."""

    where: str
    words: bool = False
    loading: bool = True


@dataclass(frozen=True)
class _Place:
    """A node that can be replaced, and the field or list of its parent that holds it."""

    holder: ast.AST | list[ast.AST]
    key: str | int
    node: ast.stmt | ast.expr
    scope: _Scope


def _put(holder: ast.AST | list[ast.AST], key: str | int, node: ast.AST) -> None:
    if isinstance(holder, list):
        holder[int(key)] = node
    else:
        setattr(holder, str(key), node)


def _places(node: ast.AST, scope: _Scope) -> Iterator[_Place]:
    """Yields what can be replaced below a node."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        scope = replace(scope, where=node.name if scope.where == "module" else f"{scope.where}.{node.name}")
    if isinstance(node, ast.Raise | ast.JoinedStr):
        scope = replace(scope, words=True)
    for name, value in ast.iter_fields(node):
        if name in LEFT_ALONE:
            continue
        inner = replace(scope, loading=False) if isinstance(node, ast.FunctionDef) and name == "body" else scope
        many = isinstance(value, list)
        for index, child in enumerate(value if many else [value]):
            if not isinstance(child, ast.AST) or _only_read(child):
                continue
            if isinstance(child, ast.stmt | ast.expr):
                yield _Place(value if many else node, index if many else name, child, inner)
            yield from _places(child, inner)


def _only_read(node: ast.AST) -> bool:
    """Tells whether a node is there for readers or type checkers: a docstring, or a type variable."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _text(node.value.func) == "TypeVar"


def _changed(node: ast.stmt | ast.expr, words: bool) -> Iterator[ast.stmt | ast.expr]:
    if isinstance(node, ast.stmt):
        yield from _statements(node)
    elif isinstance(node, ast.Constant):
        yield from _constants(node, words)
    elif isinstance(node, ast.Compare):
        for index, op in enumerate(node.ops):
            if type(op) in SWAPS:
                new = copy.deepcopy(node)
                new.ops[index] = SWAPS[type(op)]()  # type: ignore[call-overload]
                yield new
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(SWAPS[type(node.op)](), node.values)  # type: ignore[arg-type]
        for index in range(len(node.values)):
            rest = node.values[:index] + node.values[index + 1 :]
            yield rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
    elif isinstance(node, ast.BinOp) and type(node.op) in SWAPS:
        yield ast.BinOp(node.left, SWAPS[type(node.op)](), node.right)  # type: ignore[arg-type]
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.IfExp):
        yield ast.IfExp(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
    elif isinstance(node, ast.Call):
        for index in range(len(node.args)):
            yield ast.Call(node.func, node.args[:index] + node.args[index + 1 :], node.keywords)
        for index in range(len(node.keywords)):
            yield ast.Call(node.func, node.args, node.keywords[:index] + node.keywords[index + 1 :])


def _constants(node: ast.Constant, words: bool) -> Iterator[ast.expr]:
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int | float):
        yield ast.Constant(value + 1 if isinstance(value, int) else value * 2 or 1.0)
    elif isinstance(value, str | bytes) and not words:
        yield ast.Constant("XX" if isinstance(value, str) else b"XX")


def _statements(node: ast.stmt) -> Iterator[ast.stmt]:
    if isinstance(node, ast.Return) and node.value is not None and _text(node.value) != "None":
        yield ast.Return(ast.Constant(None))
    elif isinstance(node, ast.If | ast.While):
        new = copy.copy(node)
        new.test = ast.copy_location(ast.UnaryOp(ast.Not(), node.test), node.test)
        yield new
    elif (
        isinstance(node, ast.Raise | ast.AugAssign)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))
        or (isinstance(node, ast.Assign) and not isinstance(node.targets[0], ast.Name | ast.Tuple))
    ):
        yield ast.Pass()
    if isinstance(node, ast.AugAssign) and type(node.op) in SWAPS:
        yield ast.AugAssign(node.target, SWAPS[type(node.op)](), node.value)  # type: ignore[arg-type]
    if isinstance(node, ast.Break | ast.Continue):
        yield ast.Pass()


def _text(node: ast.AST) -> str:
    text = ast.unparse(node)
    return text.splitlines()[0] if isinstance(node, ast.If | ast.While) else " ".join(text.split())
