"""Attention against fresh Keras layers."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from shapesafe_tuner.shapes.spec import Spec
from tests.shapes.drawing import concrete, differential, flawed

_WRONG: dict[str, Any] = {
    "num_heads": st.sampled_from([0, -1, 2.0, None]),
    "key_dim": st.sampled_from([0, -4, 1.5, None]),
    "value_dim": st.sampled_from([0, -2]),
    "dropout": st.sampled_from([-0.5, 1.5, 1]),
    "attention_axes": st.sampled_from([1, (1, 2)]),
}


@st.composite
def _multi_head(draw: Any, *, step: bool) -> Any:
    arguments = {
        "num_heads": draw(st.integers(1, 4)),
        "key_dim": draw(st.integers(1, 5)),
        "value_dim": draw(st.sampled_from([None, None, 3])),
        "dropout": draw(st.sampled_from([0, 0.0, 0.2])),
        "use_bias": draw(st.booleans()),
        "output_shape": draw(st.sampled_from([None, None, 4])),
    }
    size = st.integers(1, 6) if step else st.sampled_from([1, 2, 3, 4, 5, 6, None])

    def spec(steps: Any, width: Any) -> Spec:
        mask = (None, steps) if draw(st.sampled_from([False] * 23 + [True])) else None
        return Spec((None, steps, width), "float32", mask)

    query = spec(draw(size), draw(st.integers(1, 6)))
    same = query.shape[1:]
    value = spec(*draw(st.sampled_from([same, same, (draw(size), draw(st.integers(1, 6)))])))
    if not draw(st.integers(0, 9)):
        query = Spec((*query.shape, 2))
    further: dict[str, Any] = {"value": value}
    if draw(st.booleans()):
        steps = value.shape[1] if draw(st.integers(0, 5)) else draw(size)
        further["key"] = spec(steps, draw(st.integers(1, 6)))
    if step:
        batch = draw(st.integers(2, 4))
        query = concrete(draw, query, batch)
        further = {name: concrete(draw, item, batch) for name, item in further.items()}
    if draw(st.booleans()):
        further["use_causal_mask"] = draw(st.booleans())
    return flawed(draw, arguments, _WRONG), query, further


@st.composite
def _scored(draw: Any, layer: str, *, step: bool) -> Any:
    arguments: dict[str, Any] = {
        "use_scale": draw(st.booleans()),
        "dropout": draw(st.sampled_from([0, 0.0, 0.2])),
    }
    if layer == "Attention":
        arguments["score_mode"] = draw(st.sampled_from(["dot", "dot", "concat"]))
    wrong = {"score_mode": st.just("cosine"), "dropout": st.just(1.5)}
    size = st.integers(1, 5) if step else st.sampled_from([1, 2, 3, 4, 5, None])
    width = draw(st.integers(1, 4))
    usual = st.sampled_from([width] * 4 + [1, 5])
    specs = []
    steps = None
    for _ in range(draw(st.sampled_from([2, 2, 2, 3, 3, 1, 4]))):
        steps = draw(size) if len(specs) < 2 or not draw(st.integers(0, 6)) else steps
        shape: tuple[Any, ...] = (None, steps, draw(usual))
        mask = shape[:-1] if draw(st.sampled_from([False] * 11 + [True])) else None
        specs.append(Spec(shape, "float32", mask))
    if step:
        batch = draw(st.integers(2, 4))
        specs = [concrete(draw, item, batch) for item in specs]
    further = {"use_causal_mask": draw(st.booleans())} if draw(st.booleans()) else {}
    inputs: Any = specs if draw(st.integers(0, 9)) else specs[0]
    return flawed(draw, arguments, wrong), inputs, further


def _cases(*, step: bool) -> dict[str, Any]:
    return {
        "MultiHeadAttention": _multi_head(step=step),
        **{name: _scored(name, step=step) for name in ("Attention", "AdditiveAttention")},
    }


test_attention = differential("attention", _cases(step=False))
test_attention_in_training = differential("attention", _cases(step=True), step=True, count=40)
