"""Random classes of layers and models, as users write them and as they should not."""

from __future__ import annotations

import random
from typing import Any

import keras
import numpy as np
from keras import layers, ops

__all__ = ["generated"]

_WIDTHS = (4, 8, 12)
_LAYERS = (
    "layers.Dense({w})", "layers.Dense({w}, activation='relu')", "layers.BatchNormalization()",
    "layers.LayerNormalization()", "layers.Dropout(0.3)", "layers.Activation('tanh')",
    "keras.Sequential([layers.Dense({w}), layers.Dense({v})])", "Inner({w})", "layers.Flatten()",
    "layers.GaussianNoise(0.1)", "layers.RepeatVector(2)", "layers.Reshape((2, -1))",
    "layers.Embedding(10, {w})", "layers.Discretization([0.0, 1.0])", "layers.Masking()",
)  # fmt: skip
_STEPS = (
    "x = self.part_{a}(x)", "x = self.part_{a}(x)", "x = self.part_{a}(x)",
    "x = x + self.part_{a}(x)", "x = self.part_{a}(x) + self.part_{b}(x)",
    "x = self.part_{a}(x, training=training)", "x = ops.relu(self.part_{a}(x))",
    "x = ops.concatenate([x, self.part_{a}(x)], axis=-1)", "x = x * 2.0 - 1",
    "x = ops.multiply(x, self.part_{a}(x))", "x = ops.matmul(x, self.kernel)",
    "x = x + self.offset", "x = self.helper(x)", "x = ops.softmax(x)", "x = -x / 3",
    "x = self.shared(self.shared(x))",
    # What looks, leaves a trace, or computes otherwise.
    "x = ops.reshape(x, (-1, {w}))", "x = ops.reshape(x, (x.shape[0], -1))",
    "x = ops.reshape(x, (ops.shape(x)[0], -1))", "x = x[:, :{w}]", "x = x[:, {w}]", "x = x[{w}]",
    "if training: x = self.part_{a}(x)", "if x.shape[-1] == {w}: x = self.part_{a}(x)",
    "if x.shape[0] is None: x = self.part_{a}(x)", "if x.shape[0] == 6: x = self.part_{a}(x)",
    "x = self.part_{a}(x) if isinstance(x, keras.KerasTensor) else x",
    "x = x if keras.backend.is_keras_tensor(x) else self.part_{a}(x)",
    "self.log.append(1); x = self.part_{a}(x) if len(self.log) > 1 else x",
    "self.count = 1; x = self.part_{a}(x)", "x = layers.Dense({w})(x)",
    "x = layers.add([x, self.part_{a}(x)])", "x = ops.argmax(x, axis=-1)",
    "x = ops.cast(ops.round(x), 'float32')", "x = ops.stop_gradient(x)", "x = x @ self.kernel",
    "x = ops.mean(x, axis=0)", "x = ops.mean(x, axis=-1, keepdims=True)", "x = ops.sum(x)",
    "x = ops.einsum('bi,ij->bj', x, self.kernel)", "x = ops.transpose(x)",
    "a, b = ops.split(x, 2, axis=-1); x = a + b", "x = ops.expand_dims(x, 1)",
    "x = ops.squeeze(x, -1)", "x = ops.cast(x, 'int32') + 1", "x = x + np.ones({w}, 'float32')",
    "x = x ** 2", "x = x > 0", "x = ops.where(x > 0, x, self.part_{a}(x))", "x = self.call_of(x)",
    "for part in self.parts: x = part(x)", "x = sum(part(x) for part in self.parts)",
    "try: x = self.part_{a}(x) + self.part_{b}(x)\n        except Exception: x = self.part_{a}(x)",
    "x = x + keras.random.normal((1, {w}))", "x = ops.maximum(x, self.part_{a}(x))",
    "self.add_loss(ops.sum(x))", "x = self.by_name['only'](x)", "x = ops.tile(x, (1, 2))",
    "x = x if self.built else self.part_{a}(x)", "x = ops.slice(self.kernel, (0, 0), ({w}, {v}))",
    "x = x.reshape((-1, {w}))", "self.offset.assign(self.offset * 2.0)", "x = x + self.offset[0]",
    "x = x if type(self) is Made else self.part_{a}(x)", "x = x * self.scale",
)  # fmt: skip


