"""What ``Layer.__call__`` does around a layer's own code, for a rule."""

from __future__ import annotations

import dataclasses
from typing import Any

from shapesafe_tuner._compat.keras.versions import CASTS_DROP_MASKS
from shapesafe_tuner.shapes.registry import Configured
from shapesafe_tuner.shapes.spec import STRING, Call, Spec, Specs, Unknown, walk
from shapesafe_tuner.structures import map_leaves

__all__ = ["apply"]

_FLOATS = frozenset(["float16", "float32", "float64", "bfloat16"])


def apply(configured: Configured, inputs: Specs, call: Call) -> tuple[int, Specs]:
    """Build a layer if this is its first call, and call it.

    Args:
        configured: the layer.
        inputs: ``Spec`` or a structure of them.
        call: what else is known of the call.

    Returns:
        The number of weights that this call made, and the outputs.

    Raises:
        Refused: Keras raises.
        Unknown: the rule cannot say.
    """
    rule, a = configured.rule, configured.arguments
    unknown = [name for name in call.arguments if name not in rule.accepts]
    if unknown:
        raise Unknown(f"{a.layer_type} is called with {unknown[0]}")
    given = autocast(inputs, a.compute_dtype)
    if call.arguments:
        further = autocast(dict(call.arguments), a.compute_dtype)
        call = dataclasses.replace(call, arguments=further)
    specs = [*walk(given), *walk(dict(call.arguments))]
    if any(spec.dtype == STRING for spec in specs):
        raise Unknown(f"{a.layer_type} is called on text")
    if rule.dtypes == "float" and any(spec.dtype not in _FLOATS for spec in specs):
        raise Unknown(f"{a.layer_type} is called on {[spec.dtype for spec in specs]}")
    masked = rule.masks != "own" and any(spec.mask is not None for spec in specs)
    mask = None
    if masked:
        mask = specs[0].mask
        if rule.masks == "pass" and not isinstance(given, Spec):
            raise Unknown("masks come from several inputs")
        given = without_masks(given)
    parameters = rule.weights(a, given, call) if call.built_on is None else 0
    outputs = rule.call(a, given, call)
    if masked and rule.masks == "pass":
        if not isinstance(outputs, Spec):
            raise Unknown("a mask goes to several outputs")
        outputs = outputs._replace(mask=mask)
    return parameters, outputs


def autocast(inputs: Specs, dtype: str) -> Specs:
    """Floating inputs in the layer's compute dtype (``DTypePolicy.convert_input``)."""

    def cast(leaf: Any) -> Any:
        if type(leaf) is not Spec or leaf.dtype == dtype or leaf.dtype not in _FLOATS:
            return leaf
        return leaf._replace(dtype=dtype, mask=None if CASTS_DROP_MASKS else leaf.mask)

    return map_leaves(cast, inputs)


def without_masks(inputs: Specs) -> Specs:
    """The same without masks."""
    return map_leaves(lambda leaf: leaf._replace(mask=None) if type(leaf) is Spec else leaf, inputs)
