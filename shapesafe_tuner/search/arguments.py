"""One look at the arguments of a search: what ``fit`` refuses, it refuses in every trial."""

from __future__ import annotations

import inspect
import types
from collections.abc import Mapping
from typing import Any

import keras
import keras_tuner

from shapesafe_tuner._compat.keras import adapters
from shapesafe_tuner.escaping import listed, short, visible
from shapesafe_tuner.tracing.data.reading import read_data
from shapesafe_tuner.tracing.data.spec import DataSpec, raw_leaves

__all__ = ["FitArguments", "refusal_of_search"]

_LONGEST = 300
"""Characters of a message of Keras's, which may print the data."""


def refusal_of_search(words: str, error: BaseException | None = None) -> Exception:
    """The error that ends a search before its first trial, of the kind that ``fit`` raises."""
    errors = keras_tuner.errors
    kind = errors.FatalTypeError if isinstance(error, TypeError) else errors.FatalValueError
    return kind(f"No trial of this search could run: {words}")  # type: ignore[no-any-return]


class FitArguments:
    """The arguments of ``search``, as every trial hands them to ``fit``.

    Args:
        args, kwargs: of ``search``.

    Attributes:
        data: the batches that ``fit`` will make of them; None where it refuses them.
    """

    def __init__(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self._args, self._kwargs = args, kwargs
        self._given: dict[str, Any] = {}
        self._refusal: Exception | None = None
        self.data: DataSpec | None = None
        try:
            self._given = self._bound(inspect.signature(keras.Model.fit))
            _assert_fit_takes(self)
            self.data = self._read()
        except keras_tuner.errors.FatalError as refusal:
            self._refusal = refusal

    def __getitem__(self, name: str) -> Any:
        return self._given.get(name)

    def __contains__(self, name: str) -> bool:
        return name in self._given

    @property
    def validates(self) -> bool:
        """Whether ``fit`` gets validation data, or holds some back."""
        return self["validation_data"] is not None or bool(self["validation_split"])

    def assert_bound_by(self, signature: inspect.Signature) -> None:
        """Hold them against a ``fit`` of the model's own.

        Raises:
            FatalTypeError: it has no such arguments.
        """
        self._bound(signature)

    def assert_taken(self) -> None:
        """Hold them against Keras's ``fit``.

        Raises:
            FatalValueError, FatalTypeError: it refuses them, with its words.
        """
        if self._refusal is not None:
            raise self._refusal

    def _bound(self, signature: inspect.Signature) -> dict[str, Any]:
        try:
            return dict(signature.bind_partial(None, *self._args, **self._kwargs).arguments)
        except TypeError as error:
            raise refusal_of_search(
                f"fit does not take these arguments ({error}).", error
            ) from error

    def _read(self) -> DataSpec | None:
        wanted = inspect.signature(read_data).parameters
        named = {name: value for name, value in self._given.items() if name in wanted}
        data = read_data(**named, as_fit=True)
        if data is not None and data.problem is not None:
            raise refusal_of_search(data.problem)
        return data


def _assert_fit_takes(given: FitArguments) -> None:
    """Hand the data to Keras as ``fit`` does, without training."""
    if "callbacks" in given:
        _assert_callbacks(given["callbacks"])
    if given["x"] is None:
        raise refusal_of_search("search got no x; give it the data as you would give it to fit.")
    size, held_out = given["batch_size"], given["validation_data"]
    _assert_size("batch_size", size)
    _assert_size("validation_batch_size", given["validation_batch_size"])
    data = tuple(given[name] for name in ("x", "y", "sample_weight"))
    if given["validation_split"] and held_out is None:
        _assert_splits(data, given["validation_split"])
    _assert_taken(data, "x", given["class_weight"], size, given["steps_per_epoch"])
    if held_out is not None:
        try:
            parts = keras.utils.unpack_x_y_sample_weight(held_out)
        except Exception as error:
            raise _in_words_of_keras(error) from error
        size = given["validation_batch_size"] or size
        _assert_taken(parts, "validation_data", None, size, given["validation_steps"])


def _assert_taken(
    data: tuple[Any, ...], name: str, class_weight: Any, size: Any, steps: Any
) -> None:
    _assert_arrays(data, "" if name == "x" else f" of {name}")
    try:
        x, y, weight = map(_unread, data)
        batches = adapters.adapt(x, y, weight, class_weight, size, steps)
    except Exception as error:
        raise _in_words_of_keras(error, data) from error
    if batches == 0:
        raise refusal_of_search(f"{name} is empty, so fit has nothing to report.")


def _in_words_of_keras(error: Exception, data: tuple[Any, ...] = ()) -> Exception:
    words = visible(" ".join(str(error).split()))
    words = words if len(words) <= _LONGEST else words[:_LONGEST] + "…"
    tables = [leaf for leaf in raw_leaves(data) if hasattr(leaf, "select_dtypes")]
    text = [str(name) for table in tables for name in table.select_dtypes(exclude="number")]
    columns = f" Columns that hold no numbers: {listed(text)}." if text else ""
    return refusal_of_search(f"fit refuses its data ({words}).{columns}", error)


def _unread(data: Any) -> Any:
    """In place of a generator, whose first batch Keras would take, another one."""
    if isinstance(data, types.GeneratorType):
        return (batch for batch in [((),)])
    return data


def _assert_size(name: str, size: Any) -> None:
    if size is None or isinstance(size, bool):
        return
    if not hasattr(size, "__index__") or size < 0:
        raise refusal_of_search(f"{name}={short(repr(size))}; fit needs a positive whole number.")


def _assert_arrays(parts: tuple[Any, ...], of: str) -> None:
    """A list of numbers is no array to ``fit``, whose message then prints all of ``x``."""
    if not all(_is_plain(leaf) for leaf in raw_leaves(parts[0])):
        return
    for name, part in zip(("x", "y", "sample_weight"), parts, strict=True):
        odd = next((leaf for leaf in raw_leaves(part) if not adapters.is_array(leaf)), None)
        if odd is None:
            continue
        kind = _kind(part)
        if isinstance(part, (list, tuple, dict)):
            kind += f" of {type(odd).__name__}"
        raise refusal_of_search(
            f"{name}{of} is {kind}, which fit does not take (Unrecognized data type); "
            "give an array, as by numpy.asarray."
        )


def _is_plain(leaf: Any) -> bool:
    return adapters.is_array(leaf) or isinstance(leaf, (bool, int, float, str))


def _assert_callbacks(callbacks: Any) -> None:
    """KerasTuner appends its own to the list; Keras calls ``set_model`` of each."""
    odd = callbacks
    if hasattr(callbacks, "append"):
        strange = [item for item in raw_leaves(callbacks) if not hasattr(item, "set_model")]
        if not strange:
            return
        odd = strange[0]
    raise refusal_of_search(
        f"callbacks {'is' if odd is callbacks else 'holds'} {_kind(odd)}; give a list of "
        "keras.callbacks.Callback."
    )


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _assert_splits(data: tuple[Any, ...], split: float) -> None:
    leaves = [leaf for leaf in raw_leaves(data) if leaf is not None]
    odd = next((leaf for leaf in leaves if not adapters.is_array(leaf)), None)
    if odd is not None:
        raise refusal_of_search(
            "validation_split is only supported for tensors or NumPy arrays, and x is "
            f"{_kind(odd)}; give validation_data."
        )
    try:
        adapters.split(int(leaves[0].shape[0]), split)
    except Exception as error:
        raise _in_words_of_keras(error) from error
