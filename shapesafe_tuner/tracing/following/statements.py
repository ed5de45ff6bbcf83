"""What the statements of a function do, in their order, up to the first ``fit``."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from shapesafe_tuner.tracing.following.context import Objection
from shapesafe_tuner.tracing.following.expressions import Expressions
from shapesafe_tuner.tracing.following.ownership import Made, assigned, made_by, name_of, root_of
from shapesafe_tuner.tracing.following.words import SCOPES, SET_ON_MODELS, STATEMENTS

__all__ = ["Statements"]


class Statements(Expressions):
    """One function, read."""

    def objections(self) -> Iterator[Objection]:
        """What it does, up to ``fit``, that may outlive a check."""
        if self._tree.decorator_list:
            yield self._say(self._tree, "is decorated")
        yield from self._block(self._tree.body)

    def _block(self, statements: list[ast.stmt]) -> Iterator[Objection]:
        for statement in statements:
            if not isinstance(statement, STATEMENTS):
                yield self._say(statement, f"{type(statement).__name__.lower()} statement")
                return
            if isinstance(statement, ast.Try):
                self._context.reading.catches = True
            elif not isinstance(statement, ast.FunctionDef):
                yield from self._header(statement)
            yield from self._inside(statement)
            for target, value in assigned(statement):
                self._learn(target, value)
            if isinstance(statement, (ast.Return, ast.Raise)) or self._ends(statement):
                return

    def _learn(self, target: ast.expr, value: ast.expr | None) -> None:
        if isinstance(target, ast.Name):
            made = made_by(value, self._made)
            if made is None:
                self._made.pop(target.id, None)
            else:
                self._made[target.id] = made
        else:
            for name in _stored_in(target):
                self._made.pop(name, None)

    def _inside(self, statement: ast.stmt) -> Iterator[Objection]:
        """What the blocks of a statement do; afterwards only what all of them keep is known."""
        blocks = [getattr(statement, part, []) for part in ("body", "orelse", "finalbody")]
        if isinstance(statement, ast.Try):
            blocks += [handler.body for handler in statement.handlers]
        if isinstance(statement, (ast.For, ast.While)):
            self._made = self._kept_by(statement)
        if not any(blocks):
            return
        before, left = dict(self._made), []
        for block in blocks:
            self._made = dict(before)
            yield from self._block(block)
            left.append(self._made)
        self._made = {
            name: made
            for name, made in before.items()
            if all(known.get(name) is made for known in left)
        }

    def _kept_by(self, loop: ast.stmt) -> dict[str, Made]:
        """The names that stand for what was made here however often a loop runs."""
        made = dict(self._made)
        pairs = [pair for node in ast.walk(loop) for pair in assigned(node)]
        while True:
            lost = [
                name
                for target, value in pairs
                for name in _stored_in(target)
                if name in made and made_by(value, made) is not made[name]
            ]
            if not lost:
                return made
            for name in lost:
                made.pop(name, None)

    def _ends(self, statement: ast.stmt) -> bool:
        """Whether a call of ``fit`` is reached in it for sure, and nothing comes after it."""
        if isinstance(statement, ast.For):
            folds = isinstance(statement.iter, ast.Call) and "split" in ast.unparse(statement.iter)
            return folds and any(map(self._ends, statement.body))
        if isinstance(statement, ast.Try):
            handlers = [handler.body for handler in statement.handlers]
            leave = all(isinstance(block[-1], (ast.Return, ast.Raise)) for block in handlers)
            return leave and any(map(self._ends, statement.body))
        if isinstance(statement, ast.With):
            return any(map(self._ends, statement.body))
        if isinstance(statement, (ast.If, ast.While, ast.FunctionDef)):
            return False
        calls = (node for node in ast.walk(statement) if isinstance(node, ast.Call))
        return any(map(self._is_end, calls))

    def _header(self, statement: ast.stmt) -> Iterator[Objection]:
        """What a statement does itself, without the statements inside it."""
        inside = (*getattr(statement, "body", ()), *getattr(statement, "orelse", ()))
        nested = {id(node) for part in inside for node in ast.walk(part)}
        for target, _ in assigned(statement):
            yield from self._target(target)
        if isinstance(statement, ast.AugAssign):
            yield from self._in_place(statement.target)
        if isinstance(statement, ast.Delete):
            for target in statement.targets:
                yield from self._target(target)
        if isinstance(statement, ast.For):
            yield from self._target(statement.target)
            if not self._may_be_iterated(statement.iter):
                yield self._say(statement, "loops over what may be data")
        if isinstance(statement, ast.With):
            for item in statement.items:
                call = item.context_expr
                name = name_of(call.func) if isinstance(call, ast.Call) else None
                if name not in SCOPES:
                    yield self._say(statement, "with statement")
        for node in ast.walk(statement):
            if id(node) not in nested:
                yield from self._expression(node)

    def _target(self, target: ast.expr) -> Iterator[Objection]:
        if isinstance(target, (ast.Tuple, ast.List)):
            for part in target.elts:
                yield from self._target(part)
        elif isinstance(target, ast.Starred):
            yield from self._target(target.value)
        elif isinstance(target, ast.Subscript):
            holder = target.value
            own = isinstance(holder, ast.Name) and holder.id in self._made
            if not (own or self._made.get(root_of(holder) or "") is Made.ARRAY):
                yield self._say(target, f"writes to {ast.unparse(target)}")
        elif isinstance(target, ast.Attribute):
            known = target.attr in SET_ON_MODELS and self._is_model(target.value)
            if not known and not self._is_being_made(target):
                yield self._say(target, f"sets {ast.unparse(target)}")
        elif not isinstance(target, ast.Name):
            yield self._say(target, f"sets {ast.unparse(target)}")

    def _in_place(self, target: ast.expr) -> Iterator[Objection]:
        """``x += 1`` changes an array that was there before."""
        made = self._made.get(root_of(target) or "")
        whole = isinstance(target, ast.Name) and made is not None
        part = isinstance(target, ast.Subscript) and made is Made.ARRAY
        if not (whole or part):
            yield self._say(target, f"changes {ast.unparse(target)}")


def _stored_in(target: ast.expr) -> Iterator[str]:
    for node in ast.walk(target):
        if isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
            yield node.id
