"""What may run in a check: recipes of the documentation may, what leaves a trace may not."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from typing import Any

import keras
import keras_tuner
import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.model_selection import KFold, train_test_split
from sklearn.preprocessing import StandardScaler

from shapesafe_tuner.tracing.following.purity import Reading, read_code

LOG: list[Any] = []
COUNT = 0


def _windowed(x: Any, length: int) -> Any:
    return np.stack([x[i : i + length] for i in range(len(x) - length)])


def _logging(x: Any) -> Any:
    LOG.append(len(x))
    return x


def _batches(x: Any, y: Any, size: int) -> Any:
    while True:
        for start in range(0, len(x), size):
            yield x[start : start + size], y[start : start + size]


def _logged_batches(x: Any, y: Any) -> Any:
    LOG.append(len(x))
    yield x, y


class Pages(keras.utils.PyDataset):  # type: ignore[misc]
    def __init__(self, x: Any, y: Any, size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.x, self.y, self.size = x, y, size
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        self.order = np.arange(len(self.x))
        np.random.shuffle(self.order)

    def __len__(self) -> int:
        return len(self.x) // self.size

    def __getitem__(self, place: int) -> Any:
        rows = self.order[place * self.size : (place + 1) * self.size]
        return self.x[rows], self.y[rows]


class Scaling(Pages):
    def __init__(self, x: Any, y: Any) -> None:
        super().__init__(x, y, 2)
        self.x /= 255.0


class Counting(Pages):
    def __getitem__(self, place: int) -> Any:
        self.reads = place
        return super().__getitem__(place)


class Clean(keras_tuner.HyperModel):  # type: ignore[misc]
    def keyword(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        return model.fit(*args, batch_size=hp.Choice("batch", [16, 32]), **kwargs)

    def entry(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        kwargs["batch_size"] = hp.Int("batch", 1, 9)
        return model.fit(*args, **kwargs)

    def above(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        return super().fit(hp, model, *args, batch_size=hp.Int("batch", 1, 9), **kwargs)

    def slices(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        steps = hp.Int("steps", 1, 9)
        return model.fit(x[:, -steps:], y, **kwargs)

    def helper(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        length = hp.Int("length", 1, 9)
        return model.fit(_windowed(x, length), y[length:], **kwargs)

    def split(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        x, held_x, y, held_y = train_test_split(x, y, test_size=0.2, random_state=1)
        return model.fit(x, y, validation_data=(held_x, held_y), **kwargs)

    def folds(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        scores = []
        for train, test in KFold(3).split(x):
            model.fit(x[train], y[train], **kwargs)
            scores.append(model.evaluate(x[test], y[test]))
        print("what is not run")
        return float(np.mean(scores))

    def method(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        return model.fit(self._scaled(x), y, **kwargs)

    def _scaled(self, x: Any) -> Any:
        return (x - np.mean(x)) / np.std(x)

    def options(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        chosen = dict(kwargs)
        chosen.update(epochs=1)
        if hp.Boolean("shuffle"):
            chosen["shuffle"] = True
        return model.fit(*args, **chosen)

    def prints(self, hp: Any, model: Any, *args: Any) -> Any:
        print("hello")
        return model.fit(*args)

    def draws(self, hp: Any, model: Any, x: Any, y: Any) -> Any:
        return model.fit(x + np.random.rand(), y)

    def fits_another_scaler(self, hp: Any, model: Any, x: Any, y: Any) -> Any:
        scaler = StandardScaler()
        return model.fit(scaler.fit_transform(x), y)

    def handles(self, hp: Any, model: Any, *args: Any) -> Any:
        try:
            return model.fit(*args)
        except ValueError as error:
            print("failed", error)
            return {"loss": 1.0}

    def touches(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        for layer in model.layers[: hp.Int("frozen", 0, 3)]:
            layer.trainable = False
        model.optimizer.learning_rate = hp.Float("rate", 0.1, 1.0)
        model.compile("sgd", "mse", metrics=["mae"])
        model.summary()
        return model.fit(x, y, **kwargs)

    def wraps(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        augmented = keras.Sequential([keras.Input((3,)), keras.layers.GaussianNoise(0.1)])
        augmented.add(model)
        whole = keras.Model(augmented.inputs, augmented(augmented.inputs))
        self._compiled(whole)
        return whole.fit(x, y, **kwargs)

    def _compiled(self, given: Any) -> None:
        given.compile("sgd", "mse")

    def fills(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        length = hp.Int("length", 1, 9)
        windows, targets = np.zeros((len(x) - length, length)), []
        count = 0
        for i in range(len(x) - length):
            windows[i] = x[i : i + length]
            targets.append(y[i])
            count += 1
        while count > 9:
            count -= 1
        windows /= 2
        return model.fit(windows, np.array(targets), **kwargs)

    def generates(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        size = hp.Int("batch", 1, 9)

        def batches() -> Any:
            for i in range(0, len(x), size):
                yield x[i : i + size], y[i : i + size]

        return model.fit(batches(), **kwargs)

    def generates_in_a_helper(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        size = hp.Int("batch", 1, 9)
        return model.fit(_batches(x, y, size), steps_per_epoch=len(x) // size, **kwargs)

    def makes_a_dataset(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        return model.fit(Pages(x, y, hp.Int("batch", 1, 9), workers=2), **kwargs)

    def transforms(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        components = PCA(n_components=hp.Int("components", 1, 3))
        return model.fit(components.fit_transform(x), y, **kwargs)

    def adds_callbacks(
        self, hp: Any, model: Any, x: Any, y: Any, callbacks: Any = None, **kwargs: Any
    ) -> Any:
        callbacks = list(callbacks or [])
        callbacks.append(keras.callbacks.TerminateOnNaN())
        more = kwargs.pop("callbacks", None) or []
        more.append(keras.callbacks.EarlyStopping("loss"))
        return model.fit(x, y, callbacks=callbacks + more, **kwargs)

    def draws_rows(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        generator = np.random.default_rng(1)
        order = np.arange(len(x))
        generator.shuffle(order)
        rows = np.random.RandomState(1).choice(order, hp.Int("rows", 1, 9))
        return model.fit(x[rows] + generator.normal(size=(1, 3)), y[rows], **kwargs)

    def clears(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        keras.backend.clear_session()
        gc.collect()
        keras.utils.set_random_seed(1)
        path = os.path.join("folder", f"{hp.Int('n', 1, 9)}.keras")
        best = keras.callbacks.ModelCheckpoint(path)
        return model.fit(x, y, callbacks=[best], **kwargs)

    def deletes(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        del kwargs["verbose"]
        callbacks = kwargs.pop("callbacks", [])
        callbacks.append(keras.callbacks.TerminateOnNaN())
        return model.fit(x, y, callbacks=callbacks, **kwargs)

    def imports(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        from sklearn.model_selection import train_test_split as split

        x, _, y, _ = split(x, y, random_state=1)
        return model.fit(x, y, **kwargs)

    def builds_itself(self, trial: Any, x: Any, y: Any) -> Any:
        model = self._made(trial.hyperparameters)
        return model.fit(x, y).history["loss"][-1]

    def _made(self, hp: Any) -> Any:
        made = keras.Sequential()
        made.add(keras.layers.Dense(hp.Int("units", 1, 9)))
        made.compile("sgd", "mse")
        return made


class Unclean(keras_tuner.HyperModel):  # type: ignore[misc]
    def writes(self, hp: Any, model: Any, *args: Any) -> Any:
        open("log.txt", "a").close()
        return model.fit(*args)

    def counts(self, hp: Any, model: Any, *args: Any) -> Any:
        global COUNT
        COUNT += 1
        return model.fit(*args)

    def changes_one_of_two(self, hp: Any, model: Any, x: Any, y: Any) -> Any:
        held = x or []
        held.append(1)
        return model.fit(x, y)

    def shuffles_the_data(self, hp: Any, model: Any, x: Any, y: Any) -> Any:
        generator = np.random.default_rng(1)
        generator.shuffle(x)
        return model.fit(x, y)

    def draws_from_what_it_keeps(self, hp: Any, model: Any, x: Any, y: Any) -> Any:
        rows = self.generator.choice(9, 3)
        return model.fit(x[rows], y[rows])

    def logs_after_it_fits_a_layer(self, hp: Any, model: Any, x: Any, y: Any) -> Any:
        learns = keras.layers.Discretization(num_bins=2)
        learns.fit(x)
        LOG.append(1)
        return model.fit(x, y)

    def logs_in_a_generator(self, hp: Any, model: Any, x: Any, y: Any) -> Any:
        return model.fit(_logged_batches(x, y))

    def scales_in_a_dataset(self, hp: Any, model: Any, x: Any, y: Any) -> Any:
        return model.fit(Scaling(x, y))

    def counts_in_a_dataset(self, hp: Any, model: Any, x: Any, y: Any) -> Any:
        return model.fit(Counting(x, y, 2))

    def remembers(self, hp: Any, model: Any, *args: Any) -> Any:
        self.last = hp.Int("n", 1, 9)
        return model.fit(*args)

    def logs(self, hp: Any, model: Any, *args: Any) -> Any:
        LOG.append(1)
        return model.fit(*args)

    def logs_in_a_helper(self, hp: Any, model: Any, x: Any, y: Any) -> Any:
        return model.fit(_logging(x), y)

    def changes_the_array(self, hp: Any, model: Any, x: Any, y: Any) -> Any:
        x -= x.mean()
        return model.fit(x, y)

    def changes_a_part(self, hp: Any, model: Any, x: Any, y: Any) -> Any:
        x[0] = 0
        return model.fit(x, y)

    def changes_through_an_alias(self, hp: Any, model: Any, x: Any, y: Any) -> Any:
        held = [x]
        held[0][:] = 0
        return model.fit(x, y)

    def changes_what_a_container_became(self, hp: Any, model: Any, x: Any, y: Any) -> Any:
        held = {}
        held = x
        held[0] = 0
        return model.fit(x, y)

    def adds_in_place(self, hp: Any, model: Any, x: Any, y: Any) -> Any:
        np.add(x, 1, out=x)
        return model.fit(x, y)

    def drops_in_place(self, hp: Any, model: Any, x: Any, y: Any) -> Any:
        x.drop(columns="a", inplace=True)
        return model.fit(x, y)

    def iterates(self, hp: Any, model: Any, x: Any) -> Any:
        for batch in x:
            return model.fit(batch)
        return None

    def lists(self, hp: Any, model: Any, x: Any) -> Any:
        return model.fit(list(x))

    def takes_the_next(self, hp: Any, model: Any, x: Any) -> Any:
        return model.fit(next(x))

    def fits_a_scaler(self, hp: Any, model: Any, x: Any, y: Any) -> Any:
        self.scaler.fit(x)
        return model.fit(x, y)

    def saves(self, hp: Any, model: Any, *args: Any) -> Any:
        model.save("model.keras")
        return model.fit(*args)

    def predicts(self, hp: Any, model: Any, *args: Any) -> Any:
        model.predict(args[0])
        return model.fit(*args)

    def counts_itself(self, hp: Any, model: Any, *args: Any) -> Any:
        self.fits += 1
        return model.fit(*args)

    def handles_with_a_trace(self, hp: Any, model: Any, *args: Any) -> Any:
        try:
            return model.fit(*args)
        except ValueError:
            LOG.append("failed")
            return {"loss": 1.0}

    def changes_a_part_of_a_container(self, hp: Any, model: Any, x: Any, y: Any) -> Any:
        held = [x]
        held[0] -= 1
        return model.fit(x, y)

    def changes_in_a_later_turn(self, hp: Any, model: Any, x: Any, y: Any) -> Any:
        other = np.zeros(3)
        for _ in range(2):
            other += 1
            other = x
        return model.fit(x, y)

    def tells_the_model(self, hp: Any, model: Any, x: Any, y: Any) -> Any:
        model.log = LOG
        model.log.append(1)
        return model.fit(x, y)


def _methods(cls: type) -> list[Callable[..., Any]]:
    return [item for name, item in vars(cls).items() if name[0] != "_"]


def _read(method: Callable[..., Any], owner: type) -> Reading:
    return read_code(method, owner, models=("model",))


@pytest.mark.parametrize("method", _methods(Clean), ids=lambda item: item.__name__)
def test_what_leaves_no_trace_is_clean(method: Callable[..., Any]) -> None:
    assert _read(method, Clean).objections == []


@pytest.mark.parametrize("method", _methods(Unclean), ids=lambda item: item.__name__)
def test_what_may_leave_a_trace_is_named_with_its_line(method: Callable[..., Any]) -> None:
    found = _read(method, Unclean).objections
    assert found
    assert "test_purity.py:" in found[0]


@pytest.mark.parametrize("name", ["iterates", "lists", "takes_the_next"])
def test_elements_of_arrays_may_be_taken(name: str) -> None:
    method = getattr(Unclean, name)
    assert not read_code(method, Unclean, models=("model",), holds_arrays=True).objections


def test_handlers_are_noticed() -> None:
    assert _read(Clean.handles, Clean).catches
    assert not _read(Clean.keyword, Clean).catches


def test_code_without_a_source_is_not_run() -> None:
    names: dict[str, Any] = {}
    exec("def fit(hp, model, *args): return model.fit(*args)", names)
    assert read_code(names["fit"]).objections == ["its source is not at hand"]
