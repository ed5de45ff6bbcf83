"""A slice of each suite; the whole is run by ``python -m tests.suites``."""

from __future__ import annotations

import random

import keras
import pytest

from tests.backends import only_on
from tests.suites import keras_layers, keywords
from tests.suites.case import LayerCase, TensorLike
from tests.suites.running import SUITES, Count, cases_of, run

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def recorded() -> list[LayerCase]:
    return keras_layers.recorded("layers/core") + keras_layers.recorded("layers/reshaping/per")


def hold(cases: list[LayerCase]) -> None:
    judged = run(cases)
    wrong = [str(item) for item in judged if item.outcome in ("missed", "false", "crashed")]
    assert not wrong, "\n".join(wrong)
    assert Count.of(item.outcome for item in judged).undecided <= max(2, len(judged) // 50)


def test_keras_tests_are_found(recorded: list[LayerCase]) -> None:
    assert {"Dense", "Embedding", "Permute"} <= {case.layer_class.__name__ for case in recorded}


def test_layers_as_keras_tests_them(recorded: list[LayerCase]) -> None:
    hold([keras_layers.with_open_batch(case) for case in random.Random(0).sample(recorded, 12)])


def test_layers_with_one_change(recorded: list[LayerCase]) -> None:
    draw = random.Random(1)
    opened = [keras_layers.with_open_batch(case) for case in recorded]
    hold([keras_layers.changed(draw.choice(opened), draw) for _ in range(30)])


def test_every_keyword(recorded: list[LayerCase]) -> None:
    cases = list(keywords.keyword_cases(recorded))
    hold(random.Random(2).sample(cases, 30))


def test_keywords_of_bases_and_of_kwargs_are_known() -> None:
    assert {"factor", "data_format", "bounding_box_format", "trainable", "input_shape"} <= set(
        keywords.keywords_of(keras.layers.RandomContrast)
    )
    assert "implementation" in keywords.keywords_of(keras.layers.LSTM)
    assert "alpha" in keywords.keywords_of(keras.layers.LeakyReLU)


@only_on("tensorflow", "errors of TensorFlow's operations")
def test_a_constant_that_an_operation_refuses_is_no_matter_of_a_device() -> None:
    case = LayerCase("", keras.layers.Softmax, {"axis": 9}, TensorLike((2, 3)))
    judged = run([case])[0]
    assert judged.outcome == "agreed"
    assert judged.real.startswith("train: InvalidArgumentError")
    arguments, ids = {"input_dim": 1, "output_dim": 2}, TensorLike((2, 3), "int32", [[0, 1, 2]] * 2)
    few = LayerCase("", keras.layers.Embedding, arguments, ids)
    assert run([few])[0].outcome == "only on a device"


@pytest.mark.deep
@pytest.mark.parametrize("suite", sorted(SUITES))
def test_a_suite(suite: str) -> None:
    hold(list(cases_of(suite, 60 if suite == "published" else 2_000, seed=3)))


def test_a_published_hypermodel() -> None:
    hold([case for case in cases_of("published", 12) if case.name == "HyperImageAugment"][:1])
