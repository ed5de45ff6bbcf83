"""How a crash is told from a kill.

A trial that crashes its process would crash the next one too, and is not run again; a trial whose
process somebody ended is. A crash leaves a note of Python's fault handler in the trial's folder;
for the out-of-memory killer the kernel's own count is compared.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import pathlib
from collections.abc import Iterator

from shapesafe_tuner.project.writing import is_local, saving

__all__ = ["crash_noted", "read_note"]

_FILE = "shapesafe_crash.txt"
_VMSTAT = pathlib.Path("/proc/vmstat")
_BOOT = pathlib.Path("/proc/sys/kernel/random/boot_id")


@contextlib.contextmanager
def crash_noted(folder: str) -> Iterator[None]:
    """Let Python write down a fatal signal (an abort, a segmentation fault) of this process.

    Where the user has switched on ``faulthandler``, it goes on writing to where it did.

    Args:
        folder: of the trial; it is there.

    Raises:
        ProjectError: nothing can be written there.
    """
    if not is_local(folder):
        yield
        return
    path = os.path.join(folder, _FILE)
    with saving(path):
        pathlib.Path(path).write_text(_killed_for_memory() + "\n", encoding="utf-8")
    with open(path, "a", encoding="utf-8") as file:
        ours = not faulthandler.is_enabled()
        if ours:
            faulthandler.enable(file, all_threads=False)
        try:
            yield
        finally:
            if ours:
                faulthandler.disable()
    os.remove(path)


def read_note(folder: str) -> str | None:
    """What ended the process that ran a trial, as far as something tells.

    Args:
        folder: of the trial.

    Returns:
        What Python wrote down, or that the machine had to kill for memory; None where somebody
        may have ended the process from outside.
    """
    path = os.path.join(folder, _FILE)
    if not is_local(folder) or not os.path.exists(path):
        return None
    with open(path, encoding="utf-8", errors="replace") as file:
        before, said = file.readline().strip(), file.readline().strip()
    if said:
        return said
    now = _killed_for_memory()
    same_boot = before.split(" ")[0] == now.split(" ")[0]
    return "the out-of-memory killer was at work" if same_boot and before != now else None


def _killed_for_memory() -> str:
    """The start of this machine and how many processes it has killed for memory since (Linux)."""
    try:
        lines = _VMSTAT.read_text().splitlines()
        boot = _BOOT.read_text().strip()
    except OSError:  # not Linux, or hidden
        return ""
    counted = [line.split()[1] for line in lines if line.startswith("oom_kill ")]
    return f"{boot} {counted[0]}" if counted else ""
