"""Parses the text of an expression into a tree of columns, constants and listed operations.

The grammar is that of pandas' query and eval: Python's expressions, in which `&` and `|` bind like `and` and `or` and
names may be in backticks. Python's parser builds a syntax tree; every node is translated or refused, and `numpy_eval`
evaluates the translation. So only checked operations can run.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from csvswarm.errors import OptionError, format_names
from csvswarm.expressions.members import ACCESSORS, MEMBERS, Parameter

#: Maximum number of characters in an expression, and of nested operations.
MAX_TEXT, MAX_DEPTH = 50_000, 100

_TOO_DEEP = f"is nested too deeply: at most {MAX_DEPTH} nested operations."
_TOKEN = re.compile(
    r"""(?P<text>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")|`(?P<name>[^`]*)`|(?P<link>[&|])|(?P<blank>\s)|(?P<odd>['"`#@])|.""",
    re.DOTALL,
)
_BINARY = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
}  # fmt: skip
_COMPARE = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.In: "in",
    ast.NotIn: "not in",
}  # fmt: skip
_UNARY = {ast.USub: "neg", ast.UAdd: "pos", ast.Not: "not", ast.Invert: "not"}
_WHAT_IS_WRONG = {
    "'": "an unclosed quote",
    '"': "an unclosed quote",
    "`": "an unclosed backtick",
    "#": "'#', which is not allowed here",
    "@": "'@': expressions have columns, but no variables",
}


@dataclass(frozen=True)
class Constant:
    """A number, a text, True, False, or a tuple of these for a list. None: an omitted argument."""

    value: Any


@dataclass(frozen=True)
class Column:
    """A column of the file, or an assigned one."""

    name: str


@dataclass(frozen=True)
class Apply:
    """An operator or one of `MEMBERS` with its operands. literals: the arguments that must be literals."""

    name: str
    nodes: tuple[Node, ...]
    literals: tuple[tuple[str, Any], ...] = ()


Node = Constant | Column | Apply


@lru_cache(maxsize=64)
def parse(text: str) -> Node:
    """Return the tree of an expression. Raises OptionError with a message that continues "where" or "assign 'x'"."""
    if len(text) > MAX_TEXT:
        raise OptionError(f"has {len(text)} characters, but may have {MAX_TEXT} at most.")
    prefix = "_quoted"
    while prefix in text:
        prefix += "_"
    quoted: dict[str, str] = {}
    plain = "".join(_plain_tokens(text, prefix, quoted)).strip()
    try:
        with warnings.catch_warnings():  # Python warns about "\d" in a string, but users write patterns
            warnings.simplefilter("ignore")
            tree = ast.parse(plain, mode="eval").body
        return _Translator(quoted, text).value(tree, 0)
    except SyntaxError as error:
        raise OptionError(f"cannot be read: {error.msg}, in {shown(text)}.") from error
    except (RecursionError, MemoryError) as error:
        raise OptionError(_TOO_DEEP) from error
    except ValueError as error:  # a NUL, half of a surrogate pair, a number with thousands of digits
        raise OptionError(f"cannot be read: {error}, in {shown(text)}.") from error


def names_in(node: Node) -> Iterator[str]:
    """Yield the names of the columns in a tree, with repetitions."""
    if isinstance(node, Column):
        yield node.name
    elif isinstance(node, Apply):
        for inner in node.nodes:
            yield from names_in(inner)


def shown(text: str) -> str:
    """Return an expression for a message, truncated if it is long."""
    return repr(text if len(text) <= 200 else f"{text[:200]}...")


def _plain_tokens(text: str, prefix: str, quoted: dict[str, str]) -> Iterator[str]:
    """Yield the text in Python's syntax: an identifier for each name in backticks, `and` for `&`, `or` for `|`."""
    before_was_text = False
    for match in _TOKEN.finditer(text):
        if match["odd"] or (match["text"] and before_was_text):
            wrong = _WHAT_IS_WRONG[match["odd"]] if match["odd"] else "a string directly after another"
            raise OptionError(f"cannot be read: {wrong}, in {shown(text)}.")
        before_was_text = bool(match["text"])
        if match["name"] is not None:
            name = f"{prefix}{len(quoted)}"
            quoted[name] = match["name"]
            yield f" {name} "
        elif match["link"]:
            yield " and " if match["link"] == "&" else " or "
        else:
            yield " " if match["blank"] else match[0]


