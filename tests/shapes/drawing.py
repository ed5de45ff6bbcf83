"""How the differential tests draw layers and inputs, valid, edge and invalid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from shapesafe_tuner.shapes.spec import Spec
from shapesafe_tuner.testing import Answer, check_rule

__all__ = ["concrete", "differential", "drawn_spec", "flawed", "maybe", "shapes", "specs"]

MANY = "convolution pooling reshaping merging".split()


def shapes(
    min_rank: int = 1, max_rank: int = 5, *, low: int = 1, high: int = 12, unknown: bool = True
) -> st.SearchStrategy[tuple[int | None, ...]]:
    """Shapes with an unknown batch axis; ranks count it."""
    size: st.SearchStrategy[Any] = st.integers(low, high)
    if unknown:
        size = st.one_of(size, size, size, size, size, st.none())
    return st.lists(size, min_size=min_rank - 1, max_size=max_rank - 1).map(
        lambda rest: (None, *rest)
    )


def specs(*args: Any, dtypes: tuple[str, ...] = ("float32",), **kwargs: Any) -> Any:
    """``Spec`` of drawn shapes."""
    drawn = st.tuples(shapes(*args, **kwargs), st.sampled_from(dtypes))
    return drawn.map(lambda found: Spec(*found))


def maybe(strategy: Any, value: Any = None) -> Any:
    """Mostly what ``strategy`` draws, sometimes ``value``."""
    return st.one_of(strategy, strategy, strategy, st.just(value))


def concrete(draw: Any, spec: Spec, batch: int | None = None) -> Spec:
    """The same on a batch of known size."""
    size = batch or draw(st.integers(2, 5))
    mask = None if spec.mask is None else (size, *spec.mask[1:])
    return Spec((size, *spec.shape[1:]), spec.dtype, mask)


@st.composite
def drawn_spec(
    draw: Any,
    low: int,
    high: int,
    *,
    step: bool,
    masked: int = 5,
    dtypes: tuple[str, ...] = ("float32", "float32", "float32", "float64"),
    sizes: Any = None,
    known: bool = False,
) -> Spec:
    """One input of a layer, one in ``masked`` with a mask, of known sizes in a training step."""
    shape = draw(shapes(low, high, high=8, unknown=not step and not known))
    if sizes is not None:
        shape = (None, *[size and draw(sizes) for size in shape[1:]])
    mask = (shape[:-1] or None) if draw(st.sampled_from([False] * (masked - 1) + [True])) else None
    spec = Spec(shape, draw(st.sampled_from(dtypes)), mask)
    return concrete(draw, spec) if step else spec


def flawed(draw: Any, arguments: dict[str, Any], flaws: dict[str, Any]) -> dict[str, Any]:
    """The arguments, in a third of the cases with one flaw: a wrong value, a stranger or a gap.

    Args:
        draw: Hypothesis's.
        arguments: valid ones.
        flaws: by name, a strategy of wrong values.
    """
    if draw(st.sampled_from([False, False, True])):
        name = draw(st.sampled_from([*sorted(flaws), "unitz", "gap"]))
        if name == "unitz":
            return {**arguments, "unitz": 1}
        if name == "gap":
            gap = draw(st.sampled_from(sorted(arguments)))
            return {key: value for key, value in arguments.items() if key != gap}
        return {**arguments, name: draw(flaws[name])}
    return arguments


def differential(
    family: str,
    cases: dict[str, Any],
    *,
    step: bool = False,
    count: int | None = None,
    smoke: bool = False,
) -> Callable[..., None]:
    """A test that holds every rule of a family against fresh layers.

    Args:
        family: name of the module of rules.
        cases: by class name, a strategy of (arguments, inputs) or (arguments, inputs, arguments
            of the call).
        step: compare with traced training steps; inputs must then have known sizes.
        count: draws a layer; by default 90, and in a deep run 5,000 or 1,000.
        smoke: draw some in the quick run too.
    """
    deep = 5000 if family in MANY else 1000
    usual = pytest.param(count or 90, marks=pytest.mark.smoke if smoke else ())
    counts = [usual, pytest.param(count * 5 if count else deep, marks=pytest.mark.deep)]

    @pytest.mark.parametrize("draws", counts)
    @pytest.mark.parametrize("name", sorted(cases))
    def test(name: str, draws: int) -> None:
        seen: dict[str, int] = {}

        @settings(
            max_examples=draws,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        @given(cases[name])
        def hold(case: Any) -> None:
            arguments, inputs, *further = case
            keras.utils.clear_session(free_memory=False)
            answer: Answer = check_rule(
                getattr(keras.layers, name),
                arguments,
                inputs,
                call_arguments=further[0] if further else None,
                step=step,
            )
            # What no signature has is not for a rule to decide: a base may take it.
            says = "misspelt" if "unitz" in arguments else answer.says
            seen[says] = seen.get(says, 0) + 1

        hold()
        total = sum(seen.values())
        assert seen.get("feasible", 0) >= total / 10, f"{name}: {seen}"
        # A rule that never commits itself would agree with everything; few draws vary more.
        most = 0.4 if total >= 200 else 0.5 if total >= 100 else 0.7
        assert seen.get("unknown", 0) <= total * most, f"{name}: {seen}"

    test.layers = sorted(cases)  # type: ignore[attr-defined]
    return test
