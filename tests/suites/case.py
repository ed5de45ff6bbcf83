"""One layer in a small model: asked of a check, then built and trained by Keras itself."""

from __future__ import annotations

import dataclasses
import functools
import io
import warnings
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from typing import Any, Literal

import keras
import keras_tuner
import numpy as np
from keras import ops, tree

import shapesafe_tuner as sst

__all__ = ["Judged", "LayerCase", "Outcome", "Recipe", "TensorLike", "judge", "recipe"]

BATCH = 2
"""Samples where a case leaves the batch open."""
Outcome = Literal["agreed", "missed", "false", "undecided", "crashed", "only on a device"]


@dataclasses.dataclass(frozen=True)
class TensorLike:
    """An input: its shape with the batch axis, its dtype, and values where they matter."""

    shape: tuple[int | None, ...]
    dtype: str = "float32"
    values: Any = dataclasses.field(default=None, compare=False, repr=False)

    def open(self) -> TensorLike:
        """With an open batch axis."""
        return dataclasses.replace(self, shape=(None, *self.shape[1:]))

    def tensor(self) -> Any:
        """The symbolic input of a model."""
        return keras.Input(batch_shape=self.shape, dtype=self.dtype)

    def array(self) -> Any:
        """Data for it."""
        shape = tuple(BATCH if size is None else size for size in self.shape)
        if self.values is not None and np.shape(self.values)[1:] == shape[1:]:
            values = np.asarray(self.values)
            repeated = np.concatenate([values] * (shape[0] // max(len(values), 1) + 1))
            return _castable(repeated[: shape[0]], self.dtype)
        if self.dtype == "string":
            return np.full(shape, "a", dtype=object)
        random = np.random.default_rng(0)
        return _castable(random.random(shape) * (1 if "float" in self.dtype else 2), self.dtype)


def _castable(values: Any, dtype: str) -> Any:
    if dtype == "string":
        return values
    return np.asarray(values).astype("float32" if dtype == "bfloat16" else dtype)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A layer that is an argument of another; made anew in every build."""

    layer_class: type
    config: Mapping[str, Any]

    def make(self) -> Any:
        """The layer."""
        return self.layer_class.from_config(dict(self.config))  # type: ignore[attr-defined]


def recipe(value: Any) -> Any:
    """The same value with recipes in place of layers."""
    if isinstance(value, keras.Layer):
        return Recipe(type(value), value.get_config())
    if isinstance(value, dict):
        return {key: recipe(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(recipe(item) for item in value)
    return value


def _made(value: Any) -> Any:
    if isinstance(value, Recipe):
        return value.make()
    if isinstance(value, dict):
        return {key: _made(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_made(item) for item in value)
    return value


@dataclasses.dataclass(frozen=True)
class LayerCase:
    """A layer, how it is made and what it is called on.

    Attributes:
        origin: where the case comes from.
        layer_class: of the layer.
        arguments: of its constructor.
        inputs: ``TensorLike``, or a list, tuple or dict of them; a dict is passed by name.
        call: further arguments of the call.
        changed: what was changed of the original, for people.
    """

    origin: str
    layer_class: Any
    arguments: Mapping[str, Any]
    inputs: Any
    call: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    changed: str = ""

    def build(self, hp: Any) -> Any:
        """A functional model that is this layer."""
        inputs = tree.map_structure(TensorLike.tensor, self.inputs)
        layer = self.layer_class(**_made(dict(self.arguments)))
        if isinstance(inputs, dict):
            outputs = layer(**inputs, **self.call)
        else:
            outputs = layer(inputs, **self.call)
        model = keras.Model(inputs, outputs)
        model.compile(optimizer="sgd", loss=mean_of_outputs)
        return model

    def data(self) -> Any:
        """Arrays for the inputs."""
        return tree.map_structure(TensorLike.array, self.inputs)

    def __str__(self) -> str:
        call = f", called with {dict(self.call)}" if self.call else ""
        changed = f" [{self.changed}]" if self.changed else ""
        name = getattr(self.layer_class, "__name__", self.layer_class)
        return f"{name}({dict(self.arguments)}) on {_shapes(self.inputs)}{call}{changed}"


def _shapes(inputs: Any) -> Any:
    return tree.map_structure(lambda item: f"{item.dtype}{list(item.shape)}", inputs)


def mean_of_outputs(y_true: Any, y_pred: Any) -> Any:
    """A loss that any output of numbers has."""
    return ops.mean(ops.cast(y_pred, "float32"))


@dataclasses.dataclass(frozen=True)
class Judged:
    """A case with what Keras and the check say of it.

    Attributes:
        outcome: whether they agree.
        real: "trains", or the stage and the error of Keras.
        verdict: of the check, or its exception.
    """

    case: Any
    outcome: Outcome
    real: str
    verdict: str

    def __str__(self) -> str:
        return f"{self.outcome}: {self.case}\n    Keras: {self.real}\n    check: {self.verdict}"


@dataclasses.dataclass(frozen=True)
class _Real:
    stage: Literal["", "build", "train", "device"]
    error: str = ""
    targets: Any = None

    def __str__(self) -> str:
        return f"{self.stage}: {self.error}" if self.stage else "trains"


def _really(build: Callable[[Any], Any], x: Any) -> _Real:
    """What Keras does: build, then fit on one batch."""
    targets: Any = np.zeros((_samples(x), 1), "float32")
    try:
        model = build(keras_tuner.HyperParameters())
        outputs = model.outputs if model.outputs else None
        structure = getattr(model, "_outputs_struct", outputs)
        targets = tree.map_structure(lambda item: np.zeros((_samples(x), 1), "float32"), structure)
    except Exception as error:
        return _Real("build", _said(error), targets)
    try:
        model.fit(x, targets, batch_size=max(_samples(x), 1), verbose=0)
    except Exception as error:
        return _Real("device" if _by_a_kernel(error) else "train", _said(error), targets)
    return _Real("", "", targets)


def _by_a_kernel(error: Exception) -> bool:
    """Whether the step was traced, and failed as it ran on real numbers.

    What an operation refuses of a constant is the same error, raised in the call of a layer.
    """
    names = {kind.__name__ for kind in type(error).__mro__}
    traced = "Exception encountered when calling" not in str(error)
    return traced and bool(names & {"OpError", "XlaRuntimeError", "JaxRuntimeError"})


def _samples(x: Any) -> int:
    first = tree.flatten(x)[0]
    return int(first.shape[0]) if first.ndim else 1


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


@functools.cache
def _quiet() -> None:
    keras.utils.disable_interactive_logging()


def judge(case: Any) -> Judged:
    """Ask Keras, then the check; ``case`` has ``build(hp)`` and ``data()``."""
    _quiet()
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        keras.utils.clear_session(free_memory=False)
        x = case.data()
        real = _really(case.build, x)
        keras.utils.clear_session(free_memory=False)
        try:
            verdict = sst.check(case.build, {}, x=x, y=real.targets)
        except Exception as error:
            return Judged(case, "crashed", str(real), _said(error))
    said = {True: "feasible", False: "infeasible", None: "undecided"}[verdict.feasible]
    reason = verdict.fault.reason if verdict.fault is not None else "; ".join(verdict.warnings)
    outcome: Outcome
    if real.stage == "device":
        outcome = "only on a device"
    elif verdict.feasible is None:
        outcome = "undecided"
    elif verdict.feasible is (not real.stage):
        outcome = "agreed"
    else:
        outcome = "missed" if verdict.feasible else "false"
    return Judged(case, outcome, str(real), f"{said} ({verdict.stage}) {reason}")
