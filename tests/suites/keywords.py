"""Every layer with every keyword that it or a base takes, from signatures and source.

A new argument in a new Keras is a new case here, without anybody's doing.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import keras

from tests.suites.case import LayerCase
from tests.suites.keras_layers import with_open_batch

__all__ = ["keyword_cases", "keywords_of"]

STRANGERS: Mapping[str, Any] = {
    "unitz": 4, "batch_input_shape": (None, 4), "batch_shape": (2, 4), "weights": None,
    "input_length": 4, "sparse": False, "implementation": 2, "unroll": False, "seed": 1,
    "data_format": "channels_last", "bounding_box_format": "xyxy", "kernel_size": 3,
}  # fmt: skip
"""Keywords that most layers do not take."""

_VALUES: Mapping[str, tuple[Any, ...]] = {
    "dtype": (None, "float32", "float16", "float64", "mixed_float16", "bfloat16", "int32"),
    "name": (None, "thing", 3, "a/b"),
    "trainable": (True, False, None, 1),
    "autocast": (True, False),
    "activity_regularizer": (None, "l2", "l3"),
    "input_shape": (None, (4,), (8, 8, 3)),
    "input_dim": (None, 4),
    "data_format": (None, "channels_last", "channels_first", "channels"),
    "padding": ("valid", "same", "causal", "full"),
    "activation": (None, "relu", "softmax", "reluu"),
    "recurrent_activation": (None, "relu", "reluu"),
    "interpolation": ("nearest", "bilinear", "bicubic", "near"),
    "fill_mode": ("constant", "reflect", "wrap", "nearest", "mirror"),
    "seed": (None, 1, 1.5, "x"),
    "bounding_box_format": (None, "xyxy", "xywh", "corners"),
    "value_range": ((0, 255), (0, 1), [0, 1], (-1, 1), 1),
    "noise_shape": (None, (1, 1), (2, 1, 1), 3),
    "merge_mode": ("concat", "sum", "mul", "ave", None, "none"),
    "score_mode": ("dot", "concat", "scale"),
    "output_mode": ("int", "one_hot", "multi_hot", "count", "ints"),
    "output_padding": (None, 0, 1, (1,), (1, 1)),
    "lora_rank": (None, 2, 0),
    "axis": (-1, 0, 1, 2, (1, 2), 9),
    "mask_value": (0.0, 1, None),
    "size": (2, (2, 2), (2,), 0),
}
_INITIALIZERS = ("zeros", "ones", "glorot_uniform", "orthogonal", "identity", "nonsense", None)
_REGULARIZERS = (None, "l1", "l2", "l1_l2", "l3", "orthogonal_regularizer")
_CONSTRAINTS = (None, "non_neg", "max_norm", "unit_norm", "nonsense")


def keyword_cases(recorded: list[LayerCase]) -> Iterator[LayerCase]:
    """Each layer that Keras exports, with each keyword and a few values of it.

    Args:
        recorded: calls of Keras's own tests; the first one of a layer is what gets the keywords.
    """
    exported = {item for item in vars(keras.layers).values() if inspect.isclass(item)}
    seen: set[Any] = set()
    for case in recorded:
        cls = case.layer_class
        if cls not in exported or cls in seen:
            continue
        seen.add(cls)
        base = dataclasses.replace(with_open_batch(case), origin=f"keywords of {cls.__name__}")
        for name, default in {**STRANGERS, **keywords_of(cls)}.items():
            for value in _values(name, case.arguments.get(name, default)):
                yield dataclasses.replace(
                    base,
                    arguments={**base.arguments, name: value},
                    changed=f"{name}={value!r}",
                )


def keywords_of(cls: type) -> dict[str, Any]:
    """What the constructors of a class and its bases take, with their defaults."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        init = vars(base).get("__init__")
        if not inspect.isfunction(init):
            continue
        for parameter in list(inspect.signature(init).parameters.values())[1:]:
            if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                required = parameter.default is parameter.empty
                found[parameter.name] = None if required else parameter.default
        for name in _popped(init):
            found.setdefault(name, None)
    return found


def _popped(init: Any) -> Iterator[str]:
    """Names that a constructor takes out of ``**kwargs``."""
    try:
        code = ast.parse(textwrap.dedent(inspect.getsource(init)))
    except (OSError, SyntaxError):
        return
    for node in ast.walk(code):
        words: list[Any] = []
        if isinstance(node, ast.Call) and _is_kwargs(getattr(node.func, "value", None)):
            words = list(node.args[:1])
        elif isinstance(node, ast.Compare) and any(map(_is_kwargs, node.comparators)):
            words = [node.left]
        elif isinstance(node, ast.Assign) and "kwargs" in ast.unparse(node.targets[0]):
            words = list(getattr(node.value, "elts", []))
        for word in words:
            if isinstance(word, ast.Constant) and isinstance(word.value, str):
                yield word.value


def _is_kwargs(node: Any) -> bool:
    return isinstance(node, ast.Name) and node.id.endswith("kwargs")


def _values(name: str, known: Any) -> tuple[Any, ...]:
    if name in _VALUES:
        return (*_VALUES[name], known)
    for ending, values in (
        ("initializer", _INITIALIZERS), ("regularizer", _REGULARIZERS),
        ("constraint", _CONSTRAINTS),
    ):  # fmt: skip
        if name.endswith(ending):
            return values
    if isinstance(known, bool):
        return True, False, None
    if isinstance(known, int):
        return known, known + 1, 0, -1, float(known), "x"
    if isinstance(known, float):
        return known, known / 2, 0, 1, -0.5, None, "x"
    if isinstance(known, str):
        return known, "nonsense", None
    if isinstance(known, (tuple, list)) and known and isinstance(known[0], (int, float)):
        return known, type(known)([*known, known[-1]]), known[0], None
    return (known,) if known is not None else (None, 1, 0.5, "x")
