"""The process's random states, as they were before a check.

``random.getstate`` builds 625 integers and NumPy's ``get_state`` an array: together more than a
whole analytic verdict costs. So a check copies the memory of both generators, compares it at its
end, and writes a state back only where it changed. Where the layout of that memory is not the one
known here (it is verified once), the public functions are used.
"""

from __future__ import annotations

import ctypes
import functools
import random
import struct
from typing import Any

import numpy as np

from shapesafe_tuner._compat.backends import backend

__all__ = ["random_states_kept"]

_WORDS = 624
_PYTHON: Any = random.seed.__self__  # type: ignore[attr-defined]


class random_states_kept:  # noqa: N801
    """Undo what code inside draws from, or seeds, Python's, NumPy's and the backend's generators.

    States are only written when they changed, so that other threads are not disturbed. A class,
    as a generator would cost a tenth of an analytic verdict.

    Attributes:
        changed: afterwards, whether one of them had to be put back.
    """

    __slots__ = ("_before", "changed")

    def __enter__(self) -> random_states_kept:
        self._before = _states()
        self.changed = False
        return self

    def __exit__(self, *error: object) -> None:
        python, gauss, numpy, kept = self._before
        now = _states()
        if now[:2] != (python, gauss):
            self.changed = True
            _restore_python(python, gauss)
        if now[2] != numpy:
            self.changed = True
            _restore_numpy(numpy)
        if now[3] != kept:
            self.changed = True
            backend.restore_random_state(kept)


def _states() -> tuple[Any, Any, Any, Any]:
    return _python_memory(), _PYTHON.gauss_next, _numpy_memory(), backend.random_state()


@functools.cache
def _python_address() -> int | None:
    """Where the generator of the ``random`` module keeps its index and words, if that is known."""
    words = random.getstate()[1]
    expected = (ctypes.c_uint32 * _WORDS)(*words[:-1])
    for offset in range(object.__basicsize__, object.__basicsize__ + 33, 4):
        if _PYTHON.__class__.__basicsize__ < offset + 4 * (_WORDS + 1):
            break
        found = ctypes.string_at(id(_PYTHON) + offset, 4 * (_WORDS + 1))
        if found == words[-1].to_bytes(4, "little") + bytes(expected):
            return id(_PYTHON) + offset
    return None


def _python_memory() -> Any:
    address = _python_address()
    return random.getstate() if address is None else _memory(address, 4 * (_WORDS + 1)).raw


@functools.lru_cache(maxsize=16)
def _memory(address: int, size: int) -> Any:
    """So many bytes of the process, as an array whose ``raw`` copies them."""
    return (ctypes.c_char * size).from_address(address)


def _restore_python(memory: Any, gauss: Any) -> None:
    if isinstance(memory, bytes):
        index, *words = np.frombuffer(memory, np.uint32).tolist()
        memory = (_PYTHON.VERSION, (*words, index), gauss)
    random.setstate(memory)


@functools.cache
def _gauss_address(generator: Any) -> int | None:
    """Where NumPy's global generator keeps the second number of its last normal pair."""
    state: Any = np.random.get_state()
    marker = 0.123456789
    np.random.set_state(("MT19937", state[1], state[2], 1, marker))
    memory = ctypes.string_at(id(generator), type(generator).__basicsize__)
    np.random.set_state(state)
    place = memory.find(struct.pack("d", marker))
    known = place >= 8 and struct.unpack_from("i", memory, place - 8)[0] == 1
    return id(generator) + place - 8 if known else None


def _numpy_memory() -> Any:
    generator = np.random.mtrand._rand
    words = generator._bit_generator
    if type(words).__name__ != "MT19937" or (gauss := _gauss_address(generator)) is None:
        return repr(state := np.random.get_state(legacy=False)), state
    address = words.ctypes.state_address
    return _memory(address, 4 * (_WORDS + 1)).raw, _memory(gauss, 16).raw


def _restore_numpy(memory: Any) -> None:
    words, gauss = memory
    if isinstance(words, bytes):
        numbers = np.frombuffer(words, np.uint32)
        has_gauss, number = struct.unpack("i4xd", gauss)
        np.random.set_state(("MT19937", numbers[:-1], int(numbers[-1]), has_gauss, number))
    else:
        np.random.set_state(gauss)
