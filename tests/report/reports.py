"""Reports made by hand, for the renderers: what no search space gives on purpose."""

from __future__ import annotations

import math

from shapesafe_tuner.explanation import Explanation
from shapesafe_tuner.findings import (
    Axis,
    Cause,
    Conflict,
    Example,
    PairShares,
    Sample,
    Suggestion,
)
from shapesafe_tuner.report.search_space import SearchSpaceReport
from shapesafe_tuner.verdict import LayerShape, ShapeFault, Verdict

__all__ = ["EVIL", "LONG", "calm", "hostile", "refused", "small"]

EVIL = "</script><script>window.ran=1</script><img src=x onerror=window.ran=1>\"'&{{7*7}}$x_1$"
LONG = "n" * 10_000

_FAULT = ShapeFault(
    "conv", "Conv2D", "Conv2D 'conv' slides a 7 x 7 kernel over a map of only 5 x 5.",
    hyperparameters={"blocks": 3, "kernel": 7},
)  # fmt: skip
_REFUSED = Verdict(
    False, "analytic", _FAULT,
    layers=(
        LayerShape("stem", "Conv2D", (None, 20, 20, 1), (None, 10, 10, 8), 80, sources=("image",)),
        LayerShape("pool", "MaxPooling2D", (None, 10, 10, 8), (None, 5, 5, 8), 0, sources=(0,)),
        LayerShape("conv", "Conv2D", (None, 5, 5, 8), None, None, True, sources=(1,)),
    ),
)  # fmt: skip

_CONFLICTS = (
    Conflict({"blocks": (3,), "kernel": (5, 7)}, 0.25, _FAULT),
    Conflict({"pool": (True,)}, 0.125, ShapeFault("pool", "MaxPooling2D", "No map is left.")),
)
_SUGGESTION = Suggestion("keep blocks <= 2", (0,), 0.1, {"blocks": (1, 2)}, removed=0.25)

small = SearchSpaceReport(
    total=1234,
    exact=True,
    feasible_fraction=0.625,
    confidence_interval=(0.625, 0.625),
    causes=(
        Cause(
            "conv",
            "Conv2D",
            _FAULT.reason,
            0.25,
            ("blocks", "kernel"),
            _CONFLICTS[:1],
            (_SUGGESTION,),
        ),
        Cause("pool", "MaxPooling2D", "No map is left.", 0.125, ("pool",), _CONFLICTS[1:]),
    ),
    conflicts=_CONFLICTS,
    sensitivity={"kernel": {3: 0.125, 5: 0.5, 7: 0.5}, "pool": {True: 1.0, False: 0.25}},
    suggestions=(_SUGGESTION,),
    irrelevant=("filters", "rate"),
    domains={"blocks": (1, 2, 3), "kernel": (3, 5, 7), "pool": (True, False)},
    notes=("Frozen bounds: width was first registered as 1 to 3.",),
    runs=99,
    axes=(
        Axis("blocks", ((1, 1), (2, 2), (3, 3))),
        Axis("kernel", ((3, 3), (5, 7))),
        Axis("pool", ((False, False), (True, True))),
    ),
    pairs=(
        PairShares("blocks", "kernel", ((1.0, 1.0), (1.0, 0.001), (0.999, 0.0))),
        PairShares("blocks", "pool", ((1.0, 0.0), (0.5, 0.0), (None, 0.0))),
        PairShares("kernel", "pool", ((0.75, 0.0), (0.5, 0.0))),
    ),
    examples=(Example(0, {"blocks": 3, "kernel": 7}, _REFUSED),),
    importance={"pool": 0.25, "blocks": 0.125, "kernel": 0.001},
    samples=(
        Sample({"blocks": 3, "kernel": 7, "pool": False}, False, 0),
        Sample({"blocks": 1, "kernel": 3, "pool": True}, False, 1),
        Sample({"blocks": 2, "kernel": 5, "pool": False}, True),
        Sample({"blocks": 3, "kernel": 3, "pool": False}, True),
    ),
)
"""Three hyperparameters, two conflicts."""

calm = SearchSpaceReport(
    total=math.inf,
    exact=True,
    feasible_fraction=1.0,
    confidence_interval=(1.0, 1.0),
    conflicts=(),
    sensitivity={},
    runs=1,
    irrelevant=("units",),
)
"""Nothing is refused."""

_NAMES = [EVIL, LONG, *(f"{'<b>' * number}name_{number}" for number in range(6))]
_WIDE = tuple((1000 * place, 1000 * place + 999) for place in range(12))
_EVIL_CONFLICTS = tuple(
    Conflict(
        dict.fromkeys(_NAMES[: 1 + number % 8], (EVIL, LONG)),
        0.01 / (number + 1),
        ShapeFault(LONG, EVIL, EVIL + LONG, hyperparameters={EVIL: LONG}),
    )
    for number in range(90)
)
_EVIL_SUGGESTION = Suggestion(LONG + EVIL, (0, 1), 0.5, {EVIL: (LONG, EVIL)})
hostile = SearchSpaceReport(
    total=math.inf,
    exact=False,
    feasible_fraction=0.00001,
    confidence_interval=(0.0, 0.2),
    causes=tuple(
        Cause(
            EVIL, LONG, EVIL + LONG, 0.9 / 2**number, tuple(_NAMES) * 2,
            _EVIL_CONFLICTS[number : number + 3], (_EVIL_SUGGESTION,) if number < 2 else (),
        )
        for number in range(12)
    ),
    conflicts=_EVIL_CONFLICTS,
    sensitivity={
        name: {**dict.fromkeys(range(40), 0.5), **{n: n / 1000 for n in range(40, 1000)}}
        for name in (*_NAMES, *map(str, range(40)))
    },
    suggestions=(_EVIL_SUGGESTION,),
    undecided_fraction=0.000005,
    irrelevant=tuple(_NAMES),
    notes=tuple(f"Suspicious: {EVIL}{LONG}{number}" for number in range(60)),
    runs=10**9,
    why_not_exact=EVIL + " may affect shapes and has too many values",
    axes=tuple(Axis(name, _WIDE) for name in _NAMES),
    pairs=tuple(
        PairShares(down, across, tuple(tuple((r * c) / 121 for c in range(12)) for r in range(12)))
        for place, down in enumerate(_NAMES)
        for across in _NAMES[place + 1 :]
    ),
    importance=dict.fromkeys((*_NAMES, *map(str, range(40))), 0.5),
    samples=tuple(
        Sample(dict.fromkeys(_NAMES, 1000 * (number % 12)), [True, False, None][number % 3])
        for number in range(60)
    ),
    examples=(
        Example(
            0,
            {EVIL: LONG, LONG: EVIL},
            Verdict(
                False, "analytic", ShapeFault(LONG, EVIL, LONG + EVIL),
                layers=(
                    *(LayerShape(f"{EVIL}{n}", LONG, {LONG: (None, 9, 9, 1)},
                                 {LONG: (None, 300 - n, 300 - n, 3), EVIL: (None, 7)}, 10**12)
                      for n in range(120)),
                    LayerShape(LONG, EVIL, [(None, 4)], None, None, True),
                ),
            ),
        ),
    ),
)  # fmt: skip
"""Names and words that would run, or break the layout, and far too many of them."""

refused = Explanation(
    {"blocks": 3, "kernel": 7, EVIL: LONG}, _REFUSED, {"blocks": 2, "kernel": 7, EVIL: LONG}
)
