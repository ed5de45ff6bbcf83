"""The ladder of maps: what is measured, what is drawn, how much of it."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from shapesafe_tuner.report.ladder import ladder_of
from shapesafe_tuner.verdict import LayerShape


def rows(*shapes: Any, failed: bool = False) -> list[LayerShape]:
    """Layers, each of which takes what the one before it gives."""
    found = [
        LayerShape(f"layer_{number}", "Layer", before, after, number)
        for number, (before, after) in enumerate(itertools.pairwise(shapes))
    ]
    if failed:
        found.append(LayerShape("last", "Layer", shapes[-1], None, None, True))
    return found


def test_no_layers_no_ladder() -> None:
    assert ladder_of(()) is None


def test_bars_are_as_wide_as_the_side_of_the_map() -> None:
    ladder = ladder_of(rows((None, 16, 4, 3), (None, 4, 4, 8), (None, 128), failed=True))
    assert ladder is not None
    assert ladder.measure == "the side of the map"
    assert [(rung.kind, rung.width) for rung in ladder.rungs] == [
        ("map", 100.0), ("map", 50.0), ("vector", 0.0), ("refused", 0.0),
    ]  # fmt: skip
    assert [rung.left for rung in ladder.rungs][:2] == [0.0, 25.0]
    assert ladder.rungs[1].shape == ("(?, 4, 4, 8)",)


def test_without_maps_bars_are_as_wide_as_the_features() -> None:
    ladder = ladder_of(rows((None, 10), (None, 20), (None, 5)))
    assert ladder is not None
    assert ladder.measure == "the number of features"
    assert [rung.width for rung in ladder.rungs] == [50.0, 100.0, 25.0]


@pytest.mark.parametrize(
    ("shape", "width"),
    [((None, 1, 1, 4), 2.0), ((None, None, 50, 4), 50.0), ((None, None, None, 4), 0.0),
     ([(None, 25, 4), (None, 75, 4)], 75.0), ({"a": (None, 25, 4)}, 25.0), (None, 0.0), ((), 0.0)],
)  # fmt: skip
def test_unknown_sizes_nested_shapes_and_tiny_maps(shape: Any, width: float) -> None:
    ladder = ladder_of(rows((None, 100, 100, 3), shape))
    assert ladder is not None
    assert ladder.rungs[1].width == width


def test_of_a_deep_model_the_start_and_the_end_are_drawn() -> None:
    ladder = ladder_of(rows(*((None, 200 - number, 4) for number in range(100)), failed=True))
    assert ladder is not None
    assert len(ladder.rungs) == 37
    assert ladder.rungs[6].shape == ("65 more layers",)
    assert ladder.rungs[6].kind == "more"
    assert ladder.rungs[0].name == "input"
    assert ladder.rungs[-1].name == "last"
