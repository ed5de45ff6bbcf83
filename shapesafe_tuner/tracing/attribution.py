"""Whose error is it? An exception of a check becomes a fault, a declaration, a bug or unknown.

Only what Keras or its backend raises, and what the user's arithmetic on shapes raises, is a
shape fault. The frame that raised decides, and the type only where that frame is the user's.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import linecache
import os
import re
import sysconfig
import traceback
from collections.abc import Callable
from typing import Any

import keras
import keras_tuner

from shapesafe_tuner._compat.backends import backend
from shapesafe_tuner._compat.keras.global_state import KERAS_FOLDER
from shapesafe_tuner._compat.keras_tuner.configurations import LOOK_UPS
from shapesafe_tuner._compat.types import Operation
from shapesafe_tuner.escaping import is_printable, message_of
from shapesafe_tuner.tracing.shape_table import shapes_of
from shapesafe_tuner.tracing.signals import Undecidable

__all__ = [
    "OURS", "Attribution", "Origin", "attribute", "described", "place_of_code", "place_of_error",
    "type_name",
]  # fmt: skip

_LIBRARIES = os.path.normcase(sysconfig.get_paths()["purelib"])
_PYTHON = os.path.normcase(sysconfig.get_paths()["stdlib"]) + os.sep
_PACKAGES = ("keras", "tensorflow", "jax", "jaxlib", "torch", "numpy", "optree", "tree")
_SHAPE_PACKAGES = (
    KERAS_FOLDER + os.sep,
    *(os.path.join(_LIBRARIES, package) + os.sep for package in _PACKAGES),
)
_APPLICATIONS = os.path.join(KERAS_FOLDER, "src", "applications") + os.sep
OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
"""What the files of this package begin with; the folder of a checkout has the same name."""
_CONSTRUCTOR = re.compile(r"^(\w+)\.__init__\(\) (missing|got an unexpected|takes)")
_REFUSALS = (
    ValueError, TypeError, LookupError, AssertionError, ArithmeticError, RuntimeError,
    NotImplementedError, AttributeError,
)  # fmt: skip
_OTHER_REFUSALS = ("OpError", "InconclusiveDimensionOperation")
"""Of TensorFlow's operations, and of JAX's where a shape decides that is not known in a build."""
_USER_REFUSALS = (ValueError, IndexError, AssertionError, ArithmeticError)
_NOT_SHAPES = (
    "ResourceExhaustedError",
    "UnavailableError",
    "AbortedError",
    "DeadlineExceededError",
)


_CONTAINERS = ("CompileLoss", "CompileMetrics", "MetricsList")
"""Of the losses and metrics that ``compile`` was given."""
_NO_STORAGE = ("'SymbolicTensor' object has no attribute", "Unknown variable: <")
"""How an error begins that comes of reading a variable's values: in a check it has none."""


class Origin(enum.Enum):
    """What an exception of a check means."""

    FAULT = "fault"
    DECLARED = "declared"
    BUG = "bug"
    UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True)
class Attribution:
    """Where an exception belongs.

    Attributes:
        origin: what it means for the verdict.
        operation: the layer, operation, loss or metric that raised, if one did.
        message: what it said.
        by_user_code: raised by a line of the user's, not inside Keras or its backend.
        by_keras_tuner: raised inside KerasTuner, as for a range without values.
        inputs: the shapes a loss or metric compared: targets, then outputs.
        about: the output that a loss compared, or the application that refuses to be made.
        hint: what else there is to say, as the end of a sentence.
    """

    origin: Origin
    operation: Any
    message: str
    by_user_code: bool
    by_keras_tuner: bool = False
    inputs: Any = None
    about: str | None = None
    hint: str | None = None


