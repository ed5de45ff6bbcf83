"""Keras's own layer tests, which come in its wheel, as cases.

Each call of ``run_layer_test`` is recorded as it is made: layer, arguments and input. A case is
that call in a model, with the batch as it was or open, and with one argument or one axis changed.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import pathlib
import random
import sys
import unittest
import warnings
from collections.abc import Iterator
from typing import Any
from unittest import mock

import keras
import numpy as np
import pytest
from keras import tree
from keras.src import testing as keras_testing

from tests.suites.case import LayerCase, TensorLike, recipe

__all__ = ["changed", "other_value", "recorded", "with_open_batch"]


def recorded(only: str = "") -> list[LayerCase]:
    """The calls of ``run_layer_test`` in the installed Keras.

    Args:
        only: part of the path of the test modules.
    """
    folder = pathlib.Path(inspect.getfile(keras.src)).parent
    found: list[LayerCase] = []
    for path in sorted((folder / "layers").rglob("*_test.py")):
        if only in str(path.relative_to(folder)):
            found += _of_module(path, folder)
    return found


def _of_module(path: pathlib.Path, folder: pathlib.Path) -> list[LayerCase]:
    methods = set(_methods(path))
    if not methods:
        return []
    name = ".".join(["keras.src", *path.relative_to(folder).with_suffix("").parts])
    module = _imported(name)
    found: list[LayerCase] = []
    classes = [item for item in vars(module).values() if _is_test(item, module)]
    for cls in classes:
        for name in unittest.defaultTestLoader.getTestCaseNames(cls):
            if any(name.startswith(method) for method in methods):
                found += _of_test(cls(name))
    return found


class _Unmarked:
    """In place of ``pytest.mark``: Keras's marks are not known here."""

    def __getattr__(self, name: str) -> Any:
        def mark(*args: Any, **kwargs: Any) -> Any:
            decorates = len(args) == 1 and callable(args[0]) and not kwargs
            return args[0] if decorates else lambda item: item

        return mark


def _imported(name: str) -> Any:
    """A test module; what is not installed is a mock in it, since only the calls count."""
    missing: dict[str, Any] = {}
    while True:
        try:
            with (
                mock.patch.dict(sys.modules, missing),
                mock.patch.object(pytest, "mark", _Unmarked()),
            ):
                return importlib.import_module(name)
        except ImportError as error:
            if error.name is None or error.name in missing:
                raise
            missing[error.name] = mock.MagicMock()


