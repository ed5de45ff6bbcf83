"""Layers for images against fresh Keras layers."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.shapes.drawing import differential, drawn_spec, flawed

_FORMAT = st.sampled_from([None, "channels_last", "channels_first"])
_FACTOR = st.sampled_from([0, 0.1, 0.5, (-0.2, 0.3), (0.1, 0.4), [-0.1, 0.1]])
_WRONG: dict[str, Any] = {
    "factor": st.sampled_from([1.5, -0.5, None, (0.1,), (-0.5, 0.2)]),
    "height_factor": st.sampled_from([1.5, -1.0, None, (0.1,)]),
    "width_factor": st.sampled_from([1.5, -1.0, None, (0.1,)]),
    "height": st.sampled_from([0, -1, None, 2.0]),
    "width": st.sampled_from([0, -1, None, 2.0]),
    "data_format": st.sampled_from(["last", "CHANNELS_LAST"]),
    "interpolation": st.sampled_from(["cubic", "bicubic"]),
    "fill_mode": st.sampled_from(["mirror"]),
    "mode": st.sampled_from(["diagonal", None]),
    "scale": st.sampled_from(["1", None]),
}


def _flawed(draw: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    return flawed(draw, arguments, {name: _WRONG[name] for name in arguments if name in _WRONG})


@st.composite
def _image(draw: Any, *, step: bool) -> Any:
    rank = draw(st.sampled_from([4] * 12 + [2, 3, 5]))
    dtypes = ("float32", "float32", "float64")
    return draw(drawn_spec(rank, rank, step=step, masked=30, known=True, dtypes=dtypes))


@st.composite
def _sized(draw: Any, *, step: bool) -> Any:
    side = st.integers(1, 9)
    arguments = {"height": draw(side), "width": draw(side), "data_format": draw(_FORMAT)}
    return _flawed(draw, arguments), draw(_image(step=step))


@st.composite
def _augmented(draw: Any, layer: str, *, step: bool) -> Any:
    arguments: dict[str, Any] = {}
    if layer in ("RandomRotation", "RandomBrightness"):
        arguments["factor"] = draw(_FACTOR)
    if layer == "RandomContrast":
        arguments["factor"] = draw(st.sampled_from([0.1, 0.5, (0.1, 0.4)]))
    if layer in ("RandomZoom", "RandomTranslation"):
        arguments["height_factor"] = draw(_FACTOR)
        arguments["width_factor"] = draw(_FACTOR)
    if layer in ("RandomRotation", "RandomZoom", "RandomTranslation"):
        arguments["fill_mode"] = draw(st.sampled_from(["reflect", "constant"]))
        arguments["interpolation"] = draw(st.sampled_from(["nearest", "bilinear"]))
    if layer == "RandomFlip":
        arguments["mode"] = draw(st.sampled_from(["horizontal", "vertical"]))
    arguments["seed"] = draw(st.sampled_from([None, 1]))
    return _flawed(draw, arguments), draw(_image(step=step))


@st.composite
def _rescaling(draw: Any, *, step: bool) -> Any:
    arguments: dict[str, Any] = {"scale": draw(st.sampled_from([1 / 255, 2]))}
    dtypes = ("float32", "uint8", "int32", "float64")
    spec = draw(drawn_spec(1, 5, step=step, dtypes=dtypes))
    arguments["offset"] = draw(st.sampled_from([0.0, -1, 0.5]))
    return _flawed(draw, arguments), spec


_AUGMENTING = (
    "RandomFlip RandomRotation RandomZoom RandomTranslation RandomContrast RandomBrightness".split()
)


def _cases(*, step: bool) -> dict[str, Any]:
    return {
        "Rescaling": _rescaling(step=step),
        **{name: _sized(step=step) for name in ("Resizing", "CenterCrop", "RandomCrop")},
        **{name: _augmented(name, step=step) for name in _AUGMENTING},
    }


test_images = differential("images", _cases(step=False))
test_images_in_training = differential("images", _cases(step=True), step=True, count=20)