def attribute(error: BaseException) -> Attribution:
    """Decide whose ``error`` is; it must still carry its traceback."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    while len(frames) > 1 and _is_of_python(frames[-1].f_code.co_filename):
        frames.pop()  # for example ``re``, which raises on its caller's behalf
    inside = [frame for frame in frames if not frame.f_code.co_filename.startswith(OURS)]
    raised_in = inside[-1].f_code.co_filename if inside else ""
    in_library = os.path.normcase(raised_in).startswith(_SHAPE_PACKAGES)
    origin = _library_origin(error) if in_library else _user_origin(error)
    if isinstance(error, keras_tuner.errors.FatalError) or raised_in == LOOK_UPS:
        origin = Origin.BUG  # no shape is wrong: the search fails, or ends, as in KerasTuner
    if frames and frames[-1].f_code.co_filename.startswith(OURS):
        origin = Origin.UNKNOWN  # an error of the check itself proves nothing
    if not is_printable(error):
        origin = Origin.UNKNOWN  # nor does one that cannot say what it is
    operation, frame = _failing(frames)
    return Attribution(
        origin=origin,
        operation=operation,
        message=_message(error),
        by_user_code=not in_library,
        by_keras_tuner=f"{os.sep}keras_tuner{os.sep}" in raised_in,
        inputs=_compared(operation, frame),
        about=_application(frames) if operation is None else _output(frames),
    )


def _is_of_python(name: str) -> bool:
    path = os.path.normcase(name)
    return name.startswith("<frozen") or (
        path.startswith(_PYTHON) and not path.startswith(_LIBRARIES)
    )


def type_name(operation: Operation) -> str:
    """Its class, or the function where Keras only wraps one."""
    function = getattr(operation, "fn", None) or getattr(operation, "_fn", None)
    wrapped = type(operation).__name__ in ("LossFunctionWrapper", "MeanMetricWrapper")
    if wrapped and callable(function):
        return getattr(function, "__name__", type(operation).__name__)
    return type(operation).__name__


def _message(error: BaseException) -> str:
    if isinstance(error, KeyError) and error.args:
        return f"KeyError: {error.args[0]!r}"
    if backend.wants_values(error):
        return (
            f"it needs the numbers in a tensor, which a check does not have ({message_of(error)})"
        )
    return message_of(error)


def _library_origin(error: BaseException) -> Origin:
    if _is_declared(error):
        return Origin.DECLARED
    if isinstance(error, (Undecidable, MemoryError, RecursionError, Warning, OSError)):
        return Origin.UNKNOWN
    names = {kind.__name__ for kind in type(error).__mro__}
    if backend.wants_values(error):
        return Origin.UNKNOWN
    if names.intersection(_NOT_SHAPES) or any(words in message_of(error) for words in _NO_STORAGE):
        return Origin.UNKNOWN
    if names.intersection(_OTHER_REFUSALS) or isinstance(error, _REFUSALS):
        return Origin.BUG if isinstance(error, (NameError, ImportError)) else Origin.FAULT
    return Origin.UNKNOWN


def _user_origin(error: BaseException) -> Origin:
    if _is_declared(error):
        return Origin.DECLARED
    if isinstance(error, (Undecidable, MemoryError, RecursionError, Warning, SystemExit)):
        return Origin.UNKNOWN
    if isinstance(error, UnicodeError):
        return Origin.BUG
    if isinstance(error, _USER_REFUSALS):
        return Origin.FAULT
    if isinstance(error, TypeError):
        return Origin.FAULT if _refused_constructor(error) or _on_a_shape(error) else Origin.BUG
    return Origin.BUG if isinstance(error, Exception) else Origin.UNKNOWN


def _is_declared(error: BaseException) -> bool:
    return isinstance(error, keras_tuner.errors.FailedTrialError)


def _refused_constructor(error: TypeError) -> bool:
    """``Dense()``: Python refuses the arguments of a Keras class before its code runs."""
    found = _CONSTRUCTOR.match(message_of(error))
    return found is not None and hasattr(keras.layers, found[1])


def _on_a_shape(error: TypeError) -> bool:
    """``x.shape[1] // 2`` with an unknown size: the line reads a shape and ``None`` is blamed."""
    if "NoneType" not in message_of(error) or error.__traceback__ is None:
        return False
    frame, line = list(traceback.walk_tb(error.__traceback__))[-1]
    source = linecache.getline(frame.f_code.co_filename, line, frame.f_globals)
    if "shape" in source:
        return True
    names = set(re.findall(r"[A-Za-z_]\w*", source))
    return any(
        name in frame.f_locals and frame.f_locals[name] is None and _came_from_shape(frame, name)
        for name in names
    )


