"""What Keras's backends (TensorFlow, JAX, PyTorch) need to trace without storage."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
from keras.src import backend as keras_backend
from keras.src import tree

BACKEND: str = keras.config.backend()
_GRAPH = "shapesafe_tuner"

if BACKEND == "tensorflow":
    import tensorflow as tf
    from tensorflow.python.eager import context as tf_context
    from tensorflow.python.ops import resource_variable_ops

elif BACKEND == "jax":
    import jax
    import jax.export
    from jax._src import config as jax_config
    from keras.src.utils.jax_utils import is_in_jax_tracing_scope
else:
    import torch

    from shapesafe_tuner._compat.backends import torch_tracing


def install(current: Callable[[], Any]) -> None:
    """Put the backend's own hooks in place.

    Args:
        current: gives the hooks of the check in the calling thread, or None.
    """
    if BACKEND == "torch":
        torch_tracing.install(current)


def is_tracing() -> bool:
    """True while a check or Keras's shape inference records operations instead of computing.

    A function of the user's own that is traced in ``build``, as by ``predict`` or ``fit``, is
    none of that: it will run, and needs real values.
    """
    if BACKEND == "tensorflow":
        return not tf.executing_eagerly() and _in_scratch_graph()
    if BACKEND == "jax":
        return bool(is_in_jax_tracing_scope())
    return torch_tracing.is_faking()


def computes() -> bool:
    """True while operations are computed at once."""
    return bool(tf.executing_eagerly()) if BACKEND == "tensorflow" else not is_tracing()


def _in_scratch_graph() -> bool:
    graph = tf.compat.v1.get_default_graph()
    while graph is not None:
        if str(getattr(graph, "name", "")).startswith((_GRAPH, "scratch_graph")):
            return True
        graph = getattr(graph, "outer_graph", None)
    return False


def symbolic_zeros(shape: Any, dtype: Any) -> Any:
    """A value of this shape inside a trace. In a graph or jaxpr a node, never an allocation."""
    return keras_backend.numpy.zeros(shape, dtype=dtype)


def wants_values(error: BaseException) -> bool:
    """Whether a trace ended at code that looks at the numbers in a tensor."""
    return BACKEND == "torch" and torch_tracing.wants_values(error)


def lacks_handle(variable: Any) -> bool:
    """Whether gradients cannot be traced through a variable as it is."""
    if BACKEND == "torch":
        return not torch_tracing.is_fake(variable._value)
    return variable._value is None


def variable_handle(variable: Any) -> Any:
    """What stands for a variable's value, without storage, while gradients are traced.

    On TensorFlow a resource variable that has only a handle, on PyTorch a fake parameter.
    """
    if BACKEND == "torch":
        return torch_tracing.empty_parameter(variable)
    return resource_variable_ops.UninitializedVariable(
        trainable=variable.trainable,
        shape=tuple(variable._shape),
        dtype=variable._dtype,
        name=variable.name,
    )


@contextlib.contextmanager
def outside_graphs() -> Iterator[None]:
    """Where values are computed at once, even if a function is being traced around it."""
    if BACKEND == "tensorflow":
        with tf.init_scope():
            yield
    elif BACKEND == "jax":
        with jax.ensure_compile_time_eval():
            yield
    else:
        with torch_tracing.computing():
            yield


def full_tracebacks() -> contextlib.AbstractContextManager[Any]:
    """Where the backend's own frames stay in this thread's tracebacks."""
    if BACKEND == "tensorflow":
        return _full_tensorflow_tracebacks()
    if BACKEND == "jax":
        return jax_config.traceback_filtering("off")  # type: ignore[no-any-return]
    return contextlib.nullcontext()


class _full_tensorflow_tracebacks:  # noqa: N801
    def __enter__(self) -> None:
        self._filtered = tf.debugging.is_traceback_filtering_enabled()
        tf.debugging.disable_traceback_filtering()

    def __exit__(self, *error: object) -> None:
        if self._filtered:
            tf.debugging.enable_traceback_filtering()


def known_size(size: Any) -> int | None:
    """A size of a traced shape, None where it is open: JAX has expressions there."""
    if size is None or (BACKEND == "jax" and jax.export.is_symbolic_dim(size)):
        return None
    return int(size)


def is_about_shapes(error: BaseException) -> bool:
    """Whether the backend, or Keras, refuses shapes, so that real values would not help."""
    if isinstance(error, ValueError):
        return "unpack" not in str(error)
    if BACKEND == "torch":
        return isinstance(error, (RuntimeError, IndexError)) and not wants_values(error)
    return (
        BACKEND == "jax"
        and isinstance(error, TypeError)
        and not isinstance(error, jax.errors.JAXTypeError)  # it needed a value
        and "shape" in str(error)
    )


def is_about_unknown_sizes(error: BaseException) -> bool:
    """Whether a trace stopped at a size that it did not know, which ``fit`` does know.

    Keras gives JAX one symbol for all unknown sizes, ``dynamic_dimension``.
    """
    return BACKEND == "jax" and "dynamic_dimension" in str(error)


def random_state() -> Any:
    """The backend's own global random state, to compare and to put back."""
    if BACKEND == "tensorflow":
        context = tf_context.context()
        rng = getattr(context, "_rng", None)
        return (context._seed, rng, None if rng is None else rng.getstate())
    if BACKEND == "torch":
        return torch.get_rng_state().numpy().tobytes()
    return None


