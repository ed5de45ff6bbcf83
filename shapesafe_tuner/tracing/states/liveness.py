"""Which local variables a code object may still read from each instruction on.

What it will not read is no part of its state: after ``for _ in range(depth)`` the depth is
forgotten, though the local is still there. This is the analysis of live variables of every
compiler (Aho, Lam, Sethi and Ullman, *Compilers*, 2006, section 9.2.5), on bytecode.
"""

from __future__ import annotations

import dis
import functools
import types
from collections.abc import Mapping

__all__ = ["live_names"]

_ENDS = frozenset(["RETURN_VALUE", "RETURN_CONST", "RERAISE", "RAISE_VARARGS"])
_ALWAYS_JUMPS = frozenset(["JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"])


@functools.lru_cache(maxsize=4096)
def live_names(code: types.CodeType) -> Mapping[int, frozenset[str]]:
    """By the offset of an instruction, the locals that it or a later one may read.

    Variables that closures share are alive everywhere.
    """
    found = list(dis.get_instructions(code))
    after = _successors(code, found)
    shared = frozenset((*code.co_cellvars, *code.co_freevars))
    live = {item.offset: shared for item in found}
    reads, writes = {}, {}
    for item in found:
        reads[item.offset], writes[item.offset] = _effect(item)
    changed = True
    while changed:
        changed = False
        for item in reversed(found):
            at = item.offset
            later = shared.union(*[live[each] for each in after[at]])
            now = reads[at] | (later - writes[at]) | shared
            if now != live[at]:
                live[at] = now
                changed = True
    return live


def _successors(code: types.CodeType, found: list[dis.Instruction]) -> dict[int, list[int]]:
    """Where each instruction may go on, to the handlers of exceptions too."""
    handlers = getattr(dis, "_parse_exception_table")(code)  # noqa: B009
    after: dict[int, list[int]] = {}
    for place, item in enumerate(found):
        ways = [entry.target for entry in handlers if entry.start <= item.offset < entry.end]
        if item.opcode in dis.hasjrel or item.opcode in dis.hasjabs:
            ways.append(item.argval)
        goes_on = item.opname not in _ENDS and item.opname not in _ALWAYS_JUMPS
        if goes_on and place + 1 < len(found):
            ways.append(found[place + 1].offset)
        after[item.offset] = ways
    return after


def _effect(item: dis.Instruction) -> tuple[frozenset[str], frozenset[str]]:
    """The locals that an instruction reads, and those that it surely overwrites."""
    if item.opname == "STORE_FAST":
        return frozenset(), frozenset([item.argval])
    if item.opcode in dis.haslocal:
        # Whatever else touches a local counts as reading it; some name two.
        names = item.argval if isinstance(item.argval, tuple) else (item.argval,)
        return frozenset(names), frozenset()
    return frozenset(), frozenset()