def _came_from_shape(frame: Any, name: str) -> bool:
    """Whether the function assigned ``name`` in a line that reads a shape."""
    assignment = re.compile(rf"\b{name}\b.*=.*shape")
    first = frame.f_code.co_firstlineno
    lines = linecache.getlines(frame.f_code.co_filename, frame.f_globals)[
        first - 1 : frame.f_lineno
    ]
    return any(assignment.search(line) for line in lines)


def _failing(frames: list[Any]) -> tuple[Any, Any]:
    """The layer or operation the user would name, and the frame it was found in.

    Models and the user's own layers are looked into; a layer of Keras is named as it is, not the
    parts it is made of (an LSTM, not its cell).
    """
    found, where = None, None
    for frame in frames:
        candidate = frame.f_locals.get("self")
        if not isinstance(candidate, (keras.Operation, keras.losses.Loss, keras.metrics.Metric)):
            continue
        found, where = candidate, frame
        if not _looked_into(candidate):
            break
    return found, where


def _compared(operation: Any, frame: Any) -> Any:
    if frame is None or not isinstance(operation, (keras.losses.Loss, keras.metrics.Metric)):
        return None
    pair = shapes_of([frame.f_locals.get(name) for name in ("y_true", "y_pred")])
    return None if None in pair else pair


def _application(frames: list[Any]) -> str | None:
    """The function of ``keras.applications`` that was called, if one was."""
    names = (frame.f_code.co_name for frame in frames if _APPLICATIONS in frame.f_code.co_filename)
    return next((name for name in names if hasattr(keras.applications, name)), None)


def _output(frames: list[Any]) -> str | None:
    """Which of several outputs was compared."""
    for frame in frames:
        owner, path = frame.f_locals.get("self"), frame.f_locals.get("path")
        if type(owner).__name__ == "CompileLoss" and isinstance(path, tuple) and path:
            names = getattr(owner, "output_names", None) or ()
            known = type(path[-1]) is int and path[-1] < len(names)
            return f"output '{names[path[-1]] if known else path[-1]}'"
    return None


def _looked_into(operation: Any) -> bool:
    if isinstance(operation, keras.Model) or type(operation).__name__ in _CONTAINERS:
        return True
    own = type(operation).__module__.split(".")[0] == "keras"
    return isinstance(operation, keras.Layer) and not own


_PATHS = sysconfig.get_paths()
_NOT_THE_USERS = tuple(
    os.path.normcase(os.path.join(folder, ""))
    for folder in (_PATHS["purelib"], _PATHS["platlib"], _PATHS["stdlib"], OURS)
)
_LONGEST = 400


def place_of_error(error: BaseException) -> str | None:
    """The last line of the user's that it went through; None if it went through none."""
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        name = frame.f_code.co_filename
        if not os.path.normcase(name).startswith(_NOT_THE_USERS) and not name.startswith("<frozen"):
            return _place(name, line)
    return None


def place_of_code(build: Callable[..., Any]) -> str | None:
    """Where a function begins; None where it has no code."""
    code = getattr(inspect.unwrap(getattr(build, "__func__", build)), "__code__", None)
    return None if code is None else _place(code.co_filename, code.co_firstlineno)


def described(error: BaseException, build: Callable[..., Any] | None = None) -> str:
    """The kind of an error, what it says and where it is, on one line.

    Args:
        error: with its traceback.
        build: what was called, for an error that its call itself raises.
    """
    message = " ".join(message_of(error).split()).rstrip(".")
    if len(message) > _LONGEST:
        message = message[: _LONGEST - 1] + "…"
    place = place_of_error(error) or (place_of_code(build) if build is not None else None)
    kind = type(error).__name__
    return (kind if message in ("", kind) else f"{kind}: {message}") + (
        f" ({place})" if place else ""
    )


def _place(name: str, line: int) -> str:
    """A file by its path from the current folder if it is in it; what is no file by its name."""
    if not os.path.exists(name):
        return f"{os.path.basename(name)}, line {line}"
    path = os.path.abspath(name)
    folder = os.getcwd() + os.sep
    return f"{path.removeprefix(folder)}, line {line}"
