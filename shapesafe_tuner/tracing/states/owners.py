"""Whose code and whose classes: the user's, a library's, Python's own."""

from __future__ import annotations

import dis
import functools
import os
import sys
import types

from shapesafe_tuner.tracing.attribution import OURS
from shapesafe_tuner.tracing.code_reading import names_of, nested_codes

__all__ = [
    "LIBRARIES", "STATELESS", "ends_following", "file_of", "is_generated", "is_of_python",
    "is_users", "stored_names", "watches_lifetimes",
]  # fmt: skip

LIBRARIES = ("keras", "keras_tuner", "tensorflow", "numpy", "jax", "jaxlib", "torch")
HYPERMODELS = ("applications", "src/applications")
"""Where KerasTuner keeps builds, which are followed as a user's are."""
STATELESS = frozenset(
    "keras keras_tuner tensorflow numpy math functools itertools operator collections typing "
    "dataclasses enum copy re string abc types warnings logging numbers fractions statistics "
    "__future__".split()
)
"""Modules in which a run leaves nothing, but for attributes that user code sets."""
_PYTHONS = os.path.dirname(os.__file__)
_ENDS = frozenset(
    "globals vars locals exec eval setattr delattr __dict__ __setattr__ __delattr__ inspect sys "
    "_getframe settrace setprofile __import__ import_module threading ctypes".split()
)
"""Names by which code reaches what a walk does not see."""
_LIFETIMES = frozenset("__del__ weakref gc getrefcount finalize".split())


@functools.cache
def is_users(file: str) -> bool:
    """Whether a file is followed: the user's, or of a library that may call user code back."""
    inside = any(f"/site-packages/{name}/" in file for name in LIBRARIES)
    inside = inside and not any(f"/keras_tuner/{name}/" in file for name in HYPERMODELS)
    return not inside and not file.startswith(OURS)


@functools.cache
def is_of_python(file: str) -> bool:
    """Whether a file is of Python's own library."""
    return file.startswith("<frozen") or (file.startswith(_PYTHONS) and "site-packages" not in file)


def is_generated(module: str) -> bool:
    """Whether code without a file was made by a library."""
    return module.startswith("namedtuple_") or module.split(".", maxsplit=1)[0] in (
        "shapesafe_tuner",
        *LIBRARIES,
    )


@functools.cache
def file_of(cls: type) -> str | None:
    """The file of the module that a class says it is of."""
    if cls.__module__ == "__main__":
        return getattr(sys.modules.get("__main__"), "__file__", None) or "<main>"
    return getattr(sys.modules.get(cls.__module__), "__file__", None)


@functools.lru_cache(maxsize=4096)
def stored_names(code: types.CodeType) -> tuple[str, ...]:
    """The attributes that a code object sets or deletes."""
    return tuple(
        item.argval
        for item in dis.get_instructions(code)
        if item.opname in ("STORE_ATTR", "DELETE_ATTR")
    )


@functools.lru_cache(maxsize=4096)
def ends_following(code: types.CodeType) -> str | None:
    """The name by which a code object reaches what a walk does not see, or None."""
    return next((name for name in code.co_names if name in _ENDS), None)


@functools.lru_cache(maxsize=4096)
def watches_lifetimes(code: types.CodeType) -> bool:
    """Whether a code object, or one inside it, may notice when an object dies.

    To look at a frame's locals makes a copy of them that keeps them alive, after ``del`` too.
    """
    named = names_of(code)
    inner = [each.co_name for each in nested_codes(code)]
    return not _LIFETIMES.isdisjoint(named) or not _LIFETIMES.isdisjoint(inner)
