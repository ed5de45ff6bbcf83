"""Words that several refusals share."""

from __future__ import annotations

import pytest

from shapesafe_tuner.shapes.sentences import with_article
from shapesafe_tuner.shapes.spec import Refused
from shapesafe_tuner.shapes.window import slide


@pytest.mark.parametrize(
    "words",
    [
        "a 5 x 5 kernel", "an 8 x 8 kernel", "an 11 x 3 window", "an 80 x 1 kernel",
        "a 110 x 3 map", "a kernel_0 x 3 kernel", "an Embedding", "a Dense", "an UpSampling2D",
        "a UnitNormalization",
    ],
)  # fmt: skip
def test_the_article_is_the_spoken_one(words: str) -> None:
    assert with_article(words.split(" ", 1)[1]) == words


@pytest.mark.parametrize(
    ("size", "window", "said"),
    [
        ((4,), (5,), "slides a kernel of 5 over a map of only 4"),
        ((4, 9), (8, 8), "slides an 8 x 8 kernel over a map of only 4 x 9"),
        ((4, 9), (5, 5), "slides a 5 x 5 kernel over a map of only 4 x 9"),
    ],
)
def test_what_slides(size: tuple[int, ...], window: tuple[int, ...], said: str) -> None:
    with pytest.raises(Refused) as refused:
        slide(size, window, (1,) * len(size), "valid")
    assert refused.value.why.startswith(said)
