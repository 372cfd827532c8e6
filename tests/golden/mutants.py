"""One-change mutants of the P.1812 kernels, for `scripts/mutate`.

A mutant perturbs one constant or turns one branch, minimum, sum or product. What refuses bad input is left alone:
golden rows hold valid input only.
"""

import ast
import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ENTRIES = ("p1812", "_path")  # the modules through which golden rows call the kernels
NOT_KERNELS = {"_compile", "_ranges", "errors"}
CHECKS = {"_within", "_floats", "_profile", "_coast"}
PARTS = {"loss_by_mechanism_db"}  # takes a loss apart; tests/coverage/test_profile.py holds the sum
TURNED = {
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Pow: ast.Mult,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
SWAPPED = {"min": "max", "max": "min"}
CONDITIONS = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.UnaryOp)  # tests that are no comparison


@dataclass(frozen=True)
class Mutant:
    """A change to statement `position` of a kernel module, whose text becomes `source`.

    `key` names it by function and changed line, wherever they stand.
    """

    module: str
    position: int
    source: str
    line: int
    before: str
    key: str


def kernel_modules(folder: Path) -> dict[str, ast.Module]:
    """Syntax trees of the entries and of all kernel modules that they import, each after those it imports."""
    found: dict[str, ast.Module] = {}

    def visit(name: str) -> None:
        tree = ast.parse((folder / f"{name}.py").read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and ".propagation." in node.module:
                other = node.module.rpartition(".")[2]
                if other not in found and other not in NOT_KERNELS:
                    visit(other)
        found[name] = tree

    for name in ENTRIES:
        visit(name)
    return found


def mutants_of(module: str, tree: ast.Module) -> Iterator[Mutant]:
    """Every mutant of a module's functions and, other than ranges of validity, of its constants."""
    seen: Counter[str] = Counter()
    for position, top in enumerate(tree.body):
        where = top.name.lstrip("_") if isinstance(top, ast.FunctionDef) else "constants"
        for statement in _statements(top, with_constants=module.startswith("_")):
            before = _header(statement)
            for node in _expressions(statement):
                for name, value in _changes(node):
                    kept = getattr(node, name)
                    setattr(node, name, value)
                    key = f"{where}: {_header(statement)}"
                    seen[key] += 1
                    key += f" #{seen[key]}" if seen[key] > 1 else ""
                    yield Mutant(module, position, ast.unparse(top), node.lineno, before, key)
                    setattr(node, name, kept)


def with_mutant(tree: ast.Module, mutant: Mutant) -> ast.Module:
    """The module's tree with the mutant in its place."""
    (changed,) = ast.parse(mutant.source).body
    body = [*tree.body[: mutant.position], changed, *tree.body[mutant.position + 1 :]]
    return ast.Module(body, tree.type_ignores)


def _statements(top: ast.stmt, *, with_constants: bool) -> Iterator[ast.stmt]:
    if isinstance(top, ast.Assign) and with_constants:
        yield top
    if isinstance(top, ast.FunctionDef) and top.name not in CHECKS | PARTS:
        for node in ast.walk(top):
            if isinstance(node, ast.stmt) and node is not top and not _is_check(node):
                yield node


def _is_check(node: ast.stmt) -> bool:
    """Whether a statement only refuses input, or documents."""
    if isinstance(node, ast.If):
        return isinstance(node.body[0], ast.Raise)
    if isinstance(node, ast.Expr):
        call = node.value
        return not isinstance(call, ast.Call) or (isinstance(call.func, ast.Name) and call.func.id in CHECKS)
    return isinstance(node, ast.Raise)


def _header(statement: ast.stmt) -> str:
    """A statement in one line, without the statements inside it."""
    bare = copy.copy(statement)
    for block in ("body", "orelse"):
        if hasattr(bare, block):
            setattr(bare, block, [])
    return " ".join(ast.unparse(bare).split())


def _expressions(statement: ast.stmt) -> list[ast.expr | ast.stmt]:
    """A statement and its expressions, without the statements inside it and without annotations."""
    found: list[ast.expr | ast.stmt] = [statement]
    for name, value in ast.iter_fields(statement):
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, ast.expr) and name != "annotation":
                found += [node for node in ast.walk(part) if isinstance(node, ast.expr)]
    return found


def _changes(node: ast.expr | ast.stmt) -> Iterator[tuple[str, object]]:
    """Each change of a node: a field and its new value."""
    if isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float)):
        yield "value", _perturbed(node.value)
    elif isinstance(node, (ast.BinOp, ast.AugAssign, ast.BoolOp)) and type(node.op) in TURNED:
        yield "op", TURNED[type(node.op)]()
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "op", ast.UAdd()
    elif isinstance(node, ast.Compare):
        for i, op in enumerate(node.ops):
            yield "ops", [*node.ops[:i], TURNED[type(op)](), *node.ops[i + 1 :]]
    elif isinstance(node, ast.Name) and node.id in SWAPPED:
        yield "id", SWAPPED[node.id]
    if isinstance(node, (ast.If, ast.While, ast.IfExp)) and isinstance(node.test, CONDITIONS):
        yield "test", ast.UnaryOp(ast.Not(), node.test)
    if isinstance(node, ast.BoolOp):
        for i, value in enumerate(node.values):
            if isinstance(value, CONDITIONS):
                yield "values", [*node.values[:i], ast.UnaryOp(ast.Not(), value), *node.values[i + 1 :]]


def _perturbed(value: float) -> float:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    return value * 1.01 if value else 0.01
