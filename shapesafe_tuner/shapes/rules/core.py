"""Core layers (``keras/src/layers/core``)."""

from __future__ import annotations

from typing import Any

from shapesafe_tuner.shapes.activations import activate
from shapesafe_tuner.shapes.dims import (
    check_input,
    known_channels,
    number,
    one,
    positive,
    same_channels,
)
from shapesafe_tuner.shapes.registry import Rule, escalate, rule
from shapesafe_tuner.shapes.spec import Arguments, Call, Refused, Spec, Unknown

__all__ = ["Dense", "Embedding", "Identity", "Masking"]

escalate("it is a base class that the user fills in", "Layer", "Wrapper")
escalate("it runs a function of the user's own", "Lambda")
escalate("Keras parses its equation", "EinsumDense")
escalate("its reverse call uses its weights in another way", "ReversibleEmbedding")
escalate("keras.Input makes it", "InputLayer")
escalate("it describes an input and is no layer", "InputSpec")
escalate("it runs code of another framework", "FlaxLayer", "JaxLayer", "TorchModuleWrapper",
         "TFSMLayer")  # fmt: skip


@rule("Dense")
class Dense(Rule):
    """``dense.py``: kernel of (last axis, units)."""

    dtypes = "any"
    masks = "pass"

    def configure(self, a: Arguments) -> None:
        if a.lora_rank is not None or a.quantization_config is not None:
            raise Unknown("the layer is built with lora_rank or quantized")
        if isinstance(a.units, (float, str)) or a.units is None:
            raise Refused(f"needs units as a positive integer, not {a.units!r}")
        positive(a.units, "units")

    def build(self, a: Arguments, inputs: Any) -> int:
        spec = one(inputs)
        check_input(spec, min_rank=2)
        return (known_channels(spec, -1) + (1 if a.use_bias else 0)) * a.units  # type: ignore[no-any-return]

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        spec = one(inputs)
        check_input(spec, min_rank=2, axes=same_channels(spec, call.built_on, -1))
        return activate(a.activation, Spec((*spec.shape[:-1], a.units), a.compute_dtype))


@rule("Embedding")
class Embedding(Rule):
    """``embedding.py``: a vector for every integer; ``mask_zero`` masks the zeros."""

    dtypes = "any"
    masks = "own"
    ignores = ("input_length",)

    def configure(self, a: Arguments) -> None:
        given = (a.weights, a.lora_rank, a.quantization_config)
        if any(value is not None for value in given):
            raise Unknown("the layer is given weights, lora_rank or quantization")
        for name in ("input_dim", "output_dim"):
            value = getattr(a, name)
            if isinstance(value, (bool, float, str)) or value is None:
                raise Refused(f"needs {name} as a positive integer, not {value!r}")
            positive(value, name)
        if type(a.mask_zero) is not bool:
            raise Unknown("mask_zero is not a bool")

    def build(self, a: Arguments, inputs: Any) -> int:
        return a.input_dim * a.output_dim  # type: ignore[no-any-return]

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        spec = one(inputs)
        mask = spec.shape if a.mask_zero else None
        return Spec((*spec.shape, a.output_dim), a.compute_dtype, mask)


@rule("Identity")
class Identity(Rule):
    """``identity.py``."""

    dtypes = "any"
    masks = "pass"

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        return one(inputs)


@rule("Masking")
class Masking(Rule):
    """``masking.py``: steps whose features all have one value are masked."""

    masks = "own"

    def configure(self, a: Arguments) -> None:
        number(a.mask_value, "mask_value")

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        spec = one(inputs)
        if len(spec.shape) < 2:
            raise Unknown("there is no axis of features")
        return Spec(spec.shape, a.compute_dtype, spec.shape[:-1])
