"""Which rule stands for which layer class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from shapesafe_tuner.shapes.spec import Arguments, Call

__all__ = [
    "ESCALATES", "Configured", "Rule", "escalate", "lookup", "own_rule", "register_rule",
    "rule", "rule_names",
]  # fmt: skip


class Rule:
    """How one layer class treats shapes; three questions, asked in this order.

    A rule answers exactly as Keras does, raises ``Refused`` where Keras raises, and ``Unknown``
    where it does not know. It keeps no state: one instance serves all layers of its classes.

    Attributes:
        dtypes: "float" when the answers hold for floating inputs only (others are then unknown),
            "any" when the rule looks at dtypes itself.
        masks: what becomes of the mask on an input: "drop" (the layer neither reads nor passes
            it), "pass" (it passes it on unread), "own" (the rule reads ``Spec.mask`` and sets it).
        accepts: names of further arguments of ``call`` that the rule understands.
        ignores: constructor keywords that are not in the signature and change nothing; for any
            other the layer itself is asked.
        gives: keywords of ``Layer`` that the constructor itself gives it, so that nobody else may.
    """

    dtypes: ClassVar[str] = "float"
    masks: ClassVar[str] = "drop"
    accepts: ClassVar[tuple[str, ...]] = ()
    ignores: ClassVar[tuple[str, ...]] = ()
    gives: ClassVar[tuple[str, ...]] = ()

    def configure(self, a: Arguments) -> None:
        """Refuse what the constructor refuses."""

    def build(self, a: Arguments, inputs: Any) -> int:
        """The number of weights that ``build`` makes; refuse what it refuses."""
        return 0

    def weights(self, a: Arguments, inputs: Any, call: Call) -> int:
        """As :meth:`build`, for rules whose weights depend on further arguments of the call."""
        return self.build(a, inputs)

    def call(self, a: Arguments, inputs: Any, call: Call) -> Any:
        """The specification of the outputs; refuse what the call refuses."""
        raise NotImplementedError


class Configured:
    """A rule with the arguments of one layer: what wrappers see of the layer they wrap."""

    def __init__(self, rule: Rule, arguments: Arguments) -> None:
        self.rule = rule
        self.arguments = arguments

    @property
    def layer_type(self) -> str:
        """The name of the layer's class."""
        return self.arguments.layer_type

    def build(self, inputs: Any) -> int:
        """As :meth:`Rule.build`."""
        return self.rule.build(self.arguments, inputs)

    def call(self, inputs: Any, call: Call) -> Any:
        """As :meth:`Rule.call`."""
        return self.rule.call(self.arguments, inputs, call)


_RULES: dict[str, Rule] = {}
ESCALATES: dict[str, str] = {}
"""Classes without a rule, and why the layer itself is asked."""


def rule(*names: str) -> Callable[[type[Rule]], type[Rule]]:
    """Class decorator: this rule stands for the Keras classes of these names."""

    def register(rule_class: type[Rule]) -> type[Rule]:
        instance = rule_class()
        for name in names:
            if name in _RULES:
                raise ValueError(f"There are two rules for {name}.")
            _RULES[name] = instance
        return rule_class

    return register


def escalate(why: str, *names: str) -> None:
    """Say why these classes have no rule."""
    ESCALATES.update(dict.fromkeys(names, why))


_OWN: dict[type, Rule] = {}


def register_rule(layer_class: type, layer_rule: Rule | None = None) -> Any:
    """Let a rule stand for a layer class of your own.

    The rule answers in an analytic run, in a few microseconds, what the layer itself would be asked
    otherwise. ``shapesafe_tuner.testing.check_rule`` shows whether it answers as the layer
    does; a rule that is wrong makes wrong verdicts.

    Args:
        layer_class: the class; its subclasses need rules of their own. A later call replaces the
            rule of an earlier one.
        layer_rule: a ``Rule``; without it, the decorator of a ``Rule`` subclass.

    Returns:
        The rule, or the decorator.

    Raises:
        TypeError: ``layer_class`` is not a class, or the rule is not a ``Rule``.
        ValueError: ``layer_class`` is one of Keras's own.
    """
    if not isinstance(layer_class, type):
        raise TypeError(f"register_rule needs a layer class, not {layer_class!r}.")
    if layer_class.__module__.split(".")[0] == "keras":
        raise ValueError(
            f"{layer_class.__name__} is Keras's own and has its rule; register one for a class "
            "of yours."
        )

    def register(given: Any) -> Any:
        instance = given() if isinstance(given, type) else given
        if not isinstance(instance, Rule):
            raise TypeError(
                f"The rule for {layer_class.__name__} must derive from shapesafe_tuner.Rule, "
                f"not be {given!r}."
            )
        _OWN[layer_class] = instance
        return given

    return register if layer_rule is None else register(layer_rule)


def own_rule(layer_class: type) -> Rule | None:
    """The rule a user registered for exactly this class, or None."""
    return _OWN.get(layer_class)


def lookup(name: str) -> Rule | None:
    """The rule for the Keras class of this name, or None."""
    return _RULES.get(name)


def rule_names() -> frozenset[str]:
    """The names that have a rule."""
    return frozenset(_RULES)