class _Translator:
    """Translates Python's tree of one expression. quoted: identifier -> name in backticks."""

    def __init__(self, quoted: dict[str, str], text: str) -> None:
        self._quoted, self._text = quoted, text

    def node(self, tree: ast.expr, depth: int) -> Node:
        """Return the node of a tree that is nested `depth` operations deep."""
        if depth > MAX_DEPTH:
            raise OptionError(_TOO_DEEP)
        for kind, translate in _TRANSLATIONS:
            if isinstance(tree, kind):
                node: Node = translate(self, tree, depth)
                return node
        raise self._refused()

    def value(self, tree: ast.expr, depth: int) -> Node:
        """Return the node of a tree. Raises OptionError if it is a list."""
        node = self.node(tree, depth)
        if isinstance(node, Constant) and isinstance(node.value, tuple):
            raise OptionError(f"has a list where a column or a value is required, in {shown(self._text)}.")
        return node

    def _values(self, trees: Iterable[ast.expr], depth: int) -> tuple[Node, ...]:
        return tuple(self.value(tree, depth + 1) for tree in trees)

    def _refused(self) -> OptionError:
        return OptionError(f"may only compute with columns and values: {shown(self._text)}.")

    def constant(self, tree: ast.Constant, _: int) -> Constant:
        value = tree.value
        if isinstance(value, int) and value >= 2**63:
            raise OptionError(f"has an integer beyond 64 bits, in {shown(self._text)}.")
        if isinstance(value, float) and abs(value) == float("inf"):
            raise OptionError(f"has a number beyond 64 bits, in {shown(self._text)}.")
        if value is None:
            raise OptionError(f"has None, which equals no value: write x.isna(), in {shown(self._text)}.")
        if not isinstance(value, (bool, int, float, str)):
            raise self._refused()
        return Constant(value)

    def column(self, tree: ast.Name, _: int) -> Column:
        return Column(self._quoted.get(tree.id, tree.id))

    def unary(self, tree: ast.UnaryOp, depth: int) -> Node:
        name, node = _UNARY[type(tree.op)], self.value(tree.operand, depth + 1)
        if isinstance(node, Constant) and type(node.value) in (int, float) and name in ("neg", "pos"):
            return Constant(-node.value if name == "neg" else node.value)
        return Apply(name, (node,))

    def binary(self, tree: ast.BinOp, depth: int) -> Apply:
        if type(tree.op) not in _BINARY:
            raise self._refused()
        return Apply(_BINARY[type(tree.op)], self._values((tree.left, tree.right), depth))

    def link(self, tree: ast.BoolOp, depth: int) -> Apply:
        return Apply("and" if isinstance(tree.op, ast.And) else "or", self._values(tree.values, depth))

    def listing(self, tree: ast.List | ast.Tuple, depth: int) -> Constant:
        nodes = [self.node(element, depth + 1) for element in tree.elts]
        values = tuple(node.value for node in nodes if isinstance(node, Constant))
        if len(values) < len(nodes) or any(isinstance(value, tuple) for value in values):
            raise OptionError(f"has a list with elements other than numbers and strings, in {shown(self._text)}.")
        return Constant(values)

    def comparison(self, tree: ast.Compare, depth: int) -> Node:
        if not all(type(op) in _COMPARE for op in tree.ops):
            raise self._refused()
        operators = [_COMPARE[type(op)] for op in tree.ops]
        nodes = [self.node(operand, depth + 1) for operand in (tree.left, *tree.comparators)]
        lists = [isinstance(node, Constant) and isinstance(node.value, tuple) for node in nodes]
        if len(operators) == 1 and operators[0] in ("in", "not in", "==", "!=") and not lists[0]:
            values = nodes[1].value if isinstance(nodes[1], Constant) else None
            if isinstance(values, str) and "in" in operators[0]:  # as in pandas, a text is a list with one element
                values = (values,)
            if isinstance(values, tuple):
                found = Apply(".isin", (nodes[0],), (("values", values),))
                return found if operators[0] in ("in", "==") else Apply("not", (found,))
        if any(lists) or "in" in operators or "not in" in operators:
            raise OptionError(
                f"may test membership only in a list like [1, 2], on the right of in, not in, == or !=: "
                f"a column on the right would differ from block to block. In {shown(self._text)}."
            )
        return Apply("compare", tuple(nodes), (("operators", tuple(operators)),))

    def call(self, tree: ast.Call, depth: int) -> Apply:
        name, nodes = self._callee(tree.func, depth)
        if not MEMBERS[name].called:
            raise OptionError(f"calls {name}: leave out the parentheses, in {shown(self._text)}.")
        given = self._given(name, MEMBERS[name].parameters, tree)
        literals = []
        for parameter in MEMBERS[name].parameters:
            argument = given.get(parameter.name)
            if parameter.kind == "value":
                nodes += (self.value(argument, depth + 1) if argument else Constant(None),)
            else:
                literals.append((parameter.name, self._literal(name, parameter, argument, depth)))
        return Apply(name, nodes, tuple(literals))

    def attribute(self, tree: ast.Attribute, depth: int) -> Apply:
        name, nodes = self._callee(tree, depth)
        if MEMBERS[name].called:
            raise OptionError(f"must call {name}() with parentheses, in {shown(self._text)}.")
        return Apply(name, nodes)

    def _callee(self, func: ast.expr, depth: int) -> tuple[str, tuple[Node, ...]]:
        """Return (a name of `MEMBERS`, the column of a method; empty for a function)."""
        if isinstance(func, ast.Name) and func.id not in self._quoted:
            if func.id not in MEMBERS:
                functions = sorted(name for name in MEMBERS if not name.startswith("."))
                raise OptionError(f"calls {func.id}(), but the functions are {', '.join(functions)}.")
            return func.id, ()
        if not isinstance(func, ast.Attribute):
            raise self._refused()
        name, inner = f".{func.attr}", func.value
        if isinstance(inner, ast.Attribute) and inner.attr in ACCESSORS:
            name, inner = f".{inner.attr}{name}", inner.value
        if name not in MEMBERS:
            raise self._unknown(name)
        return name, self._values((inner,), depth)

    def _unknown(self, name: str) -> OptionError:
        accessor, _, _ = name[1:].rpartition(".")
        start = f".{accessor}." if accessor else "."
        usable = sorted(m[len(start) :] for m in MEMBERS if m.startswith(start) and "." not in m[len(start) :])
        also = "" if accessor else ", .str and .dt"
        return OptionError(
            f"uses {name}, which does not work row by row: an expression sees only one block of rows at a time. "
            f"Use {', '.join(usable)}{also}."
        )

    @staticmethod
    def _given(name: str, parameters: tuple[Parameter, ...], call: ast.Call) -> dict[str, ast.expr]:
        """Return the arguments of a call by name."""
        names = [parameter.name for parameter in parameters]
        if len(call.args) > len(names):
            raise OptionError(
                f"passes {name}() {len(call.args)} arguments, but it takes {format_names(names) or 'none'}."
            )
        given = dict(zip(names, call.args, strict=False))
        for keyword in call.keywords:
            if keyword.arg not in names or keyword.arg in given:
                twice = "twice" if keyword.arg in given else f"but it takes {format_names(names) or 'none'}"
                raise OptionError(f"passes {name}() the argument {keyword.arg or '**'}, {twice}.")
            given[keyword.arg] = keyword.value
        for parameter in parameters:
            if parameter.required and parameter.name not in given:
                hint = f"={parameter.choices[0]!r}" if len(parameter.choices) == 1 else ""
                raise OptionError(f"must pass {name}() the argument {parameter.name}{hint}.")
        return given

    def _literal(self, name: str, parameter: Parameter, tree: ast.expr | None, depth: int) -> Any:
        if tree is None or (isinstance(tree, ast.Constant) and tree.value is None and not parameter.required):
            return parameter.default
        node = self.node(tree, depth + 1)
        value = node.value if isinstance(node, Constant) else None
        if not parameter.takes(value):
            raise OptionError(f"passes {name}() an argument {parameter.name} that is not {parameter.wanted()}.")
        return value


_TRANSLATIONS: tuple[tuple[Any, Callable[..., Any]], ...] = (
    (ast.Constant, _Translator.constant),
    (ast.Name, _Translator.column),
    (ast.UnaryOp, _Translator.unary),
    (ast.BinOp, _Translator.binary),
    (ast.BoolOp, _Translator.link),
    (ast.Compare, _Translator.comparison),
    ((ast.List, ast.Tuple), _Translator.listing),
    (ast.Call, _Translator.call),
    (ast.Attribute, _Translator.attribute),
)
