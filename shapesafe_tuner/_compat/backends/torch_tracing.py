"""How a check traces on PyTorch: on fake tensors, which have a shape, a dtype and no storage.

PyTorch has no graph: ``fit`` computes at once. Its fake tensors go through the same operations
and their refusals, backward pass included, without numbers. Keras's own shape inference first
tries its *meta* device and then computes on tensors of ones; in a check it does both on fake ones.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import threading
from collections.abc import Callable, Iterator

import keras
import torch
from keras.src import backend as keras_backend
from keras.src import tree
from keras.src.backend.torch import core
from keras.src.backend.torch import image as torch_image
from keras.src.backend.torch import random as torch_random
from keras.src.backend.torch.layer import TorchLayer
from keras.src.backend.torch.optimizers.torch_parallel_optimizer import TorchParallelOptimizer
from keras.src.random.seed_generator import SeedGenerator
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily

from shapesafe_tuner._compat.active import current
from shapesafe_tuner._compat.backends.common import with_mask
from shapesafe_tuner._compat.types import Function, Layer, Nested, Optimizer, Tensor, Variable

__all__ = [
    "computing",
    "empty_parameter",
    "faking",
    "install",
    "is_fake",
    "is_faking",
    "trace",
    "wants_values",
]

_LOCAL = threading.local()
_SIZES = (83, 89)
"""What an unknown size is while it is traced; Keras takes these two numbers as well."""
_MOST_REMEMBERED = 20_000
_WANT_VALUES = {
    "DataDependentOutputException",
    "DynamicOutputShapeException",
    "UnsupportedFakeTensorException",
    "UnsupportedOperatorException",
}
_WANTED_VALUES = (".numpy() is not supported for tensor subclasses", "data pointer")


def is_faking() -> bool:
    """Whether this thread traces on fake tensors."""
    return getattr(_LOCAL, "depth", 0) > 0


@contextlib.contextmanager
def faking() -> Iterator[None]:
    """Everything that is made or computed inside has no storage; real tensors stay untouched."""
    if not hasattr(_LOCAL, "mode"):
        _LOCAL.mode = FakeTensorMode(allow_non_fake_inputs=True)
    _LOCAL.depth = getattr(_LOCAL, "depth", 0) + 1
    try:
        with _LOCAL.mode:
            yield
    finally:
        _LOCAL.depth -= 1
        if not _LOCAL.depth and len(FakeTensorMode.cache) > _MOST_REMEMBERED:
            FakeTensorMode.cache_clear()


@contextlib.contextmanager
def computing() -> Iterator[None]:
    """Real tensors again, whatever is being traced around."""
    depth, _LOCAL.depth = getattr(_LOCAL, "depth", 0), 0
    try:
        with unset_fake_temporarily(), core.device_scope(core.DEFAULT_DEVICE):
            yield
    finally:
        _LOCAL.depth = depth


def is_fake(value: object) -> bool:
    """Whether this is a fake tensor."""
    return isinstance(value, FakeTensor)


def wants_values(error: BaseException) -> bool:
    """Whether a trace ended at code that looks at the numbers in a tensor."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & _WANT_VALUES) or any(words in str(error) for words in _WANTED_VALUES)


def empty_parameter(variable: Variable) -> Tensor:
    """A fake parameter for a variable: gradients can be traced through it."""
    dtype = core.to_torch_dtype(variable._dtype)
    with faking():
        value = torch.empty(tuple(variable._shape), dtype=dtype, device=core.get_device())
        return torch.nn.Parameter(value, requires_grad=variable.trainable and _has_gradient(dtype))


def _has_gradient(dtype: torch.dtype) -> bool:
    return bool(dtype.is_floating_point or dtype.is_complex)


def trace(function: Callable[..., Nested], *specs: Nested) -> Nested:
    """Call ``function`` on fake tensors of these specifications, as ``fit`` does on real ones."""

    def attempt(size: int) -> Nested:
        with faking(), core.device_scope(core.DEFAULT_DEVICE):
            return function(*_tensors(specs, size))

    return _specifications(attempt, specs)


def _infer(function: Callable[..., Nested], args: Nested, kwargs: Nested) -> Nested:
    """Keras's ``compute_output_spec`` without an allocation."""

    def on(device: str, size: int) -> Nested:
        with core.device_scope(device):
            given, named = _tensors((args, kwargs), size)
            return function(*given, **named)

    def attempt(size: int) -> Nested:
        with faking():
            with contextlib.suppress(Exception):
                return on("meta", size)
            # Out of reach of the first error, whose frames would be kept by a second one.
            return on(core.DEFAULT_DEVICE, size)

    with keras_backend.StatelessScope(), keras_backend.SymbolicScope(), torch.no_grad():
        return _specifications(attempt, (args, kwargs))


