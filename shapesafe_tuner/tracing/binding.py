"""From the arguments of a Keras layer's constructor to a rule that knows them.

Everything that needs Keras to be judged is judged here, so that rules stay arithmetic: which
parameters the constructor has, what dtype policy holds, and whether an activation, initializer,
regularizer or constraint is one that leaves shapes alone.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from shapesafe_tuner._compat.keras.versions import LATER_ARGUMENTS
from shapesafe_tuner.shapes import rules
from shapesafe_tuner.shapes.activations import ELEMENTWISE
from shapesafe_tuner.shapes.deferred import Deferred
from shapesafe_tuner.shapes.registry import Configured, Rule
from shapesafe_tuner.shapes.sentences import counted
from shapesafe_tuner.shapes.spec import Arguments, Refused, Unknown
from shapesafe_tuner.tracing.lazy import LazyStr, expressions, proxies_in

__all__ = [
    "any_shape_initializer",
    "bind",
    "layer_classes",
    "penalty_dtypes",
    "replaced",
    "rule_of",
]

_POLICIES = frozenset(
    ["float16", "float32", "float64", "bfloat16", "mixed_float16", "mixed_bfloat16"]
)
_BASE: dict[str, Any] = {
    "activity_regularizer": None,
    "trainable": True,
    "dtype": None,
    "autocast": True,
    "name": None,
    "input_dim": None,
    "input_shape": None,
}
"""What ``Layer.__init__`` takes (``keras/src/layers/layer.py``)."""
_REQUIRED = inspect.Parameter.empty
_CHOSEN = frozenset([int, float, str, bool, type(None)])
"""Types of values in which nothing is left to choose."""
_REGULARIZERS = frozenset(["l1", "l2", "L1", "L2", "L1L2"])
_INITIALIZERS = frozenset(
    "zeros Zeros ones Ones glorot_uniform glorot_normal GlorotUniform GlorotNormal he_uniform "
    "he_normal HeUniform HeNormal lecun_uniform lecun_normal LecunUniform LecunNormal "
    "random_uniform random_normal RandomUniform RandomNormal truncated_normal TruncatedNormal "
    "uniform normal constant Constant variance_scaling VarianceScaling".split()
)
"""Initializers of every shape; others refuse some (``keras/src/initializers``)."""
_OF_MATRICES = frozenset(["orthogonal", "Orthogonal", "OrthogonalInitializer"])
"""Initializers of every shape of rank 2 or more, such as kernels."""
_KERNELS = ("kernel", "recurrent", "depthwise", "pointwise", "embeddings")


@functools.cache
def layer_classes() -> Mapping[type, str]:
    """The classes that ``keras.layers`` exports, and the name each goes by here."""
    exported = (getattr(keras.layers, name) for name in dir(keras.layers))
    return {item: item.__name__ for item in exported if inspect.isclass(item)}


def rule_of(layer_class: type) -> Rule | None:
    """The rule for exactly this class (a subclass may do anything), or None."""
    own = rules.own_rule(layer_class)
    if own is not None:
        return own
    name = layer_classes().get(layer_class)
    return None if name is None else rules.lookup(name)


def bind(layer_class: type, args: Sequence[Any] = (), kwargs: Mapping[str, Any] = {}) -> Configured:
    """A rule with these constructor arguments, which it accepts.

    Raises:
        Refused: the constructor raises.
        Unknown: there is no rule, or an argument that rules do not know.
    """
    rule = rule_of(layer_class)
    if rule is None:
        raise Unknown(f"there is no rule for {layer_class.__name__}")
    values = _bound(layer_class, rule, args, kwargs)
    _check_base(values)
    for name, default in _parameters(layer_class)[0].items():
        if name.endswith("initializer") and values[name] is None and default is not None:
            raise Unknown(f"{name}=None may be refused")
    on_reading: dict[str, Callable[[], Any]] = {}
    if rules.own_rule(layer_class) is not None:
        for name in values.keys() - _BASE.keys():
            for proxy in proxies_in(values[name]):
                on_reading.setdefault(name, proxy.force)
    arguments = Arguments(
        on_reading,
        **{
            name: _plain(name, value if type(value) in _CHOSEN else expressions(value))
            for name, value in values.items()
            if name not in on_reading
        },
        layer_type=layer_class.__name__,
        compute_dtype=_compute_dtype(values["dtype"]),
    )
    if arguments.compute_dtype == "bfloat16" and any(map(_is_of_matrices, values.values())):
        raise Unknown("its initializer may not know bfloat16")
    rule.configure(arguments)
    return Configured(rule, arguments)


def _is_of_matrices(value: Any) -> bool:
    """Whether it is an initializer that needs an algorithm for matrices of each dtype."""
    name = value if isinstance(value, str) else type(value).__name__
    return name in _OF_MATRICES


@functools.cache
def _parameters(layer_class: type) -> tuple[dict[str, Any], bool]:
    """Constructor parameters with their defaults, and whether others reach ``Layer``."""
    parameters = list(inspect.signature(layer_class.__init__).parameters.values())[1:]  # type: ignore[misc]
    positional = {
        parameter.name: parameter.default
        for parameter in parameters
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    }
    known = {
        parameter.name: parameter.default
        for parameter in parameters
        if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    }
    open_ended = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    if len(positional) != len(known) and list(known)[: len(positional)] != list(positional):
        raise Unknown(f"the signature of {layer_class.__name__} is unusual")
    return known, open_ended


def _bound(
    layer_class: type, rule: Rule, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    known, open_ended = _parameters(layer_class)
    if len(args) > len(known):
        raise Refused(f"takes {counted(len(known), 'positional argument')}, not {len(args)}")
    values = dict(zip(known, args, strict=False))
    for name, value in kwargs.items():
        if name in values:
            raise Refused(f"is given {name} twice")
        if name in rule.gives:
            raise Refused(f"takes no {name}, which it is given by its own constructor")
        if name in rule.ignores:
            continue
        if name not in known and name not in _BASE and open_ended:
            # A base may take it, or the constructor itself out of its **kwargs.
            raise Unknown(f"{name} is not in the signature of {layer_class.__name__}")
        if name not in known and not open_ended:
            raise Refused(f"takes no argument {name}")
        values[name] = value
    for name, default in known.items():
        if values.setdefault(name, default) is _REQUIRED:
            raise Refused(f"needs the argument {name}")
    return {**_BASE, **LATER_ARGUMENTS, **values}


def replaced(
    layer_class: type, args: tuple[Any, ...], kwargs: dict[str, Any], changes: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Constructor arguments with some of them replaced."""
    order = list(_parameters(layer_class)[0])
    given = dict(zip(order, args, strict=False))
    return args[len(order) :], {**given, **kwargs, **changes}


