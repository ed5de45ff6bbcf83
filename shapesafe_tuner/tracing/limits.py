"""What a user rules out besides what Keras refuses: constraints, and models that are too large."""

from __future__ import annotations

from collections.abc import Iterable

from shapesafe_tuner._compat.keras_tuner.configurations import RecordedHyperParameters
from shapesafe_tuner._compat.keras_tuner.quick import QuickHyperParameters, StockNeeded
from shapesafe_tuner._compat.types import Model
from shapesafe_tuner.tracing.environment import call_unseen
from shapesafe_tuner.tracing.question import Constraint
from shapesafe_tuner.tracing.shape_table import count_parameters
from shapesafe_tuner.verdict import ShapeFault, Verdict

__all__ = ["oversized", "refused_by"]


def refused_by(constraints: Iterable[Constraint], hp: RecordedHyperParameters) -> Verdict | None:
    """The verdict of the first constraint that refuses a configuration, if one does."""
    for constraint in constraints:
        if not _holds(constraint, hp):
            name = getattr(constraint, "__name__", type(constraint).__name__)
            fault = ShapeFault(
                layer=None,
                layer_type=None,
                reason=f"The constraint {name} refuses this configuration.",
                hyperparameters=hp.values.read() or dict(hp.values),
            )
            return Verdict(False, "declared", fault)
    return None


def _holds(constraint: Constraint, hp: RecordedHyperParameters) -> bool:
    """Whether a configuration meets a constraint, which may ask for more than its values."""
    try:
        return bool(call_unseen(constraint, hp))
    except StockNeeded:
        assert isinstance(hp, QuickHyperParameters)
        return bool(call_unseen(constraint, hp.as_stock()))


def oversized(model: Model, hp: RecordedHyperParameters, most: int | None) -> ShapeFault | None:
    """Why a model is too large, if it is.

    Args:
        model: built by Keras.
        hp: the configuration, which recorded what was read.
        most: trainable parameters it may have; None for any number.
    """
    size = count_parameters(model, trainable_only=True)
    if not most or size is None or size <= most:
        return None
    return ShapeFault(
        layer=None,
        layer_type=None,
        reason=(
            f"Oversized model: {size:,} trainable parameters, more than max_model_size={most:,}."
        ),
        hyperparameters=hp.values.read(),
    )
