"""What a public function is asked, as one record."""

from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import keras
import keras_tuner
import numpy as np
import pytest
from keras import layers

from shapesafe_tuner.tracing.judge import Judge
from shapesafe_tuner.tracing.question import Question, question_of


def build(hp: Any) -> Any:
    units = hp.Int("units", 1, 4)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(units), layers.Dense(2)])
    model.compile("sgd", "mse")
    return model


class Fitting(keras_tuner.HyperModel):
    def build(self, hp: Any) -> Any:
        return build(hp)

    def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        return model.fit(*args, **kwargs)


X, Y = np.zeros((6, 4), "float32"), np.zeros((6, 2), "float32")


def test_data_are_trained_on_unless_something_keeps_a_check_from_it() -> None:
    assert question_of(build, X, Y).judges_training
    assert not question_of(build).judges_training
    assert not question_of(build, X[:0], Y[:0]).judges_training
    assert not dataclasses.replace(question_of(build, X, Y), unjudged="so").judges_training


def test_what_is_registered_in_advance_is_known_by_name() -> None:
    hp = keras_tuner.HyperParameters()
    hp.Int("units", 1, 2)
    assert question_of(build, hyperparameters=hp).in_advance == {"units"}


def test_a_judge_travels_with_its_question() -> None:
    """Other processes explore parts of a space."""
    judge = pickle.loads(pickle.dumps(Judge(question_of(build, X, Y))))
    verdict, read = judge.judge({"units": 3})
    assert verdict.feasible
    assert read is None
    assert judge.question.data == question_of(build, X, Y).data


def test_other_arguments_of_a_layer_are_another_question() -> None:
    judge = Judge(Question(build))
    wider = judge.with_changes({"Dense": {"units": 7}})
    assert judge.question.changes == {}
    assert judge.judge({"units": 2}).verdict.output_shape == (None, 2)
    assert wider.judge({"units": 2}).verdict.output_shape == (None, 7)


@pytest.mark.parametrize("by_rules", [True, False])
def test_a_refusal_says_what_was_read(by_rules: bool) -> None:
    def narrow(hp: Any) -> Any:
        kernel = hp.Int("kernel", 1, 9)
        conv = layers.Conv1D(1, kernel)
        return keras.Sequential([keras.Input((4, 1)), conv, layers.Dense(hp.Int("units", 1, 4))])

    verdict, read = Judge(Question(narrow, by_rules=by_rules)).judge({"kernel": 5, "units": 3})
    assert verdict.feasible is False
    assert read is not None
    assert read["kernel"] == 5
