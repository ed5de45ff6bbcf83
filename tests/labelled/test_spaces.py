"""Whole spaces against the labels, and random configurations of their leaves against real Keras."""

from __future__ import annotations

import random
from typing import Any

import pytest

from shapesafe_tuner._compat.keras_tuner.hypermodels import as_hypermodel, overrides
from shapesafe_tuner.space.conflicts import conflicts_of
from shapesafe_tuner.space.exploration import Exploration
from shapesafe_tuner.space.explorer import WIDEST, Leaf
from shapesafe_tuner.space.shares import Domains, completed
from shapesafe_tuner.tracing.data.reading import read_data
from shapesafe_tuner.tracing.judge import Judge
from shapesafe_tuner.tracing.question import Question
from tests.backends import labelled
from tests.labelled import label as labelling
from tests.labelled.judge import READ, labels_of
from tests.labelled.model import Space
from tests.labelled.spaces import ALL

pytestmark = pytest.mark.filterwarnings("ignore")

BUDGET, DEEP_BUDGET = 300, 20_000
SLICE = ALL[::4]
"""Spaces that every run explores; the marker ``deep`` explores all, and further."""


def explored(space: Space, budget: float) -> Exploration:
    model = as_hypermodel(space.build)
    own_fit = "fit is overridden" if overrides(model, "fit") else None
    given = {name: part for name, part in space.data().items() if name in READ}
    judge = Judge(Question(model.build, read_data(**given, as_fit=True), own_fit))
    known = Exploration(judge, None)
    known.explore(budget)
    return known


def hold(space: Space, budget: float, real: int) -> None:
    known = explored(space, budget)
    names = dict.fromkeys(name for leaf in known.leaves for name in leaf.values)
    conflicts = conflicts_of(known.items, Domains(names, known.declared, WIDEST))
    assert sum(item.share for item in known.items) == 1
    for label in labels_of(space):
        values = label["values"]
        trains = label["build"] == "ok" and label["fit"] == "ok"
        leaves = [leaf for leaf in known.leaves if leaf.values.items() <= values.items()]
        # The leaves are disjoint.
        assert len(leaves) <= 1, values
        for leaf in leaves:
            assert leaf.feasible in (trains, None), (values, leaf.values, label["message"])
        for conflict in conflicts:
            inside = all(values.get(n, n) in some for n, some in conflict.values.items())
            assert not (trains and inside), (values, conflict.values)
    generator = random.Random(space.name)
    for feasible in (True, False):
        leaves = [leaf for leaf in known.leaves if leaf.feasible is feasible]
        for leaf in generator.sample(leaves, min(real, len(leaves))):
            hold_leaf(space, leaf, known.declared, generator)


def hold_leaf(space: Space, leaf: Leaf, declared: list[Any], generator: random.Random) -> None:
    """What was not demanded may have any value: Keras builds and fits one at random."""
    box = Leaf(leaf.values, leaf.share, None)
    (values,) = completed([box], declared, 1, generator.randrange(2**31))
    hp = labelling.Recorder(values)
    model, error = labelling.build(space, hp)
    if error is None:
        error = labelling.fit(model, space)
    assert (error is None) == leaf.feasible, (values, dict(leaf.values), error)


@pytest.mark.parametrize("space", labelled(SLICE), ids=lambda space: space.name)
def test_leaves_agree_with_keras(space: Space) -> None:
    hold(space, BUDGET, 1)


@pytest.mark.deep
@pytest.mark.parametrize("space", labelled(ALL), ids=lambda space: space.name)
def test_leaves_agree_with_keras_everywhere(space: Space) -> None:
    hold(space, DEEP_BUDGET, 8)