def _check_base(values: Mapping[str, Any]) -> None:
    """``Layer.__init__`` and ``Operation.__init__`` refuse these."""
    name = values["name"]
    if name is not None and (not isinstance(name, str) or "/" in name):
        raise Refused(f"needs a name without '/', not {name!r}")
    if type(values["trainable"]) is not bool:
        if values["trainable"] is None or isinstance(values["trainable"], (int, float, str)):
            raise Refused(f"needs trainable=True or False, not {values['trainable']!r}")
        raise Unknown("trainable is not a bool")
    if values["autocast"] is not True:
        raise Unknown("autocast is switched off")


def _compute_dtype(policy: Any) -> str:
    if policy is None:
        policy = keras.config.dtype_policy()
    if isinstance(policy, str):
        if policy not in _POLICIES:
            raise Unknown(f"rules do not know dtype={policy!r}")
        return policy.removeprefix("mixed_")
    if isinstance(policy, keras.dtype_policies.DTypePolicy) and policy.name in _POLICIES:
        return str(policy.compute_dtype)
    raise Unknown(f"rules do not know dtype={policy!r}")


def _plain(name: str, value: Any) -> Any:
    """The value as rules want it."""
    if name == "seed" and type(value) not in (int, type(None), Deferred):
        raise Unknown("Keras may not take it for a seed")
    if isinstance(value, np.generic):
        return value.item()
    if name == "data_format":
        return _data_format(value)
    if name in _LAYERS and value is not None:
        return configured_of(value)
    if name == "activation" or name.endswith("_activation"):
        return activation_name(value)
    if value is None:
        return None
    if name.endswith("initializer"):
        _check_initializer(name, value)
    elif name.endswith("regularizer"):
        _check_regularizer(value)
    elif name.endswith("constraint"):
        _check_constraint(value)
    return value


