"""Random models, sequential and branching, drawn as lists of steps that a build follows."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import keras
from keras import layers

__all__ = ["Plan", "build_of", "draw"]

Plan = dict[str, Any]
"""``kind`` ("sequential" or "graph"), ``shape`` of the input, and ``steps``."""


def draw(generator: random.Random) -> Plan:
    """A plan; about half of them fit."""
    kind = generator.choice(["sequential", "graph", "graph"])
    rank = generator.choice([1, 2, 2, 3, 3, 3, 4])
    sides = [generator.choice([4, 5, 6, 8, 9, 12, 16]) for _ in range(rank - 1)]
    if sides and rank < 4 and generator.random() < 0.1:
        sides[0] = None  # type: ignore[call-overload]
    shape = (*sides, generator.choice([1, 2, 3, 4, 8]))
    steps = [_step(generator, kind, len(shape)) for _ in range(generator.randint(1, 7))]
    if kind == "graph" and generator.random() < 0.15:
        nested = [
            _step(generator, "sequential", len(shape)) for _ in range(generator.randint(1, 3))
        ]
        place = generator.randint(0, len(steps))
        steps.insert(place, ("nested", nested, generator.choice([shape, None]), 0))
    dtype = "int32" if rank < 3 and generator.random() < 0.15 else "float32"
    if dtype == "int32":
        steps.insert(0, ("layer", "Embedding", {"input_dim": 7, "output_dim": 3,
                         "mask_zero": generator.random() < 0.5}, 0))  # fmt: skip
    return {"kind": kind, "shape": shape, "steps": steps, "dtype": dtype}


def _step(generator: random.Random, kind: str, rank: int) -> Any:
    choose = generator.choice
    if kind == "graph" and generator.random() < 0.1:
        return ("operation", choose(sorted(_OPERATIONS)), 0, 0)
    if kind == "graph" and generator.random() < 0.08:
        return ("again", generator.randint(0, 5), 0, 0)
    if kind == "graph" and generator.random() < 0.35:
        join = choose(
            ["Add", "Multiply", "Average", "Maximum", "Concatenate", "Subtract", "+", "*"]
        )
        return ("join", join, generator.randint(0, 3), generator.randint(0, 3))
    name, arguments = choose(_MENU)(generator, rank)
    return ("layer", name, arguments, generator.randint(0, 2) if kind == "graph" else 0)


def _window(name: str) -> Callable[[random.Random, int], Any]:
    def drawn(generator: random.Random, rank: int) -> Any:
        choose = generator.choice
        axes = max(1, min(3, rank - 1)) if generator.random() < 0.93 else choose([1, 2, 3])
        arguments: dict[str, Any] = {"padding": choose(["valid", "valid", "same"])}
        if name.startswith(("Max", "Average")):
            arguments["pool_size"] = choose([2, 2, 3])
            arguments["strides"] = choose([None, None, 1, 2])
            return f"{name}{axes}D", arguments
        arguments["kernel_size"] = choose([1, 2, 3, 3, 5])
        arguments["strides"] = choose([1, 1, 1, 2])
        arguments["use_bias"] = choose([True, False])
        if name == "DepthwiseConv":
            arguments["depth_multiplier"] = choose([1, 2])
        else:
            arguments["filters"] = choose([2, 4, 6, 8])
        if name == "Conv":
            arguments["groups"] = choose([1, 1, 1, 2])
            arguments["dilation_rate"] = choose([1, 1, 1, 2])
        axes = min(axes, 2) if name in ("DepthwiseConv", "SeparableConv") else axes
        suffix = "DTranspose" if name == "ConvTranspose" else "D"
        return f"{name.removesuffix('Transpose')}{axes}{suffix}", arguments

    return drawn


def _plain(name: str, **options: Any) -> Callable[[random.Random, int], Any]:
    def drawn(generator: random.Random, rank: int) -> Any:
        return name, {key: generator.choice(values) for key, values in options.items()}

    return drawn


def _wrapped(generator: random.Random, rank: int) -> Any:
    inner = generator.choice([("Dense", {"units": 3}), ("Flatten", {}), ("Dropout", {"rate": 0.1})])
    return "TimeDistributed", {"layer": inner}


def _both_ways(generator: random.Random, rank: int) -> Any:
    inner = (
        generator.choice(["LSTM", "GRU"]),
        {"units": generator.choice([2, 4]), "return_sequences": generator.random() < 0.6},
    )
    return "Bidirectional", {"layer": inner}


def _sized(name: str) -> Callable[[random.Random, int], Any]:
    def drawn(generator: random.Random, rank: int) -> Any:
        axes = max(1, min(3, rank - 1)) if generator.random() < 0.95 else 2
        key = {"UpSampling": "size", "Cropping": "cropping", "ZeroPadding": "padding"}[name]
        return f"{name}{axes}D", {key: generator.choice([1, 1, 2, 3])}

    return drawn


def _globally(generator: random.Random, rank: int) -> Any:
    axes = max(1, min(3, rank - 1))
    kind = generator.choice(["Max", "Average"])
    return f"Global{kind}Pooling{axes}D", {"keepdims": generator.choice([False, False, True])}


_SEQUENCES = {"units": [2, 4, 5], "return_sequences": [True, False, True]}
_MENU = [
    _window("Conv"),
    _window("Conv"),
    _window("MaxPooling"),
    _window("AveragePooling"),
    _window("SeparableConv"),
    _window("DepthwiseConv"),
    _window("ConvTranspose"),
    _plain("Dense", units=[1, 2, 4, 8, 8, 0], activation=[None, "relu", "softmax"]),
    _plain("Dense", units=[3, 4, 8, 10], use_bias=[True, False]),
    _plain("Flatten"),
    _plain("Dropout", rate=[0.1, 0.5, 0.5, 1.5]),
    _plain("BatchNormalization", axis=[-1, -1, -1, 1]),
    _plain("LayerNormalization", axis=[-1, -1, 1]),
    _plain("GroupNormalization", groups=[1, 2, -1]),
    _plain("Activation", activation=["relu", "softmax", "gelu"]),
    _plain("LeakyReLU", negative_slope=[0.1, 0.3]),
    _plain("PReLU", shared_axes=[None, None, [1]]),
    _plain("LSTM", **_SEQUENCES),
    _plain("GRU", **_SEQUENCES),
    _plain("SimpleRNN", **_SEQUENCES),
    _both_ways,
    _wrapped,
    _plain("Reshape", target_shape=[(-1,), (-1, 2), (4, -1), (2, 2, -1), (8,), (3, 4)]),
    _plain("Permute", dims=[(1,), (2, 1), (2, 1, 3), (3, 1, 2)]),
    _plain("RepeatVector", n=[2, 3]),
    _sized("UpSampling"),
    _sized("Cropping"),
    _sized("ZeroPadding"),
    _globally,
    _plain("SpatialDropout1D", rate=[0.2]),
    _plain("UnitNormalization"),
    _plain("GaussianNoise", stddev=[0.1]),
    _plain("Rescaling", scale=[0.5]),
    _plain("MultiHeadAttention", num_heads=[1, 2], key_dim=[2, 3]),
    _plain("Masking", mask_value=[0.0]),
    _plain("Identity"),
    _plain("Softmax", axis=[-1, -1, 1]),
    _plain("Lambda", function=[keras.ops.relu]),
    _plain("ConvLSTM1D", filters=[2], kernel_size=[2]),
    _plain("Conv1D", filters=[2, 4], kernel_size=[2, 3], padding=["causal"]),
    _plain("AdaptiveAveragePooling2D", output_size=[1, 2, (3, 2)]),
    _plain("Resizing", height=[4, 7], width=[5]),
    _plain("Dense", units=[4], dtype=["mixed_float16", "float64", "mixed_bfloat16"]),
]


_OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "relu": keras.ops.relu,
    "negative": lambda x: -x,
    "half": lambda x: x / 2,
    "mean": lambda x: keras.ops.mean(x, axis=1),
    "largest": lambda x: keras.ops.max(x, axis=-1, keepdims=True),
    "flat": lambda x: keras.ops.reshape(x, (-1, x.shape[-1])),
    "rows": lambda x: x[:, 1:],
    "first": lambda x: x[..., 0],
    "squared": lambda x: keras.ops.matmul(x, x),
    "turned": lambda x: keras.ops.transpose(x),
    "stacked": lambda x: keras.ops.stack([x, x], axis=1),
    "wider": lambda x: keras.ops.concatenate([x, x * 2], axis=-1),
    "normal": lambda x: keras.ops.softmax(x, axis=-1),
    "more": lambda x: keras.ops.expand_dims(x, axis=-1),
    "less": lambda x: keras.ops.squeeze(x, axis=-1),
    "by shape": lambda x: x * (x.shape[1] // 2),
}


def _layer(name: str, arguments: dict[str, Any]) -> Any:
    given = {key: _layer(*value) if key == "layer" else value for key, value in arguments.items()}
    return getattr(layers, name)(**given)


def build_of(plan: Plan) -> Callable[[Any], Any]:
    """The ``build`` of a plan."""

    def sequential(hp: Any) -> Any:
        model = keras.Sequential([keras.Input(plan["shape"], dtype=plan["dtype"])])
        for _, name, arguments, _ in plan["steps"]:
            model.add(_layer(name, arguments))
        return model

    def graph(hp: Any) -> Any:
        inputs = keras.Input(plan["shape"], dtype=plan["dtype"])
        made, used = [inputs], []
        for what, name, *rest in plan["steps"]:
            if what == "operation":
                made.append(_OPERATIONS[name](made[-1]))
                continue
            if what == "again":
                made.append(used[-1 - name % len(used)](made[-1]) if used else made[-1])
                continue
            if what == "nested":
                start = [keras.Input(rest[0])] if rest[0] else []
                inner = keras.Sequential([*start, *(_layer(n, a) for _, n, a, _ in name)])
                used.append(inner)
                made.append(inner(made[-1]))
                continue
            if what == "join":
                first, second = (made[-1 - place % len(made)] for place in rest)
                made.append(_join(name, first, second))
                continue
            arguments, place = rest
            x = made[-1 - place % len(made)] if place == 2 else made[-1]
            layer = _layer(name, arguments)
            if name != "MultiHeadAttention":
                used.append(layer)
            made.append(layer(x, x) if name == "MultiHeadAttention" else layer(x))
        return keras.Model(inputs, made[-1])

    return sequential if plan["kind"] == "sequential" else graph


def _join(name: str, first: Any, second: Any) -> Any:
    if name == "+":
        return first + second
    if name == "*":
        return first * second
    return getattr(layers, name)()([first, second])