def restore_random_state(state: Any) -> None:
    """Put back what :func:`random_state` returned."""
    if BACKEND == "tensorflow":
        context = tf_context.context()
        context._seed, context._rng, inner = state
        if inner is not None:
            context._rng.setstate(inner)
    elif BACKEND == "torch":
        torch.set_rng_state(torch.frombuffer(bytearray(state), dtype=torch.uint8))


def trace(function: Callable[..., Any], *specs: Any) -> Any:
    """Call ``function`` on symbolic tensors of these specifications; return the output's.

    Args:
        function: takes tensors in the structure of ``specs``.
        specs: nested structures of ``keras.KerasTensor``; other leaves are passed as they are.

    Returns:
        The structure of ``function``'s result with ``keras.KerasTensor`` in place of tensors.

    On TensorFlow the trace is a plain graph, as ``fit`` makes one: variables may be assigned and
    created. So they may on PyTorch, where tensors without storage are computed with. JAX uses
    Keras's own stateless, symbolic scopes.
    """
    if BACKEND == "torch":
        return torch_tracing.trace(function, *specs)
    if BACKEND != "tensorflow":
        return keras_backend.compute_output_spec(function, *specs)
    graph = tf.__internal__.FuncGraph(_GRAPH)
    with graph.as_default():
        outputs = function(*tree.map_structure(_placeholder, specs))
        return tree.map_structure(_specification, outputs)


def _placeholder(leaf: Any) -> Any:
    if not isinstance(leaf, keras.KerasTensor):
        return leaf
    make = tf.compat.v1.sparse_placeholder if leaf.sparse else tf.compat.v1.placeholder
    placeholder = make(dtype=leaf.dtype, shape=leaf.shape)
    mask = keras_backend.get_keras_mask(leaf)
    if mask is not None:
        keras_backend.set_keras_mask(placeholder, _placeholder(mask))
    return placeholder


def _specification(leaf: Any) -> Any:
    if not tf.is_tensor(leaf) or getattr(leaf, "shape", None) is None:
        return leaf
    if leaf.shape.rank is None:
        return None
    tensor = keras.KerasTensor(tuple(leaf.shape), str(leaf.dtype.name))
    mask = keras_backend.get_keras_mask(leaf)
    if mask is not None:
        keras_backend.set_keras_mask(tensor, _specification(mask))
    return tensor


def _zeros(tensor: Any) -> Any:
    return None if tensor is None else keras.ops.zeros(tensor.shape, tensor.dtype)


def trace_layer(layer: Any, inputs: Any, further: dict[str, Any]) -> Any:
    """Trace one training step's worth of a built layer: its call and the gradient of its sum.

    Args:
        layer: built, with real weights.
        inputs: ``KerasTensor`` of known sizes, or a structure of them; masks ride on them.
        further: further arguments of the call.

    Returns:
        The traced outputs.

    Raises:
        Exception: whatever the layer or the backend raises.
    """
    flat = tree.flatten((inputs, further))
    symbolic = [item for item in flat if isinstance(item, keras.KerasTensor)]
    masks = [keras_backend.get_keras_mask(item) for item in symbolic]
    seen: list[Any] = []

    def step(values: list[Any], mask_values: list[Any]) -> Any:
        for value, mask in zip(values, mask_values, strict=True):
            if mask is not None:
                keras_backend.set_keras_mask(value, mask)
        given = iter(values)
        # PyTorch's trees do not visit a dict in the order in which they flatten it.
        filled = [next(given) if isinstance(item, keras.KerasTensor) else item for item in flat]
        x, more = tree.pack_sequence_as((inputs, further), filled)
        outputs = layer(x, training=True, **more)
        seen.append(outputs)
        return sum(
            keras.ops.sum(keras.ops.cast(output, "float32")) for output in tree.flatten(outputs)
        )

    if BACKEND == "tensorflow":

        def with_gradient(values: list[Any], mask_values: list[Any]) -> Any:
            with tf.GradientTape() as tape:
                total = step(values, mask_values)
            return tape.gradient(total, [w.value for w in layer.trainable_weights])

        tf.function(with_gradient).get_concrete_function(
            [tf.TensorSpec(item.shape, item.dtype) for item in symbolic],
            [None if mask is None else tf.TensorSpec(mask.shape, mask.dtype) for mask in masks],
        )
    elif BACKEND == "jax" and not layer.supports_jit:
        # With such a layer in the model ``fit`` runs on real values.
        step([_zeros(item) for item in symbolic], [_zeros(mask) for mask in masks])
    elif BACKEND == "jax":
        weights = layer.trainable_variables

        def loss(given: list[Any], values: list[Any], mask_values: list[Any]) -> Any:
            with keras.StatelessScope(state_mapping=list(zip(weights, given, strict=True))):
                return step(values, mask_values)

        given = [keras.KerasTensor(weight.shape, weight.dtype) for weight in weights]
        keras_backend.compute_output_spec(jax.grad(loss), given, symbolic, masks)
    else:
        total = step([_zeros(item) for item in symbolic], [_zeros(mask) for mask in masks])
        if total.requires_grad:
            total.backward()
    return seen[-1]