def _source(draw: random.Random, base: str) -> str:
    def filled(text: str) -> str:
        a, b = draw.sample(range(3), 2)
        return text.format(w=draw.choice(_WIDTHS), v=draw.choice(_WIDTHS), a=a, b=b)

    tame = draw.random() < 0.5
    steps = [
        filled(draw.choice(_STEPS[:16] if tame else _STEPS)) for _ in range(draw.randint(1, 4))
    ]
    parts = [
        f"self.part_{place} = {filled(draw.choice(_LAYERS[: 8 if tame else None]))}"
        for place in range(3)
    ]
    weights = [
        filled("self.kernel = self.add_weight(shape=({w}, {v}))"),
        filled("self.offset = self.add_weight(shape=({w},))"),
    ]
    early = draw.random() < 0.6
    lists = filled("self.parts = [layers.Dense({w}) for _ in range(2)]")
    if draw.random() < 0.3:
        lists = filled("self.parts = []\n        self.parts.append(layers.Dense({w}))")
    takes = draw.choice(["", ", training=None", ", training=True", ", training=False"])
    if any("training" in step for step in steps) and not takes:
        takes = ", training=None"
    lines = [
        f"class Made({base}):",
        "    def __init__(self):",
        *(["        self.scale = 3.0", "        super().__init__()"] if draw.random() < 0.5
          else ["        super(Made, self).__init__()", "        self.scale = 2"]),
        *(f"        {part}" for part in parts),
        f"        {lists}",
        filled("        self.shared = layers.Dense({w})"),
        filled("        self.by_name = {{'only': layers.Dense({w})}}"),
        "        self.log = []",
        *(f"        {weight}" for weight in (weights if early else [])),
    ]  # fmt: skip
    if not early or draw.random() < 0.2:
        lines += [
            "    def build(self, shape):",
            *(f"        {weight}" for weight in ([] if early else weights)),
            *(["        self.part_0.build(shape)"] if draw.random() < 0.2 else []),
            *(["        super().build(shape)"] if draw.random() < 0.3 else []),
            "        self.built = True",
        ]
    lines += [
        "    def helper(self, x):",
        f"        return self.part_{draw.randrange(3)}(x)",
        "    def call_of(self, x):",
        "        y = ops.tanh(x)",
        "        return y * 0.5",
        f"    def call(self, x{takes}):",
        *(f"        {step}" for step in steps),
        f"        return {draw.choice(['x', 'x', 'x', 'self.part_0(x)', 'self.part_1(x)'])}",
    ]
    return "\n".join(lines) + "\n"


_INNER = """
class Inner(layers.Layer):
    def __init__(self, units, **further):
        super().__init__(**further)
        self.units = units
    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], self.units))
    def call(self, x, training=None):
        return ops.matmul(x, self.kernel)
"""


def generated(seed: int) -> tuple[Any, dict[str, Any], str]:
    """A build around a random class, data to train it on, and its source."""
    draw = random.Random(seed)
    is_model = draw.random() < 0.5
    source = _INNER + _source(draw, "keras.Model" if is_model else "layers.Layer")
    names: dict[str, Any] = {
        "keras": keras, "layers": layers, "ops": ops, "np": np, "__name__": "generated_classes",
    }  # fmt: skip
    exec(compile(source, f"<class {seed}>", "exec"), names)

    def build(hp: Any) -> Any:
        if is_model:
            model = names["Made"]()
        else:
            inputs = keras.Input((12,))
            outputs = names["Made"]()(inputs)
            model = keras.Model(inputs, layers.Dense(1)(layers.Flatten()(outputs)))
        model.compile("sgd", "mse")
        return model

    samples = draw.choice([32, 70])
    x = np.zeros((samples, 12), "float32")
    y = np.zeros((samples, draw.choice([1, 12])), "float32")
    return build, {"x": x, "y": y}, source
