"""Reshaping, cropping and padding against fresh Keras layers."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from shapesafe_tuner.shapes.spec import Spec
from tests.shapes.drawing import concrete, differential, flawed, shapes

_FORMATS = st.sampled_from([None, "channels_last", "channels_last", "channels_first"])
_WRONG: dict[str, Any] = {
    "data_format": st.sampled_from(["last", "CHANNELS_LAST"]),
    "dims": st.sampled_from([(0, 1), (1, 3), (2, 2), (1, 1, 2), (-1, 1)]),
    "n": st.sampled_from([0, -1, 2.0, True, None]),
    "target_shape": st.sampled_from([(-1, -1), (-2, 3), (5, 7), (0, -1), (1, 11)]),
    "size": st.sampled_from([0, -1, 1.5, (2,), (2, 2, 2, 2), True]),
    "cropping": st.sampled_from([-1, (1,), (9, 9), ((9, 0), (0, 0)), (1, -1), ((1, 1),)]),
    "padding": st.sampled_from([(1,), (1, -1), ((1, 1),), ((1, 2), (1, 2, 3)), "same"]),
    "interpolation": st.sampled_from(["cubic", "bogus"]),
}


def _case(
    draw: Any, arguments: dict[str, Any], rank: int, *, step: bool, free: bool = False
) -> Any:
    arguments = flawed(draw, arguments, {key: _WRONG[key] for key in arguments})
    if free:
        shape = draw(shapes(rank, 5, high=8, unknown=not step))
    else:
        rank = rank if step else draw(st.sampled_from([rank] * 10 + [max(1, rank - 1), rank + 1]))
        shape = draw(shapes(rank, rank, high=8, unknown=not step))
    spec = Spec(shape, "float32", draw(st.sampled_from([None, None, shape[:-1] or None])))
    return arguments, concrete(draw, spec) if step else spec


@st.composite
def _flatten(draw: Any, *, step: bool) -> Any:
    formats = None if step else draw(_FORMATS)
    return _case(draw, {"data_format": formats}, 1, step=step, free=True)


@st.composite
def _permute(draw: Any, *, step: bool) -> Any:
    rank = draw(st.integers(1, 4))
    dims = draw(st.permutations(range(1, rank + 1)))
    return _case(draw, {"dims": tuple(dims)}, rank + 1, step=step)


@st.composite
def _repeat(draw: Any, *, step: bool) -> Any:
    return _case(draw, {"n": draw(st.integers(1, 5))}, 2, step=step)


@st.composite
def _reshape(draw: Any, *, step: bool) -> Any:
    sizes = draw(st.lists(st.sampled_from([1, 2, 2, 3, 4, 6]), min_size=1, max_size=4))
    target = list(draw(st.permutations(sizes)))
    if len(target) > 1 and draw(st.booleans()):
        target = [target[0] * target[1], *target[2:]]
    if draw(st.booleans()):
        target[draw(st.integers(0, len(target) - 1))] = -1
    arguments = flawed(
        draw, {"target_shape": tuple(target)}, {"target_shape": _WRONG["target_shape"]}
    )
    if not step and draw(st.integers(0, 5)) == 5:
        sizes[0] = None
    spec = Spec((None, *sizes), draw(st.sampled_from(["float32", "int32"])))
    return arguments, concrete(draw, spec) if step else spec


@st.composite
def _up(draw: Any, rank: int, *, step: bool) -> Any:
    whole = st.integers(1, 4)
    arguments: dict[str, Any] = {"size": draw(whole)}
    if rank > 1:
        arguments["size"] = draw(whole | st.tuples(*[whole] * rank))
        arguments["data_format"] = None if step else draw(_FORMATS)
    if rank == 2:
        arguments["interpolation"] = draw(st.sampled_from(["nearest", "bilinear", "Bicubic"]))
    return _case(draw, arguments, rank + 2, step=step)


@st.composite
def _borders(draw: Any, rank: int, name: str, *, step: bool) -> Any:
    whole = st.integers(0, 3)
    pairs = [draw(whole | st.tuples(whole, whole)) for _ in range(rank)]
    value = pairs[0] if rank == 1 else draw(st.sampled_from([tuple(pairs), draw(whole)]))
    arguments = {name: value}
    if name == "padding" or rank > 1:
        arguments["data_format"] = None if step else draw(_FORMATS)
    return _case(draw, arguments, rank + 2, step=step)


def _cases(*, step: bool) -> dict[str, Any]:
    return {
        "Flatten": _flatten(step=step),
        "Permute": _permute(step=step),
        "RepeatVector": _repeat(step=step),
        "Reshape": _reshape(step=step),
        **{f"UpSampling{n}D": _up(n, step=step) for n in (1, 2, 3)},
        **{f"Cropping{n}D": _borders(n, "cropping", step=step) for n in (1, 2, 3)},
        **{f"ZeroPadding{n}D": _borders(n, "padding", step=step) for n in (1, 2, 3)},
    }


test_reshaping = differential("reshaping", _cases(step=False))
test_reshaping_in_training = differential("reshaping", _cases(step=True), step=True, count=25)