def _specifications(attempt: Callable[[int], Nested], specs: Nested) -> Nested:
    """Symbolic outputs; sizes that follow an unknown one are unknown."""
    outputs = tree.map_structure(_specification, attempt(_SIZES[0]))
    if not any(
        isinstance(leaf, keras.KerasTensor) and None in leaf.shape for leaf in tree.flatten(specs)
    ):
        return outputs
    again = tree.map_structure(_specification, attempt(_SIZES[1]))
    pairs = zip(tree.flatten(outputs), tree.flatten(again), strict=True)
    return tree.pack_sequence_as(outputs, [_opened(one, other) for one, other in pairs])


def _opened(one: Tensor, other: Tensor) -> Tensor:
    if not isinstance(one, keras.KerasTensor) or one.shape == other.shape:
        return one
    shape = [a if a == b else None for a, b in zip(one.shape, other.shape, strict=True)]
    opened = keras.KerasTensor(shape, one.dtype)
    masks = keras_backend.get_keras_mask(one), keras_backend.get_keras_mask(other)
    if None not in masks:
        keras_backend.set_keras_mask(opened, _opened(*masks))
    return opened


def _tensors(specs: Nested, size: int) -> Nested:
    return tree.map_structure(functools.partial(_tensor, size=size), specs)


def _tensor(leaf: Tensor, size: int) -> Tensor:
    if not isinstance(leaf, keras.KerasTensor):
        return leaf
    shape = [size if length is None else length for length in leaf.shape]
    tensor = torch.ones(shape, dtype=core.to_torch_dtype(leaf.dtype), device=core.get_device())
    return with_mask(tensor, leaf, functools.partial(_tensor, size=size))


def _specification(leaf: Tensor) -> Tensor:
    if not isinstance(leaf, torch.Tensor):
        return leaf
    spec = keras.KerasTensor(tuple(leaf.shape), keras_backend.standardize_dtype(leaf.dtype))
    return with_mask(spec, leaf, _specification)


def install() -> None:
    """Put the hooks into Keras's PyTorch backend."""
    _infer_on_fake_tensors()
    _register_parameters_when_asked()
    _draw_no_seeds()
    _take_conditions_as_true()
    _let_updates_want_values()
    logging.getLogger("torch._subclasses.fake_tensor").addFilter(lambda record: not is_faking())


def _infer_on_fake_tensors() -> None:
    infer = core.compute_output_spec

    @functools.wraps(infer)
    def compute_output_spec(fn: Function, *args: Nested, **kwargs: Nested) -> Nested:
        if current() is None:
            return infer(fn, *args, **kwargs)
        return _infer(fn, args, kwargs)

    core.compute_output_spec = compute_output_spec
    keras_backend.compute_output_spec = compute_output_spec


def _register_parameters_when_asked() -> None:
    """A layer gives its values to ``torch.nn.Module`` once built, which would allocate them.

    Layers do it themselves when their parameters are first asked for. What a check asked for is
    forgotten at its end, as these parameters may be fake.
    """
    post_build, track = TorchLayer._post_build, TorchLayer._track_variables
    post_track, post_untrack = TorchLayer._post_track_variable, TorchLayer._post_untrack_variable

    def later(method: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(method)
        def unless_checking(self: Layer, *args: Variable) -> None:
            if current() is None:
                method(self, *args)

        return unless_checking

    @functools.wraps(track)
    def track_for_this_check(self: Layer) -> None:
        track(self)
        hooks = current()
        if hooks is not None:
            hooks.at_end(lambda: self._modules.pop("_torch_params", None))

    TorchLayer._post_build = later(post_build)
    TorchLayer._post_track_variable = later(post_track)
    TorchLayer._post_untrack_variable = later(post_untrack)
    TorchLayer._track_variables = track_for_this_check


def _draw_no_seeds() -> None:
    """A seed's value would have to be known; which one it is has no say in shapes."""
    for module in (torch_random, torch_image):
        module.draw_seed = _seeds_unless_faking(module.draw_seed)


def _seeds_unless_faking(
    draw_seed: Callable[[object], Nested],
) -> Callable[[object], Nested]:
    @functools.wraps(draw_seed)
    def draw(seed: object) -> Nested:
        if is_faking() and (seed is None or isinstance(seed, SeedGenerator)):
            return 0, 0
        return draw_seed(seed)

    return draw


def _take_conditions_as_true() -> None:
    """As Keras does on its meta device."""
    cond = core.cond

    @functools.wraps(cond)
    def traced_cond(pred: Tensor, true_fn: Function, false_fn: Function) -> Nested:
        if is_faking() and isinstance(pred, FakeTensor):
            return true_fn()
        return cond(pred, true_fn, false_fn)

    core.cond = traced_cond
    keras_backend.cond = traced_cond


def _let_updates_want_values() -> None:
    """SGD and Nadam read numbers to change weights by; that changes no shape."""
    update = TorchParallelOptimizer._backend_update_step

    @functools.wraps(update)
    def update_as_far_as_known(self: Optimizer, *args: object, **kwargs: object) -> None:
        try:
            update(self, *args, **kwargs)
        except Exception as error:
            if not is_faking() or not wants_values(error):
                raise

    TorchParallelOptimizer._backend_update_step = update_as_far_as_known
