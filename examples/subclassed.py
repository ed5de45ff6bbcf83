"""A subclassed model with a custom layer: nothing is declared, and yet it is checked.

    python examples/subclassed.py

A subclassed model has no shapes until it sees data, so that ``build`` alone proves nothing: the
check calls it on the shapes of ``x``, without a weight. Its layer pools pairs of rows and refuses
an odd number of them. One sees who decided (``verdict.stage``), how a rule makes the same decision
cheaper, and that nothing changes but the time.
"""

from __future__ import annotations

import os
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import keras_tuner
from keras import layers, ops
from sklearn.datasets import load_digits

import shapesafe_tuner as sst
from shapesafe_tuner.shapes import Refused, Spec


class PairRows(layers.Layer):
    """The larger of every two rows."""

    def call(self, inputs: Any) -> Any:
        """(batch, rows, features) becomes (batch, rows / 2, features)."""
        rows, features = inputs.shape[1:]
        if rows % 2:
            raise ValueError(f"{rows} rows cannot be paired")
        return ops.max(ops.reshape(inputs, (-1, rows // 2, 2, features)), axis=2)


class Reader(keras.Model):
    """Pairs rows some times, then reads what is left."""

    def __init__(self, pairings: int, units: int) -> None:
        super().__init__()
        self.pairings = [PairRows() for _ in range(pairings)]
        self.hidden = layers.Dense(units, activation="relu")
        self.flatten = layers.Flatten()
        self.head = layers.Dense(10, activation="softmax")

    def call(self, inputs: Any) -> Any:
        """(batch, rows, features) becomes (batch, 10)."""
        h = inputs
        for pairing in self.pairings:
            h = pairing(h)
        return self.head(self.flatten(self.hidden(h)))


def build_model(hp: keras_tuner.HyperParameters) -> keras.Model:
    """Up to five pairings; 8 rows allow three."""
    model = Reader(hp.Int("pairings", 0, 5), hp.Choice("units", [8, 16, 32]))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def sequential_model(hp: keras_tuner.HyperParameters) -> keras.Model:
    """The same layer in a model that a rule can follow."""
    pairings = [PairRows() for _ in range(hp.Int("pairings", 0, 5))]
    head = [layers.Flatten(), layers.Dense(10, activation="softmax")]
    model = keras.Sequential([keras.Input((8, 8)), *pairings, *head])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


class PairRowsRule(sst.Rule):
    """What :class:`PairRows` does with shapes."""

    def call(self, a: Any, inputs: Any, call: Any) -> Any:
        """Half the rows, or a refusal where the layer raises."""
        batch, rows, features = inputs.shape
        if rows % 2:
            raise Refused(f"cannot pair {rows} rows")
        return Spec((batch, rows // 2, features), a.compute_dtype)


def main() -> None:
    """Check the subclassed model, then the rule."""
    digits = load_digits()
    given = {"x": digits.images / 16.0, "y": digits.target}
    for pairings in (3, 4):
        print(sst.explain(build_model, {"pairings": pairings}, **given))
    print(sst.validate_search_space(build_model, **given))
    for rule in (None, PairRowsRule):
        if rule is not None:
            sst.register_rule(PairRows, rule())
        start = time.perf_counter()
        verdict = sst.check(sequential_model, {"pairings": 4}, **given)
        spent = 1000 * (time.perf_counter() - start)
        print(f"{verdict.stage}, {spent:.1f} ms: {verdict.fault and verdict.fault.reason}")


if __name__ == "__main__":
    main()
