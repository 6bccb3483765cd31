"""Small changes of a Python module, one at a time, each of which some test should notice."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
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
        line: of the file, from 1.
        where: the function or method, or "module".
        before, after: the part of the source that changes, on one line.
        code: the whole changed module.
        wiring: whether an argument is left out of a call.
    """

    line: int
    where: str
    before: str
    after: str
    code: CodeType
    wiring: bool = False


def mutants(source: str, path: str) -> Iterator[Mutant]:
    """Yields every mutant of a module that compiles: operators, constants, conditions, arguments, defaults, statements.

    Annotations, docstrings and the words of messages stay as they are.
    """
    tree = ast.parse(source)
    for holder, key, node, where, words in _places(tree, "module", False):
        for new in _changed(node, words):
            ast.copy_location(new, node)
            _put(holder, key, ast.fix_missing_locations(new))
            try:
                code = compile(tree, path, "exec")
            except (SyntaxError, ValueError):
                continue
            finally:
                _put(holder, key, node)
            yield Mutant(node.lineno, where, _text(node), _text(new), code, isinstance(new, ast.Call))


def _put(holder: ast.AST | list[ast.AST], key: str | int, node: ast.AST) -> None:
    if isinstance(holder, list):
        holder[int(key)] = node
    else:
        setattr(holder, str(key), node)


def _places(
    node: ast.AST, where: str, words: bool
) -> Iterator[tuple[ast.AST | list[ast.AST], str | int, ast.stmt | ast.expr, str, bool]]:
    """Yields what can be replaced below a node; `words` tells that a text there is part of a message."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        where = node.name if where == "module" else f"{where}.{node.name}"
    words = words or isinstance(node, ast.Raise | ast.JoinedStr)
    for name, value in ast.iter_fields(node):
        if name in LEFT_ALONE:
            continue
        for index, child in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(child, ast.AST):
                continue
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                continue
            if isinstance(child, ast.stmt | ast.expr):
                yield (
                    (value, index, child, where, words)
                    if isinstance(value, list)
                    else (
                        node,
                        name,
                        child,
                        where,
                        words,
                    )
                )
            yield from _places(child, where, words)


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
