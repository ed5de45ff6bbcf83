"""When a search says that hardly anything is feasible, and when it does not."""

from __future__ import annotations

import pytest

from shapesafe_tuner.search.health import complaint
from shapesafe_tuner.verdict import Rejection, ShapeFault, Verdict


def refused(number: int, different: bool = True, kernel: int = 7) -> list[Rejection]:
    fault = ShapeFault(None, None, "The kernel is too wide.", hyperparameters={"kernel": kernel})
    return [
        Rejection({"units": place if different else 0}, Verdict(False, "analytic", fault))
        for place in range(number)
    ]


@pytest.mark.parametrize(
    ("rejections", "accepted", "complains"),
    [
        (refused(60), 2, True),
        (refused(60), 10, False),  # one in seven is feasible
        (refused(30), 0, False),  # too few to tell
        (refused(500, different=False), 1, False),  # one configuration, drawn again and again
        ([], 0, False),
    ],
)
def test_it_complains_of_a_sparse_space(
    rejections: list[Rejection], accepted: int, complains: bool
) -> None:
    assert (complaint(rejections, accepted) is not None) == complains


def test_it_names_the_most_frequent_cause_and_how_to_silence_it() -> None:
    said = complaint([*refused(60), *refused(3, kernel=9)], 1)
    assert said is not None
    assert "61 different configurations" in said
    assert "kernel=7. The kernel is too wide." in said
    assert "FeasibilityWarning" in said
