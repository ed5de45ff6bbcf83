"""How large the lazy tree of a space is, before it is explored."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

from shapesafe_tuner._compat.keras_tuner.domains import domain, random_value
from shapesafe_tuner._compat.types import HyperParameters
from shapesafe_tuner.space.explorer import Conclusion, Explorer
from shapesafe_tuner.tracing.judge import Judge

__all__ = ["Size", "estimated_runs"]


@dataclasses.dataclass(frozen=True)
class Size:
    """What it takes to explore a space.

    Attributes:
        runs: of ``build``, estimated.
        cost: the same, with a run on the classes of Keras counted as 50.
        spent: runs of this estimate.
        widest: the most values of one hyperparameter that decides.
        endless: a hyperparameter that decides and has infinitely many values, or None.
    """

    runs: float = 0.0
    cost: float = 0.0
    spent: int = 0
    widest: int = 0
    endless: str | None = None


def estimated_runs(
    judge: Judge, space: HyperParameters | None, *, descents: int = 20, seed: int = 0
) -> Size:
    """Estimate the number of runs by random descents.

    The product of the numbers of branches on the way down is an unbiased estimate of the nodes at
    each depth (Knuth, *Estimating the efficiency of backtrack programs*, Math. Comp. 1975).

    Args:
        judge: judges configurations.
        space: the ``HyperParameters`` registered so far, or None.
        descents: how many.
        seed: of the descents.
    """
    generator = random.Random(seed)
    explorer = Explorer(judge, space, widest=None)
    nodes = widest = 0
    for _ in range(descents):
        values: dict[str, Any] = {}
        width = 1
        while True:
            nodes += width
            node = explorer.recall(values)
            if isinstance(node, Conclusion):
                break
            parameter = node.parameter
            known = domain(parameter)
            if known is None:
                return Size(endless=parameter.name)
            width *= len(known)
            widest = max(widest, len(known))
            values[parameter.name] = random_value(parameter, generator.randrange(2**31))
    runs = nodes / descents
    return Size(runs, runs * explorer.cost / explorer.runs, explorer.runs, widest)
