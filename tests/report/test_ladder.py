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
    assert ladder.measure.startswith("Each bar is as wide as the side of the map;")
    assert [(rung.kind, rung.width) for rung in ladder.rungs] == [
        ("map", 100.0), ("map", 50.0), ("vector", 0.0), ("refused", 0.0),
    ]  # fmt: skip
    assert [rung.left for rung in ladder.rungs][:2] == [0.0, 25.0]
    assert ladder.rungs[1].shape == ("(?, 4, 4, 8)",)


def test_without_maps_bars_are_as_wide_as_the_features() -> None:
    ladder = ladder_of(rows((None, 10), (None, 20), (None, 5)))
    assert ladder is not None
    assert ladder.measure == "Each bar is as wide as the number of features."
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


def row(name: str, given: Any, gives: Any, *sources: int | str) -> LayerShape:
    return LayerShape(name, "Layer", given, gives, failed=gives is None, sources=sources or None)


def test_a_merge_shows_what_it_joins_and_where_that_comes_from() -> None:
    wide, narrow = (None, 32), (None, 16)
    ladder = ladder_of([
        row("stem", (None, 12), narrow, "features"),
        row("dense", narrow, wide, 0),
        LayerShape("other", "Layer", narrow, wide),  # leads elsewhere
        row("norm", wide, wide, 1),
        row("add", [narrow, wide], None, 0, 3),
    ])  # fmt: skip
    assert ladder is not None
    assert [rung.name for rung in ladder.rungs] == ["input", "stem", "dense", "norm", "add"]
    assert ladder.lanes == 2
    assert [rung.rail.lane for rung in ladder.rungs if rung.rail] == [0, 0, 1, 1, 0]
    last = ladder.rungs[-1]
    assert last.gets == (("(?, 16)", "stem"), ("(?, 32)", "norm"))
    assert [(line.start, line.end) for line in last.rail.lines] == [(0, 0), (1, 0)]
    assert [rung.after for rung in ladder.rungs] == ["", "", "", "", "stem, norm"]


def test_inputs_have_their_names_and_shapes_where_there_are_several() -> None:
    ladder = ladder_of([
        row("seen", (None, 14, 14, 1), (None, 14, 14, 8), "image"),
        row("both", [(None, 14, 14, 8), (None, 6)], None, 0, "table"),
    ])  # fmt: skip
    assert ladder is not None
    assert [(rung.name, rung.shape) for rung in ladder.rungs] == [
        ("image", ("(?, 14, 14, 1)",)), ("seen", ("(?, 14, 14, 8)",)), ("table", ("(?, 6)",)),
        ("both", ("refused",)),
    ]  # fmt: skip
    assert [rung.kind for rung in ladder.rungs] == ["map", "map", "vector", "refused"]


def test_more_channels_are_higher_and_sequences_are_as_wide_as_their_steps() -> None:
    ladder = ladder_of(rows((None, 20, 1), (None, 10, 16), (None, 10, 4)))
    assert ladder is not None
    assert ladder.measure.startswith("Each bar is as wide as the number of steps;")
    assert [rung.width for rung in ladder.rungs] == [100.0, 50.0, 50.0]
    assert [rung.height for rung in ladder.rungs] == [7.5, 18.0, 11.0]


def test_without_the_way_or_with_too_many_lanes_every_layer_is_drawn_and_no_line() -> None:
    known = [row(f"layer_{n}", (None, 4), (None, 4), "input") for n in range(20)]
    for last in (row("add", [(None, 4)] * 20, None, *range(20)), row("add", (None, 4), None)):
        ladder = ladder_of([*known, last])
        assert ladder is not None
        assert ladder.lanes == 0
        assert len(ladder.rungs) == 22
        assert not any(rung.rail or rung.gets for rung in ladder.rungs)
