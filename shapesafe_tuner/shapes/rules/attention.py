"""Attention (``keras/src/layers/attention``)."""

from __future__ import annotations

from typing import Any

from shapesafe_tuner.shapes.dims import integer, known_channels, number, one
from shapesafe_tuner.shapes.registry import Rule, escalate, rule
from shapesafe_tuner.shapes.spec import Arguments, Call, Refused, Spec, Unknown

__all__ = ["Attention", "MultiHeadAttention"]

escalate("its heads share keys and values in groups", "GroupedQueryAttention")


@rule("Attention", "AdditiveAttention")
class Attention(Rule):
    """``attention.py`` and ``additive_attention.py``; widths are only compared in training."""

    masks = "own"
    accepts = ("use_causal_mask",)

    def configure(self, a: Arguments) -> None:
        if not 0 <= number(a.dropout, "dropout") < 1:
            raise Unknown("dropout is not between 0 and 1")
        mode = getattr(a, "score_mode", "additive")
        if mode not in ("dot", "concat", "additive"):
            raise Refused(f"takes no score_mode={mode!r}")
        a.score_mode = mode

    @staticmethod
    def _shapes(inputs: Any) -> tuple[Spec, Spec, Spec]:
        """Query, value and key."""
        if not isinstance(inputs, list) or not 2 <= len(inputs) <= 3:
            raise Refused("needs a list [query, value] or [query, value, key]")
        if not all(isinstance(item, Spec) and len(item.shape) > 1 for item in inputs):
            raise Unknown("its inputs are no sequences")
        return inputs[0], inputs[1], inputs[-1] if len(inputs) == 3 else inputs[1]

    def build(self, a: Arguments, inputs: Any) -> int:
        query, _, _ = self._shapes(inputs)
        scale = 1 if a.use_scale else 0
        if a.score_mode == "additive":
            return scale and known_channels(query, -1)
        return scale + int(a.score_mode == "concat")

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        query, value, key = self._shapes(inputs)
        if type(call.arguments.get("use_causal_mask", False)) is not bool:
            raise Unknown("use_causal_mask is not a bool")
        if call.step:
            self._check_step(a, query, value, key, call)
        return Spec((*query.shape[:-1], value.shape[-1]), a.compute_dtype, query.mask)

    @staticmethod
    def _check_step(a: Arguments, query: Spec, value: Spec, key: Spec, call: Call) -> None:
        specs = (query, value, key)
        if any(spec.mask is not None or len(spec.shape) != 3 for spec in specs):
            raise Unknown("masks take part in the scores, or there are more axes than three")
        if len({spec.shape[0] for spec in specs}) != 1:
            raise Unknown("its inputs are batches of different sizes")
        if call.built_on is not None and call.built_on[0].shape[-1] != query.shape[-1]:
            raise Unknown("it was built for another width")
        wide, high = query.shape[-1], key.shape[-1]
        alike = wide == high or (a.score_mode != "dot" and 1 in (wide, high))
        if not alike and None not in (wide, high):
            raise Refused(f"compares queries of width {wide} with keys of width {high}")
        steps, others = key.shape[1], value.shape[1]
        if steps != others and None not in (steps, others):
            raise Refused(f"needs as many values as keys, not {others} and {steps}")


@rule("MultiHeadAttention")
class MultiHeadAttention(Rule):
    """``multi_head_attention.py``: four projections, and softmax between two of them."""

    masks = "own"
    accepts = ("value", "key", "use_causal_mask")

    def configure(self, a: Arguments) -> None:
        for name in ("num_heads", "key_dim", "value_dim"):
            value = getattr(a, name)
            if name == "value_dim" and value is None:
                continue
            if isinstance(value, (float, str)) or value is None or integer(value, name) <= 0:
                raise Refused(f"needs {name} as a positive integer, not {value!r}")
        unusual = (a.attention_axes, a.sliding_window, a.flash_attention, a.use_gate or None)
        if any(value is not None for value in unusual):
            raise Unknown("it attends along chosen axes, in a window, or by other means")
        if a.output_shape is not None and integer(a.output_shape, "output_shape") <= 0:
            raise Unknown("output_shape is not positive")
        number(a.dropout, "dropout")

    def _shapes(self, a: Arguments, inputs: Any, call: Call) -> tuple[Spec, Spec, Spec]:
        query, value = one(inputs), call.arguments.get("value")
        if not isinstance(value, Spec):
            raise Unknown("it is called without a value")
        key = call.arguments.get("key") or value
        if not isinstance(key, Spec) or {len(s.shape) for s in (query, value, key)} != {3}:
            raise Unknown("its inputs are not all of rank 3")
        return query, value, key

    def weights(self, a: Arguments, inputs: Any, call: Call) -> int:
        """The number of weights; they depend on all inputs."""
        query, value, key = self._shapes(a, inputs, call)
        if value.shape[1] != key.shape[1]:
            raise Refused(f"needs as many values as keys, not {value.shape} and {key.shape}")
        if not 0 <= a.dropout <= 1:
            raise Refused(f"needs dropout between 0 and 1, not {a.dropout}")
        heads, width = a.num_heads, a.key_dim
        values = a.value_dim or width
        bias = 1 if a.use_bias else 0
        output = a.output_shape or known_channels(query, -1)
        return (  # type: ignore[no-any-return]
            (known_channels(query, -1) + bias) * heads * width
            + (known_channels(key, -1) + bias) * heads * width
            + (known_channels(value, -1) + bias) * heads * values
            + (heads * values + bias) * output
        )

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        query, value, key = self._shapes(a, inputs, call)
        if type(call.arguments.get("use_causal_mask", False)) is not bool:
            raise Unknown("use_causal_mask is not a bool")
        if value.shape[1] != key.shape[1]:
            raise Unknown("there are not as many values as keys")
        before = call.built_on
        if before is not None and before.shape[-1] != query.shape[-1]:
            raise Unknown("it was built for another width")
        if call.step:
            if any(spec.mask is not None for spec in (query, value, key)):
                raise Unknown("masks take part in the scores")
            if len({spec.shape[0] for spec in (query, value, key)}) != 1:
                raise Unknown("its inputs are batches of different sizes")
            if a.value_dim and a.value_dim != a.key_dim:
                raise Unknown("each backend has a fused attention of its own")
        width = a.output_shape or query.shape[-1]
        return Spec((*query.shape[:-1], width), a.compute_dtype, query.mask)
