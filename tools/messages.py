"""Finds in the sources the messages that people may read, and what each of them is made of."""

import ast
import builtins
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("core", "control", "api", "worker")


@dataclass(frozen=True)
class Carrier:
    """A function or class that takes a message with its code.

    Attributes:
        code: Position of the code; None where the caller does not give it.
        message: Position of the message, or its keyword.
        params: Position or keyword of the mapping of parameters; None where the parameters are the keywords themselves.
        keywords: Keywords that are no parameters, where `params` is None. The sentences among them are in `also`.
        also: Further arguments that are sentences, by position and keyword.
    """

    code: int | None
    message: int
    params: str | None = None
    params_at: int | None = None
    message_name: str = "message"
    keywords: frozenset[str] = frozenset()
    also: tuple[tuple[int, str], ...] = ()


_ERROR = Carrier(0, 1, "params", message_name="detail")
_ENGINE = Carrier(0, 1, also=((2, "hint"),), keywords=frozenset({"code", "message", "hint"}))
CARRIERS = {
    **dict.fromkeys(
        (
            "SeedbedError",
            "Unauthorized",
            "Forbidden",
            "NotFound",
            "Conflict",
            "Invalid",
            "TooLarge",
            "TooManyRequests",
            "Unavailable",
        ),
        _ERROR,
    ),
    "ProblemDetail": Carrier(1, 2, "params"),
    "UnreadableBody": Carrier(1, 2, "params", message_name="detail"),
    "ProblemResponse": Carrier(2, 3, "params"),
    "SpecProblem": Carrier(1, 2, "params", 4),
    "SpecFault": Carrier(0, 1, keywords=frozenset({"param"})),
    "PydanticCustomError": Carrier(0, 1, "context", 2),
    "EngineError": _ENGINE,
    "InputError": _ENGINE,
    "DataError": _ENGINE,
    "FormatError": Carrier(0, 1, keywords=frozenset({"code", "message", "file", "member"})),
    "Failed": Carrier(0, 1, "details", 3, also=((2, "hint"),)),
    "Paused": Carrier(0, 2, "params", message_name="detail", also=((3, "hint"),)),
    "nested": Carrier(0, 1, "params", 2),
    "warn": Carrier(0, 1),
    "Concern": Carrier(0, 1, "params", 2),
    "Note": Carrier(0, 1, "params", 2),
    "Reason": Carrier(0, 1, "params", 2),
    "Misfit": Carrier(1, 2, "params", 3),
    # Functions of one module that make one of these.
    "_refused": Carrier(2, 3),
    "_unfit": Carrier(1, 2),
    "_wrong_input": Carrier(1, 2),
    "too_small": Carrier(None, 0),
    "_too_small": Carrier(None, 0),
    "_no_column": Carrier(None, 0, keywords=frozenset({"held"})),
    "not_text": Carrier(None, 4),
    "mismatch": Carrier(None, 1),
    "misfit": Carrier(None, 1),
}


@dataclass(frozen=True)
class Message:
    """One place that makes a message."""

    where: str
    carrier: str
    code: str | None
    """Where it stands there."""
    made_of: frozenset[str]
    """What is interpolated into the sentence: names and attributes, as they are written."""
    given: frozenset[str]
    """What the values of the parameters are made of."""
    names: frozenset[str] | None
    """Names of the parameters; None where they are not written out."""
    case: str | None
    """The parameter ``case`` where it is written out: it tells the sentences of one code apart."""
    sentence: str | None
    """The message as the source has it, with a hole for each value; None where it is not written out."""

    @property
    def missing(self) -> frozenset[str]:
        """What is interpolated and not among the parameters.

        A parameter that is made of a whole, or of a part of it, gives the other too: ``error`` and ``error.strerror``;
        and so do the parameters of another message, ``error.params``.
        """
        given = [re.sub(r"\.(params|details|facts|nested)$", "", leaf) for leaf in self.given]
        return frozenset(
            leaf
            for leaf in self.made_of
            if not any(f"{leaf}.".startswith(f"{one}.") or f"{one}.".startswith(f"{leaf}.") for one in given)
        )


