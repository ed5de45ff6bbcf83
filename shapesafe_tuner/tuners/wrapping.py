"""``shape_safe``: a shape-safe subclass of any tuner class."""

from __future__ import annotations

from typing import Any, cast

import keras_tuner

from shapesafe_tuner.tuners.mixin import ShapeSafeTuner

__all__ = ["shape_safe"]

_SETTINGS = ("on_infeasible", "constraints", "check_training_step")


def shape_safe(tuner_class: type) -> type:
    """Make any subclass of ``keras_tuner.Tuner`` shape-safe.

    Args:
        tuner_class: the class; what it overrides stays overridden.

    Returns:
        A subclass of it that also takes the arguments of :class:`ShapeSafeTuner`.

    Raises:
        TypeError: it is not a ``keras_tuner.Tuner``; ``SklearnTuner``, for one, is not.
    """
    wanted = "shape_safe takes a subclass of keras_tuner.Tuner"
    if not isinstance(tuner_class, type):
        raise TypeError(f"{wanted}, not {tuner_class!r}: pass the class itself.")
    if not issubclass(tuner_class, keras_tuner.Tuner):
        raise TypeError(
            f"{wanted}, which {tuner_class.__name__} is not: "
            "it builds no Keras models, so there are no shapes to check. Use it as it is."
        )
    if issubclass(tuner_class, ShapeSafeTuner):
        return tuner_class
    if issubclass(ShapeSafeTuner, tuner_class):
        return ShapeSafeTuner

    def initialise(self: Any, *args: Any, **kwargs: Any) -> None:
        self._set_up(**{name: kwargs.pop(name) for name in _SETTINGS if name in kwargs})
        # Whether the class has a constructor, and calls the next one or KerasTuner's by name.
        super(cast(Any, safe), self).__init__(*args, **kwargs)
        self._get_ready()

    body = {"__init__": initialise, "__doc__": tuner_class.__doc__, "__module__": __name__}
    safe: type = type(tuner_class.__name__, (tuner_class, ShapeSafeTuner), body)
    return safe