_LAYERS = frozenset(["layer", "backward_layer", "cell"])


def configured_of(value: Any) -> Configured:
    """The rule of a layer that is an argument of another."""
    found = value.configured if hasattr(type(value), "configured") else None
    if not isinstance(found, Configured):
        raise Unknown("it wraps a layer without a rule")
    return found


def _data_format(value: Any) -> str:
    if value is None:
        return str(keras.config.image_data_format())
    if not isinstance(value, str):
        raise Unknown(f"data_format={value!r} is not a string")
    return value


def activation_name(value: Any) -> str | None:
    """The name that Keras has for an activation given by name or as its own function."""
    if value is None:
        return None
    if type(value) is LazyStr:
        if not all(choice in ELEMENTWISE for choice in value.choices):
            value.force()
        value = value.choices[0]
    if isinstance(value, str):
        found = getattr(keras.activations, value, None)
        if inspect.isfunction(found):
            return value
        raise Unknown(f"keras.activations has no function {value}")
    found = getattr(keras.activations, getattr(value, "__name__", ""), None)
    if found is value and inspect.isfunction(value):
        return str(value.__name__)
    raise Unknown("the activation is code of the user's own")


def _check_initializer(name: str, value: Any) -> None:
    if type(value) is LazyStr and all(choice in _INITIALIZERS for choice in value.choices):
        return
    if not isinstance(value, str):
        kind = value if isinstance(value, type) else value.__class__
        # A constant may be an array, which has a shape of its own.
        plain = kind.__name__ != "Constant" or type(getattr(value, "value", None)) in (int, float)
        value = kind.__name__ if plain and kind.__module__.startswith("keras.") else ""
    if value in _INITIALIZERS:
        return
    if value in _OF_MATRICES and name.startswith(_KERNELS):
        return
    raise Unknown(f"{name} may refuse a shape")


def any_shape_initializer(value: Any) -> bool:
    """Whether an initializer takes weights of every shape; None is Keras's default."""
    if value is None:
        return True
    try:
        _check_initializer("", value)
    except Unknown:
        return False
    return True


def _check_regularizer(value: Any) -> None:
    kind = value if isinstance(value, str) else value.__class__.__name__
    if kind not in _REGULARIZERS or not _is_from_keras(value):
        raise Unknown("a regularizer of the user's own may refuse a shape")


def penalty_dtypes(configured: Configured) -> set[str]:
    """The dtypes of what a layer adds to the loss, for its weights and for its outputs."""
    found: set[str] = set()
    arguments = configured.arguments
    for name, value in vars(arguments).items():
        if isinstance(value, Configured):
            found |= penalty_dtypes(value)
        elif value is not None and name == "activity_regularizer":
            found.add(arguments.compute_dtype)
        elif value is not None and name.endswith("regularizer"):
            found.add(_variable_dtype(arguments))
    if arguments.layer_type == "ActivityRegularization":
        found.add(arguments.compute_dtype)
    return found


def _variable_dtype(arguments: Arguments) -> str:
    policy = keras.config.dtype_policy() if arguments.dtype is None else arguments.dtype
    return str(keras.dtype_policies.get(policy).variable_dtype)


def _check_constraint(value: Any) -> None:
    if isinstance(value, str):
        found = value in ("non_neg", "NonNeg", "max_norm", "MaxNorm", "unit_norm", "UnitNorm",
                          "min_max_norm", "MinMaxNorm")  # fmt: skip
    else:
        plain = getattr(value, "axis", 0) == 0
        found = value.__class__.__name__ in ("NonNeg", "MaxNorm", "UnitNorm", "MinMaxNorm")
        found = found and plain and _is_from_keras(value)
    if not found:
        raise Unknown("a constraint of the user's own may refuse a shape")


def _is_from_keras(value: Any) -> bool:
    return isinstance(value, str) or value.__class__.__module__.startswith("keras.")