def _methods(path: pathlib.Path) -> Iterator[str]:
    """Names of the test methods that call ``run_layer_test``."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            calls = (item for item in ast.walk(node) if isinstance(item, ast.Attribute))
            if any(item.attr == "run_layer_test" for item in calls):
                yield node.name


def _is_test(item: Any, module: Any) -> bool:
    own = inspect.isclass(item) and item.__module__ == module.__name__
    return own and issubclass(item, keras_testing.TestCase)


def _of_test(test: Any) -> list[LayerCase]:
    found: list[LayerCase] = []
    signature = inspect.signature(keras_testing.TestCase.run_layer_test)

    def record(*args: Any, **kwargs: Any) -> None:
        given = signature.bind(*args, **kwargs)
        given.apply_defaults()
        case = _case(test.id().removeprefix("keras.src.layers."), given.arguments)
        if case is not None:
            found.append(case)

    with (
        mock.patch.object(keras_testing.TestCase, "run_layer_test", record),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        # What the method goes on to do with numbers is its own business.
        test.run(unittest.TestResult())
    keras.utils.clear_session(free_memory=False)
    return found


def _case(origin: str, given: dict[str, Any]) -> LayerCase | None:
    """None for what no model of a file can have: sparse, ragged, no input."""
    if given["input_sparse"] or given["input_ragged"]:
        return None
    try:
        inputs = _inputs(given["input_shape"], given["input_dtype"], given["input_data"])
    except (TypeError, AttributeError, ValueError):
        return None
    if inputs is None:
        return None
    return LayerCase(
        origin,
        given["layer_cls"],
        recipe(dict(given["init_kwargs"] or {})),
        inputs,
        dict(given["call_kwargs"] or {}),
    )


def _inputs(shape: Any, dtype: Any, data: Any) -> Any:
    if data is not None:
        return tree.map_structure(_like, data)
    if shape is None:
        return None
    if isinstance(shape, dict):
        dtypes = dtype or dict.fromkeys(shape, "float32")
        return {
            key.removesuffix("_shape"): TensorLike(tuple(item), str(dtypes[key]))
            for key, item in shape.items()
        }
    if shape and isinstance(shape[0], (tuple, list)):
        dtypes = dtype if isinstance(dtype, (tuple, list)) else [dtype or "float32"] * len(shape)
        return [TensorLike(tuple(one), str(kind)) for one, kind in zip(shape, dtypes, strict=True)]
    return TensorLike(tuple(shape), str(dtype or "float32"))


def _like(data: Any) -> TensorLike:
    if not hasattr(data, "shape"):
        data = np.asarray(data)
    dtype = keras.backend.standardize_dtype(data.dtype) if data.dtype != object else "string"
    values = keras.ops.convert_to_numpy(data) if dtype != "string" else np.asarray(data)
    return TensorLike(tuple(int(size) for size in data.shape), dtype, values)


def with_open_batch(case: LayerCase) -> LayerCase:
    """The same with an open batch axis."""
    return dataclasses.replace(
        case, inputs=tree.map_structure(TensorLike.open, case.inputs), changed="open batch"
    )


def changed(case: LayerCase, draw: random.Random) -> LayerCase:
    """The same with one argument or one axis changed."""
    if case.arguments and draw.random() < 0.6:
        name = draw.choice(sorted(case.arguments))
        if draw.random() < 0.06:
            rest = {key: item for key, item in case.arguments.items() if key != name}
            return dataclasses.replace(case, arguments=rest, changed=f"without {name}")
        value = other_value(name, case.arguments[name], draw)
        return dataclasses.replace(
            case, arguments={**case.arguments, name: value}, changed=f"{name}={value!r}"
        )
    flat = tree.flatten(case.inputs)
    place = draw.randrange(len(flat))
    flat[place] = _other_input(flat[place], draw)
    return dataclasses.replace(
        case, inputs=tree.pack_sequence_as(case.inputs, flat), changed=f"input {flat[place]}"
    )


_TEXTS = {
    "padding": ("valid", "same", "causal", "full"),
    "data_format": ("channels_last", "channels_first", "channels"),
    "activation": ("relu", "softmax", "reluu"),
    "interpolation": ("nearest", "bilinear", "lanczos3", "cubic"),
    "fill_mode": ("constant", "reflect", "wrap", "nearest"),
    "output_mode": ("int", "one_hot", "multi_hot", "count"),
    "merge_mode": ("sum", "mul", "concat", "ave", "none"),
    "dtype": ("float16", "float64", "bfloat16", "int32", "mixed_float16"),
}


def other_value(name: str, value: Any, draw: random.Random) -> Any:
    """Another value for an argument, likely or not."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return draw.choice([value + 1, value - 1, 2 * value, 0, -value, 1, float(value), None])
    if isinstance(value, float):
        return draw.choice([value / 2, -value, 0.0, 1.0, 2.0 * value, 1])
    if isinstance(value, str):
        return draw.choice(_TEXTS.get(name, (value + "x", None, 1)))
    if value is None:
        return draw.choice([1, 2, "x", 0.5, (1, 2)])
    if isinstance(value, (tuple, list)) and value:
        items = list(value)
        place = draw.randrange(len(items))
        change = draw.random()
        if change < 0.15:
            items.append(items[-1])
        elif change < 0.3:
            items.pop()
        else:
            items[place] = other_value(name, items[place], draw)
        return type(value)(items)
    return None


def _other_input(given: TensorLike, draw: random.Random) -> TensorLike:
    shape = list(given.shape)
    change = draw.random()
    if change < 0.1:
        return TensorLike(given.shape, draw.choice(["int32", "float16", "float64", "bool"]))
    if change < 0.2:
        return TensorLike((*shape, 2), given.dtype)
    if change < 0.3 and len(shape) > 1:
        return TensorLike(tuple(shape[:-1]), given.dtype)
    if len(shape) < 2:
        return given
    place = draw.randrange(1, len(shape))
    size = shape[place] or 3
    shape[place] = draw.choice([size + 1, max(size - 1, 1), 2 * size, 1, 2, 3])
    return TensorLike(tuple(shape), given.dtype)
