"""Which local variables a code object may still read from each instruction on.

What it will not read is no part of its state: after ``for _ in range(depth)`` the depth is
forgotten, though the local is still there. This is the analysis of live variables of every
compiler (Aho, Lam, Sethi and Ullman, *Compilers*, 2006, section 9.2.5), on bytecode.
"""

from __future__ import annotations

import dis
from collections.abc import Iterable, Mapping, Sequence

__all__ = ["live_names"]


def live_names(
    instructions: Iterable[dis.Instruction],
    after: Mapping[int, Sequence[int]],
    shared: Iterable[str],
) -> Mapping[int, frozenset[str]]:
    """By the offset of an instruction, the locals that it or a later one may read.

    Args:
        instructions: of a code object.
        after: by offset, where each may go on, to the handlers of exceptions too.
        shared: variables that closures share, which are alive everywhere.
    """
    found = list(instructions)
    always = frozenset(shared)
    live = {item.offset: always for item in found}
    effects = {item.offset: _effect(item) for item in found}
    changed = True
    while changed:
        changed = False
        for at in reversed(live):
            reads, writes = effects[at]
            later = always.union(*[live[each] for each in after[at]])
            now = reads | (later - writes) | always
            if now != live[at]:
                live[at] = now
                changed = True
    return live


def _effect(item: dis.Instruction) -> tuple[frozenset[str], frozenset[str]]:
    """The locals that an instruction reads, and those that it surely overwrites."""
    if item.opname == "STORE_FAST":
        return frozenset(), frozenset([item.argval])
    if item.opcode in dis.haslocal:
        # Whatever else touches a local counts as reading it; some name two.
        names = item.argval if isinstance(item.argval, tuple) else (item.argval,)
        return frozenset(names), frozenset()
    return frozenset(), frozenset()
