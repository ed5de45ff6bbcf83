"""What is read of a user's own code, and what all functions that are read share."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["Context", "Objection", "Reading", "tree_of"]


class Objection(str):
    """Why code is not run in a check, with its line."""

    __slots__ = ()


@dataclasses.dataclass
class Reading:
    """What was read of some code.

    Attributes:
        holds_arrays: its data are arrays, of which elements may be taken.
        objections: what it does up to ``fit`` that may outlive it, or that is not known not to.
        catches: it handles exceptions on the way.
    """

    holds_arrays: bool = False
    objections: list[Objection] = dataclasses.field(default_factory=list)
    catches: bool = False


Read = Callable[[Any, "type | None", "Context", frozenset[str]], Iterator[Objection]]
"""Reads a function, with the class whose methods ``self`` has in it, and its models."""
DEEPEST = 5
"""Calls of the user's own functions inside each other that are looked into."""


@dataclasses.dataclass(frozen=True)
class Context:
    """What all functions that are read share.

    Attributes:
        reading: of all of them.
        read: reads another one.
        seen: the functions, with the parameters that stand for models.
        depth: how many calls lead to the one that is read.
        makes_self: it is called by the constructor of ``self``, whose attributes are set there.
    """

    reading: Reading
    read: Read
    seen: set[Any] = dataclasses.field(default_factory=set)
    depth: int = 0
    makes_self: bool = False

    @property
    def is_deep(self) -> bool:
        """Whether no further call is looked into."""
        return self.depth > DEEPEST

    def deeper(self) -> Context:
        """The same, one call further."""
        return dataclasses.replace(self, depth=self.depth + 1)

    def constructing(self) -> Context:
        """The same, in the constructor of an object."""
        return dataclasses.replace(self.deeper(), makes_self=True)

    def using(self) -> Context:
        """The same, in a method of an object that was made before."""
        return dataclasses.replace(self.deeper(), makes_self=False)


def tree_of(function: Any) -> ast.FunctionDef | None:
    """The syntax tree of a plain function whose source is at hand."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        return None
    return tree if isinstance(tree, ast.FunctionDef) else None