def messages() -> Iterator[Message]:
    """Every message in the sources."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            tree = ast.parse(path.read_text())
            yield from in_source(str(path.relative_to(ROOT)), tree)


def in_source(where: str, tree: ast.Module) -> Iterator[Message]:
    """The messages in one file."""
    for scope, call in _calls(tree, tree):
        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
        if name == "error" and isinstance(call.func, ast.Attribute) and _is_place(call.func.value):
            name = "FormatError"
        carrier = CARRIERS.get(name) or (_ERROR if _is_subclass_of_error(call) else None)
        if carrier is None or (name == "warn" and _is_log(call.func)):
            continue
        keywords = {word.arg: word.value for word in call.keywords if word.arg is not None}
        sentences = [_argument(call, keywords, carrier.message, carrier.message_name)]
        sentences += [_argument(call, keywords, position, keyword) for position, keyword in carrier.also]
        code = _argument(call, keywords, carrier.code, "code") if carrier.code is not None else None
        values, named = _parameters(call, keywords, carrier, scope)
        case = (named or {}).get("case", keywords.get("case"))
        yield Message(
            f"{where}:{call.lineno}",
            name,
            _text(code),
            frozenset(part for one in sentences if one is not None for part in _made_of(one, scope)),
            frozenset(part for value in values for part in _given(value, scope)),
            None if named is None else frozenset(named),
            _text(case),
            _template(sentences[0]),
        )


def _calls(node: ast.AST, scope: ast.AST) -> Iterator[tuple[ast.AST, ast.Call]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield scope, child
        yield from _calls(
            child, child if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else scope
        )


def _is_place(node: ast.expr) -> bool:
    return "place" in ast.unparse(node).lower()


def _is_subclass_of_error(call: ast.Call) -> bool:
    """Whether the call is ``super().__init__("code", …)``, as an error with a code makes it."""
    return (
        ast.unparse(call.func) == "super().__init__"
        and len(call.args) > 1
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
    )


def _is_log(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and ast.unparse(function.value) in {"log", "warnings"}


def _argument(call: ast.Call, keywords: dict[str, ast.expr], position: int, keyword: str) -> ast.expr | None:
    if keyword in keywords:
        return keywords[keyword]
    return call.args[position] if position < len(call.args) else None


def _mapping(
    call: ast.Call, keywords: dict[str, ast.expr], carrier: Carrier, scope: ast.AST
) -> ast.expr | None:
    """The mapping of parameters that a call is given; a name is followed to where the function makes it."""
    assert carrier.params is not None
    given = keywords.get(carrier.params)
    if given is None and carrier.params_at is not None and carrier.params_at < len(call.args):
        given = call.args[carrier.params_at]
    if isinstance(given, ast.Name) and len(values := _values(given.id, scope)) == 1:
        return values[0]
    return given


def _parameters(
    call: ast.Call, keywords: dict[str, ast.expr], carrier: Carrier, scope: ast.AST
) -> tuple[list[ast.expr], dict[str, ast.expr] | None]:
    """The values of the parameters; and each by its name, where the names are written out."""
    if carrier.params is None:
        own = {name: value for name, value in keywords.items() if name not in carrier.keywords}
        spread = [word.value for word in call.keywords if word.arg is None]
        return [*own.values(), *spread], None if spread else own
    given = _mapping(call, keywords, carrier, scope)
    if given is None:
        return [], {}
    if isinstance(given, ast.Dict):
        named = {
            key.value: value
            for key, value in zip(given.keys, given.values, strict=True)
            if isinstance(key, ast.Constant) and isinstance(key.value, str)
        }
        return list(given.values), named if len(named) == len(given.keys) else None
    return [given], None


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _template(message: ast.expr | None) -> str | None:
    match message:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in parts)
    return None


def _made_of(node: ast.AST, scope: ast.AST, seen: frozenset[str] = frozenset()) -> Iterator[str]:
    """What the values of a sentence are: names and attributes. A name is followed to where the function gives it a value."""
    match node:
        case ast.Constant():
            return
        case ast.JoinedStr(values=parts) | ast.BoolOp(values=parts):
            for part in parts:
                yield from _made_of(part, scope, seen)
        case ast.FormattedValue(value=value):
            yield from _part(value, scope, seen)
        case ast.IfExp(test=test, body=body, orelse=other):
            for part in (test, body, other):
                yield from _part(part, scope, seen) if part is test else _made_of(part, scope, seen)
        case ast.BinOp(left=body, right=other):
            yield from _made_of(body, scope, seen)
            yield from _made_of(other, scope, seen)
        case ast.Name(id=name) if name not in seen and (values := _values(name, scope)):
            for value in values:
                yield from _made_of(value, scope, seen | {name})
        case _:
            yield from _part(node, scope, seen)


def _is_passed_on(name: str, scope: ast.AST) -> bool:
    """Whether a sentence is the argument of a function whose callers are looked at themselves."""
    return (
        isinstance(scope, ast.FunctionDef)
        and scope.name in CARRIERS
        and name in {argument.arg for argument in [*scope.args.args, *scope.args.kwonlyargs]}
    )


def _part(node: ast.AST, scope: ast.AST, seen: frozenset[str] = frozenset()) -> Iterator[str]:
    """The names and attributes of an expression. Names whose value is text put together in the function are followed."""
    for leaf in _leaves(node):
        if leaf in seen:
            continue
        texts = [value for value in _values(leaf, scope) if _is_text(value)]
        if not texts and not _is_passed_on(leaf, scope):
            yield leaf
        for text in texts:
            yield from _made_of(text, scope, seen | {leaf})


def _given(node: ast.AST, scope: ast.AST, seen: frozenset[str] = frozenset()) -> Iterator[str]:
    """What a parameter is made of: the names themselves, and what the function made them of."""
    for leaf in _leaves(node):
        yield leaf
        if leaf not in seen:
            for value in _values(leaf, scope):
                yield from _given(value, scope, seen | {leaf})


def _is_text(value: ast.expr) -> bool:
    match value:
        case ast.JoinedStr() | ast.Constant(value=str()):
            return True
        case ast.IfExp(body=body, orelse=other):
            return _is_text(body) and _is_text(other)
        case ast.BinOp(left=left, right=right):
            return _is_text(left) or _is_text(right)
        case ast.BoolOp(values=values):
            return any(_is_text(one) for one in values)
        case ast.Call(func=ast.Attribute(attr="join")):
            return any(isinstance(inner, ast.JoinedStr) for inner in ast.walk(value))
    return False


def _is_chain(node: ast.expr) -> bool:
    """Whether it is a name, or an attribute of one: ``spec.task.kind``."""
    return isinstance(node, ast.Name) or (isinstance(node, ast.Attribute) and _is_chain(node.value))


def _leaves(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name):
            if not hasattr(builtins, name):
                yield name
        case ast.Attribute() if _is_chain(node):
            yield ast.unparse(node)
        case ast.Subscript(value=ast.Name(id=table), slice=key) if table.isupper():
            # A table: what is looked up in it.
            yield from _leaves(key)
        case ast.Call(func=function, args=arguments, keywords=words):
            # The function is no part of the message; the object of a method is.
            parts = [function.value] if isinstance(function, ast.Attribute) else []
            for part in [*parts, *arguments, *(word.value for word in words)]:
                yield from _leaves(part)
        case ast.GeneratorExp() | ast.ListComp() | ast.SetComp() | ast.DictComp():
            # The variables of a comprehension are not known outside; what it goes through is.
            for generator in node.generators:
                yield from _leaves(generator.iter)
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _leaves(child)


def _values(name: str, scope: ast.AST) -> list[ast.expr]:
    """The values that a function gives to a name; a module's constants are not followed."""
    if isinstance(scope, ast.Module):
        return []
    return [
        node.value
        for node in ast.walk(scope)
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
    ]
