"""TensorFlow: a check traces in a plain graph, as ``fit`` makes one.

Variables may be assigned and created in it, and nothing is computed or allocated.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf
from keras.src import backend as keras_backend
from keras.src import tree
from keras.src.backend.tensorflow.optimizer import TFOptimizer
from keras.src.backend.tensorflow.trackable import KerasAutoTrackable
from tensorflow.python.eager import context as tf_context
from tensorflow.python.ops import gen_math_ops, resource_variable_ops

from shapesafe_tuner._compat.active import BORN, LOCAL, current
from shapesafe_tuner._compat.backends import StrayTensor, common
from shapesafe_tuner._compat.backends.tensorflow_lookups import stray_lookups
from shapesafe_tuner._compat.types import (
    Layer,
    Model,
    Nested,
    Optimizer,
    Tensor,
    Variable,
)

TRACES_OPEN_BATCHES = True
LOOKS_AT_EVERY_BATCH = True
BUILDS_OUT_OF_TRAINING = False
STEPS_ARE_PURE = False
STATE_IS_DIFFERENTIATED = False
TRACES_AGAIN = True
NEEDS_GRADIENT = True
COMPARES_APART = False
TAKES_STRINGS = True
KEEPS_HISTORY = False

runs_eagerly = common.runs_eagerly
trained_once = common.trained_once
has_history = common.has_history
known_size = common.known_size

_GRAPH = "shapesafe_tuner"
_PLAIN = frozenset({str, int, bool, float, type(None)})


def install() -> None:
    """Put the backend's own hooks in place."""
    _skip_checkpoint_tracking()
    _know_variables_without_storage()
    _refuse_casts_of_strings()


def is_tracing() -> bool:
    """Whether operations are recorded in one of our graphs, or in Keras's for shape inference."""
    return not tf.executing_eagerly() and _in_graph(_GRAPH, "scratch_graph")


def computes() -> bool:
    """Whether operations are computed at once."""
    return bool(tf.executing_eagerly())


def _in_graph(*names: str) -> bool:
    graph = tf.compat.v1.get_default_graph()
    while graph is not None:
        if str(getattr(graph, "name", "")).startswith(names):
            return True
        graph = getattr(graph, "outer_graph", None)
    return False


def trace(function: Callable[..., Nested], *specs: Nested) -> Nested:
    """Call ``function`` on placeholders of these specifications."""
    graph = tf.__internal__.FuncGraph(_GRAPH)
    with graph.as_default():
        outputs = function(*tree.map_structure(_placeholder, specs))
        if any(_is_stray(tensor, graph) for tensor, _ in graph.captures):
            raise StrayTensor
        hooks = current()
        if hooks is not None:
            for lookup in stray_lookups(graph):
                hooks.strayed(lookup)
        return tree.map_structure(_specification, outputs)


def _is_stray(tensor: Any, graph: Any) -> bool:
    """Whether a captured tensor belongs to no graph around this one."""
    home = None if hasattr(tensor, "numpy") else getattr(tensor, "graph", None)
    around = graph
    while home is not None and around is not None:
        if around is home:
            return False
        around = getattr(around, "outer_graph", None)
    return home is not None


def differentiate(
    compute: Callable[[], tuple[Tensor | None, Nested]],
    variables: Callable[[], list[Variable]],
    watched: list[Tensor],
) -> tuple[list[Tensor | None], Nested]:
    """The gradients of a total, by a tape."""
    with tf.GradientTape() as tape:
        for tensor in watched:
            tape.watch(tensor)
        total, result = compute()
    sources = [*variables(), *watched]
    gradients = [None] * len(sources) if total is None else tape.gradient(total, sources)
    return gradients, result


def trace_step(model: Model, step: Callable[..., Nested], packed: Nested, training: bool) -> None:
    """Trace the user's own step."""
    trace(step, packed)


def trace_comparison(
    model: Model,
    compare: Callable[..., Nested],
    y: Nested,
    sample_weight: Nested,
    y_pred: Nested,
    *,
    x: Nested,
    training: bool,
    by_user_code: bool,
) -> Nested:
    """Trace loss and metrics of a step."""
    return trace(compare, x, y, sample_weight, y_pred)


def trace_with_gradient(
    layer: Layer,
    total: Callable[[list[Tensor], list[Tensor | None]], Tensor],
    tensors: list[Tensor],
    masks: list[Tensor | None],
) -> None:
    """Trace a sum over a layer's outputs and its gradient."""

    def step(values: list[Tensor], mask_values: list[Tensor | None]) -> Nested:
        with tf.GradientTape() as tape:
            reached = total(values, mask_values)
        return tape.gradient(reached, [w.value for w in layer.trainable_weights])

    tf.function(step).get_concrete_function(
        [tf.TensorSpec(item.shape, item.dtype) for item in tensors],
        [None if mask is None else tf.TensorSpec(mask.shape, mask.dtype) for mask in masks],
    )


