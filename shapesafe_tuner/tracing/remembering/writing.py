"""What code only writes to: counters and logs, of which nothing that it does depends.

``calls += 1``, ``counts["steps"] += 1`` and ``log.append(x.shape)`` read a value only to put
another in its place. What such a name stands for is something else after each call, and no reason
to take the code for another.
"""

from __future__ import annotations

import dis
import functools
from collections import Counter
from types import CodeType

__all__ = ["only_written"]

_LOADS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_ATTR", "LOAD_METHOD")
_PUTS = frozenset(["append", "add", "extend", "appendleft"])
_SHUFFLES = frozenset("COPY DUP_TOP DUP_TOP_TWO SWAP ROT_TWO ROT_THREE NOP CACHE PRECALL".split())


def only_written(*codes: CodeType) -> frozenset[str]:
    """The names of globals, cells and attributes that these codes, and those inside, only write to.

    Args:
        *codes: all that can name them.
    """
    loaded: Counter[str] = Counter()
    written: Counter[str] = Counter()
    for code in codes:
        loads, writes = _uses(code)
        loaded.update(loads)
        written.update(writes)
    return frozenset(name for name, times in written.items() if times == loaded[name])


@functools.lru_cache(maxsize=4096)
def _uses(code: CodeType) -> tuple[Counter[str], Counter[str]]:
    """How often each name is loaded, and how often only to be written to."""
    steps = [step for step in dis.get_instructions(code) if step.opname not in _SHUFFLES]
    loaded: Counter[str] = Counter()
    written: Counter[str] = Counter()
    for place, step in enumerate(steps):
        if step.opname in _LOADS:
            loaded[step.argval] += 1
            after = steps[place + 1 : place + 6]
            written[step.argval] += _is_log(after) or _is_counter(step.argval, after)
    for const in code.co_consts:
        if isinstance(const, CodeType):
            inner = _uses(const)
            loaded.update(inner[0])
            written.update(inner[1])
    return loaded, written


def _is_log(after: list[dis.Instruction]) -> bool:
    return bool(after) and after[0].opname in _LOADS and after[0].argval in _PUTS


def _is_counter(name: str, after: list[dis.Instruction]) -> bool:
    """Whether a constant is added to what was loaded, or to an item of it, and put back there."""
    if len(after) > 4 and after[0].opname == "LOAD_CONST" and after[1].opname == "BINARY_SUBSCR":
        return _adds(after[2:4]) and after[4].opname == "STORE_SUBSCR"
    stores = len(after) > 2 and after[2].opname.startswith("STORE_") and after[2].argval == name
    return stores and _adds(after[:2])


def _adds(steps: list[dis.Instruction]) -> bool:
    constant, adding = steps
    added = adding.opname == "INPLACE_ADD" or adding.argrepr == "+="
    return constant.opname == "LOAD_CONST" and added
