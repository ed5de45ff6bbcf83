"""Rows that a traced graph takes by numbers which the graph itself knows: positions, mostly.

``Embedding(n, width)(ops.arange(length))`` in a ``call`` takes rows that a short table does not
have. TensorFlow sees that as the step runs, on a CPU; shapes do not show it.
"""

from __future__ import annotations

import contextlib
import math
from typing import Any

import numpy as np
import tensorflow as tf

from shapesafe_tuner._compat.active import StrayLookup
from shapesafe_tuner._compat.types import Tensor

__all__ = ["stray_lookups"]

_UNKNOWN = (tf.errors.OpError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What TensorFlow raises where a graph cannot be read or run in part."""
_MOST_OPERATIONS = 40
_MOST_NUMBERS = 2**16


def stray_lookups(graph: tf.Graph) -> list[StrayLookup]:
    """The lookups of a traced graph that go beyond their table.

    Args:
        graph: without the functions that it calls.
    """
    found: list[StrayLookup | None] = []
    for operation in graph.get_operations():
        if operation.type == "GatherV2":
            with contextlib.suppress(*_UNKNOWN):  # what is not known here is not noted
                found.append(_stray(operation))
    return [lookup for lookup in found if lookup is not None]


def _stray(operation: Any) -> StrayLookup | None:
    table, numbers, axis = operation.inputs
    place = tf.get_static_value(axis)
    rows: int | None = None if place is None else table.shape[int(place)]
    if rows is None:
        return None
    taken = _value(numbers)
    if taken is None or not taken.size or 0 <= taken.min() <= taken.max() < rows:
        return None
    scopes = tuple(operation.name.split("/")[:-1])
    return StrayLookup(scopes, rows, int(taken.min()), int(taken.max()))


def _value(tensor: Tensor) -> Any:
    """The numbers in a tensor, an array, where no input of the graph decides about them."""
    constants: dict[str, tuple[Tensor, Any]] = {}
    computed: dict[str, Any] = {}
    wanted = [tensor]
    while wanted:
        item = wanted.pop()
        operation = item.op
        if item.name in constants or operation.name in computed:
            continue
        if (item.shape.num_elements() or math.inf) > _MOST_NUMBERS:
            return None
        known = tf.get_static_value(item)
        if known is not None:
            constants[item.name] = item, known
            continue
        stateful = operation.op_def.is_stateful or operation.control_inputs
        if stateful or not operation.inputs or len(computed) == _MOST_OPERATIONS:
            return None
        computed[operation.name] = operation
        wanted += operation.inputs
    if not computed:
        return np.asarray(constants[tensor.name][1])
    return _run(tensor, constants, list(computed.values()))


def _run(tensor: Tensor, constants: dict[str, tuple[Tensor, Any]], computed: list[Any]) -> Any:
    definition = tf.compat.v1.GraphDef(node=[operation.node_def for operation in computed])

    def imported() -> Any:
        given = {name: tf.constant(known, item.dtype) for name, (item, known) in constants.items()}
        return tf.graph_util.import_graph_def(
            definition, input_map=given, return_elements=[tensor.name], name=""
        )

    with tf.init_scope(), tf.device("CPU:0"):
        return tf.compat.v1.wrap_function(imported, [])()[0].numpy()
