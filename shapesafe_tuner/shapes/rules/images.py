"""Layers that prepare or augment images (``keras/src/layers/preprocessing``)."""

from __future__ import annotations

from typing import Any

from shapesafe_tuner.shapes.dims import integer, number, one
from shapesafe_tuner.shapes.layout import check_data_format
from shapesafe_tuner.shapes.registry import Rule, escalate, rule
from shapesafe_tuner.shapes.spec import Arguments, Call, Refused, Spec, Unknown

__all__ = ["Augmentation", "Rescaling", "Sized"]

escalate(
    "what it does to an image is composed of other layers",
    "AugMix", "AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization", "CutMix",
    "Equalization", "MaxNumBoundingBoxes", "MixUp", "Pipeline", "RandAugment",
    "RandomColorDegeneration", "RandomColorJitter", "RandomElasticTransform", "RandomErasing",
    "RandomGaussianBlur", "RandomGrayscale", "RandomHue", "RandomInvert", "RandomPerspective",
    "RandomPosterization", "RandomSaturation", "RandomSharpness", "RandomShear", "Solarization",
)  # fmt: skip
escalate("it computes spectra with operations of the backend", "MelSpectrogram", "STFTSpectrogram")

_INTERPOLATIONS = ("nearest", "bilinear")
_FILL_MODES = ("reflect", "wrap", "constant", "nearest")
_FACTORS = {
    "RandomRotation": ("factor",),
    "RandomZoom": ("height_factor", "width_factor"),
    "RandomTranslation": ("height_factor", "width_factor"),
    "RandomContrast": ("factor",),
    "RandomBrightness": ("factor",),
    "RandomFlip": (),
}
_FLIPS = ("horizontal", "vertical", "horizontal_and_vertical")


def image_of(inputs: Any) -> Spec:
    """A batch of images, or nothing that rules know."""
    spec = one(inputs)
    if len(spec.shape) != 4:
        raise Unknown("it is called on what is no batch of images")
    return spec


@rule("Rescaling")
class Rescaling(Rule):
    """``rescaling.py`` with plain numbers."""

    dtypes = "any"
    masks = "pass"

    def configure(self, a: Arguments) -> None:
        number(a.scale, "scale")
        number(a.offset, "offset")

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        return Spec(one(inputs).shape, a.compute_dtype)


@rule("Resizing", "CenterCrop", "RandomCrop")
class Sized(Rule):
    """``resizing.py``, ``center_crop.py`` and ``random_crop.py``: the size that was asked for.

    An image smaller than a crop is resized to it. Out of training a random crop leaves it alone.
    """

    def configure(self, a: Arguments) -> None:
        check_data_format(a)
        for name in ("height", "width"):
            if integer(getattr(a, name), name) <= 0:
                raise Unknown(f"{name} is not positive")
        if a.layer_type != "Resizing":
            return
        if a.interpolation not in _INTERPOLATIONS or a.fill_mode != "constant":
            raise Unknown("it interpolates or fills in an unusual way")
        number(a.fill_value, "fill_value")
        if a.crop_to_aspect_ratio is not False or a.pad_to_aspect_ratio is not False:
            raise Unknown("it keeps the aspect ratio")

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        spec = image_of(inputs)
        last = a.data_format == "channels_last"
        sides = spec.shape[1:3] if last else spec.shape[2:]
        if None in sides or a.compute_dtype != "float32":
            raise Unknown("the image has an unknown size, or no ordinary numbers")
        if a.layer_type == "RandomCrop" and call.step == "evaluation":
            return Spec(spec.shape, spec.dtype)
        if last:
            shape = (spec.shape[0], a.height, a.width, spec.shape[3])
        else:
            shape = (*spec.shape[:2], a.height, a.width)
        return Spec(shape, a.compute_dtype)


@rule("RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation")
@rule("RandomContrast", "RandomBrightness")
class Augmentation(Rule):
    """``image_preprocessing/random_*.py`` with ordinary arguments: images keep their shape."""

    def configure(self, a: Arguments) -> None:
        check_data_format(a) if hasattr(a, "data_format") else None
        for name in _FACTORS[a.layer_type]:
            factor = getattr(a, name)
            if factor is None and name == "width_factor" and a.layer_type == "RandomZoom":
                continue
            low, high = (
                factor if type(factor) in (tuple, list) and len(factor) == 2 else (factor,) * 2
            )
            if not all(-1 < number(end, name) <= 1 for end in (low, high)):
                raise Unknown(f"{name} is not between -1 and 1")
            if a.layer_type == "RandomContrast" and not 0 <= low <= high:
                raise Unknown("a contrast is negative")
        for name, known in (("interpolation", _INTERPOLATIONS), ("fill_mode", _FILL_MODES)):
            if getattr(a, name, known[0]) not in known:
                raise Refused(f"takes no {name}={getattr(a, name)!r}")
        if getattr(a, "mode", _FLIPS[0]) not in _FLIPS:
            raise Unknown("it flips in an unusual way")
        if getattr(a, "value_range", (0, 255)) not in ((0, 255), [0, 255], (0, 1), [0, 1]):
            raise Unknown("its images have an unusual range")

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        spec = image_of(inputs)
        if a.compute_dtype != "float32":
            raise Unknown("images have no ordinary numbers")
        if call.step and None in spec.shape:
            raise Unknown("the image has an unknown size")
        return Spec(spec.shape, a.compute_dtype)
