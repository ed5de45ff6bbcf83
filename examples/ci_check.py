"""A search space held to its promises, as a test or a step of continuous integration.

    python examples/ci_check.py            # exit status 0, or 1 and what is wrong

Three promises that a team makes of a space: most of it can be built and trained, the configurations
that are in production always can, and the same holds for the picture sizes still to come. Only
shapes are needed, no data and no GPU. One sees which promise is broken, by which values, and what
would help: a fourth block does not fit the smaller pictures.
"""

from __future__ import annotations

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import keras_tuner
from keras import layers

import shapesafe_tuner as sst

IN_PRODUCTION = [{"kernel": 3, "blocks": 3}, {"kernel": 5, "blocks": 2}]
SIDES = (64, 32, 24)
AT_MOST_INFEASIBLE = 0.25


class Classifier(keras_tuner.HyperModel):
    """Convolutions on square pictures of a given side."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """One to four blocks with one size of kernel."""
        model = keras.Sequential([keras.Input((self.side, self.side, 3))])
        for block in range(hp.Int("blocks", 1, 4)):
            kernel = hp.Choice("kernel", [3, 5, 7])
            model.add(layers.Conv2D(hp.Int(f"filters_{block}", 8, 64), kernel, activation="relu"))
            model.add(layers.MaxPooling2D(2))
        model.add(layers.Flatten())
        model.add(layers.Dense(10, activation="softmax"))
        model.compile("adam", "sparse_categorical_crossentropy")
        return model


def broken_promises(side: int) -> list[str]:
    """A line for every promise that the space breaks on pictures of this side."""
    hypermodel = Classifier(side)
    data = {"x": keras.KerasTensor((None, side, side, 3)), "y": keras.KerasTensor((None,))}
    found = []
    for values in IN_PRODUCTION:
        verdict = sst.check(hypermodel, values, **data)
        if verdict.feasible is not True:
            found.append(f"{side} pixels: {values} is in production. {verdict}")
    report = sst.validate_search_space(hypermodel, **data)
    infeasible = report.infeasible_fraction
    print(f"{side} pixels: {infeasible:.1%} of {report.total:,} configurations cannot exist")
    if infeasible > AT_MOST_INFEASIBLE:
        worst = report.conflicts[0]
        found.append(f"{side} pixels: more than {AT_MOST_INFEASIBLE:.0%}. {worst.fault.reason}")
        found += [f"  would help: {suggestion.text}" for suggestion in report.suggestions]
    return found


def main() -> int:
    """The exit status."""
    broken = [line for side in SIDES for line in broken_promises(side)]
    for line in broken:
        print(line)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
