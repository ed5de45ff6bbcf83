"""Which value C code wanted itself.

``getattr(keras.optimizers, name)`` and ``"_".join([name])`` look into a string without asking it
for anything, so that a proxy cannot answer: Python raises a ``TypeError``. It says nothing of the
configuration; the run is made again with that value chosen, and shown.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from shapesafe_tuner._compat.types import Value
from shapesafe_tuner.tracing.lazy import Proxy
from shapesafe_tuner.tracing.states.early import stem

__all__ = ["wanted"]

_PROXY = re.compile(r"\b(?:Lazy|Opaque)(Str|Int|Float)\b")
_TEXT = re.compile(r"\bstr(?:ing)?\b")
_KINDS: dict[str, type] = {"Str": str, "Int": int, "Float": float}


def wanted(
    error: BaseException, read: Mapping[str, Value], shown: Collection[str] | None = None
) -> str | None:
    """The hyperparameter that an error is about, which may be asked for next.

    Nobody knows where a proxy came from, so that it is the one of this type that was read last;
    should it be another, the next run fails in the same way, and the one before it comes next.

    Args:
        error: that left ``build``.
        read: what was read, in order: values, or proxies of what is not chosen.
        shown: stems of those whose values are shown when they are read; None where what is
            chosen is always shown.

    Returns:
        Its name; None if the error is of another kind.
    """
    if type(error) is not TypeError:
        return None
    said = str(error)
    found = _PROXY.search(said)
    if found is None and not _TEXT.search(said):
        return None
    kind = _KINDS[found[1] if found else "Str"]
    for name, value in reversed(list(read.items())):
        is_hidden = issubclass(type(value), Proxy) if shown is None else stem(name) not in shown
        if is_hidden and isinstance(value, kind) and not isinstance(value, bool):
            return name
    return None