def _placeholder(leaf: Any) -> Any:
    if not isinstance(leaf, keras.KerasTensor):
        return leaf
    make = tf.compat.v1.sparse_placeholder if leaf.sparse else tf.compat.v1.placeholder
    return common.with_mask(make(dtype=leaf.dtype, shape=leaf.shape), leaf, _placeholder)


def _specification(leaf: Any) -> Any:
    if not tf.is_tensor(leaf) or getattr(leaf, "shape", None) is None:
        return leaf
    if leaf.shape.rank is None:
        return None
    tensor = keras.KerasTensor(tuple(leaf.shape), str(leaf.dtype.name))
    return common.with_mask(tensor, leaf, _specification)


def handle_for(variable: Variable) -> Tensor | None:
    """A resource variable that has only a handle."""
    if variable._value is not None:
        return None
    return resource_variable_ops.UninitializedVariable(
        trainable=variable.trainable,
        shape=tuple(variable._shape),
        dtype=variable._dtype,
        name=variable.name,
    )


@contextlib.contextmanager
def outside_graphs() -> Iterator[None]:
    """Where values are computed at once."""
    with tf.init_scope():
        yield


class full_tracebacks:  # noqa: N801
    """Where TensorFlow's own frames stay in this thread's tracebacks."""

    def __enter__(self) -> None:
        self._filtered = tf.debugging.is_traceback_filtering_enabled()
        tf.debugging.disable_traceback_filtering()

    def __exit__(self, *error: object) -> None:
        if self._filtered:
            tf.debugging.enable_traceback_filtering()


def wants_values(error: BaseException) -> bool:
    """Never: a graph's tensors have no numbers, and code that wants them fails in ``fit`` too."""
    return False


def is_about_shapes(error: BaseException) -> bool:
    """Whether Keras refuses shapes."""
    return common.is_refused_by_keras(error)


def is_about_unknown_sizes(error: BaseException) -> bool:
    """Never: ``fit`` does not know the sizes either."""
    return False


def random_state() -> Any:
    """The seed and the generator of eager operations."""
    context = tf_context.context()
    rng = getattr(context, "_rng", None)
    return (context._seed, rng, None if rng is None else rng.getstate())


def restore_random_state(state: Any) -> None:
    """Put back what :func:`random_state` returned."""
    context = tf_context.context()
    context._seed, context._rng, inner = state
    if inner is not None:
        context._rng.setstate(inner)


def _skip_checkpoint_tracking() -> None:
    """What a layer keeps for checkpoints has no say in shapes.

    Each attribute that Keras sets comes through here, so what ``current()`` and ``touch()`` would
    say is asked in place.
    """
    track = KerasAutoTrackable.__setattr__
    layer_track = keras.Layer.__setattr__

    @functools.wraps(track)
    def untracked(self: Layer, name: str, value: Any) -> None:
        hooks = getattr(LOCAL, "hooks", None)
        if hooks is None:
            track(self, name, value)
            return
        if isinstance(self, keras.Layer) and self.__dict__.get(BORN) is not hooks.born_here:
            hooks.touch(self)
        object.__setattr__(self, name, value)

    @functools.wraps(layer_track)
    def plain_values_untracked(self: Layer, name: str, value: Any) -> None:
        hooks = getattr(LOCAL, "hooks", None)
        if hooks is not None and type(value) in _PLAIN and "_tracker" in self.__dict__:
            if self.__dict__.get(BORN) is not hooks.born_here:
                hooks.touch(self)
            object.__setattr__(self, name, value)
        else:
            layer_track(self, name, value)

    KerasAutoTrackable.__setattr__ = untracked
    keras.Layer.__setattr__ = plain_values_untracked


def _know_variables_without_storage() -> None:
    """TensorFlow's optimizer distinguishes variables by their storage."""
    var_key = TFOptimizer._var_key

    @functools.wraps(var_key)
    def key_without_storage(self: Optimizer, variable: Variable) -> Any:
        if (
            current() is not None
            and isinstance(variable, keras_backend.Variable)
            and variable._value is None
        ):
            return id(variable)
        return var_key(self, variable)

    TFOptimizer._var_key = key_without_storage


def _refuse_casts_of_strings() -> None:
    """No kernel casts between strings and numbers: a step fails as it runs, and a build does not.

    In the trace of a step TensorFlow is asked to cast nothing, and raises what that will raise.
    """
    cast = gen_math_ops.cast

    @functools.wraps(cast)
    def possible_cast(x: Any, DstT: Any, *args: Any, **kwargs: Any) -> Tensor:  # noqa: N803
        given, wanted = getattr(x, "dtype", None), tf.as_dtype(DstT)
        if given != wanted and tf.string in (given, wanted) and _in_graph(_GRAPH):
            with tf.init_scope(), tf.device("cpu:0"):
                cast(tf.zeros([0], given), wanted)
        return cast(x, DstT, *args, **kwargs)

    gen_math_ops.cast = possible_cast
