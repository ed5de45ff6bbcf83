"""Searches that die: ``python -m tests.faults.dying PLAN FOLDER`` prints what came of each as JSON.

A search runs in a forked child, since a fresh process would spend five seconds on imports; the
child starts the backend itself. Whoever looks at the files afterwards is another process.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests import toys
from tests.toys import Scored

SPACE = toys.Rectangle((5, 9), (0, 2), default=(9, None))
"""15 configurations, 6 feasible; the default is not."""
TRIALS = 5
SEED = 6


def child(action: Callable[[], Any]) -> int:
    """Start a process that does this and exits with 0."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        action()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def ended(process: int) -> int:
    """The exit code of a child once it has ended; the signal that ended it as a negative one."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def search(name: str, folder: Path, *, fit: bool = False, **settings: Any) -> Any:
    """Run a whole search, or what is left of it."""
    hypermodel = SPACE if fit else Scored(SPACE)
    tuner = toys.make(name, hypermodel, folder, trials=TRIALS, seed=SEED, **settings)
    tuner.search(*((toys.X, toys.Y) if fit else ()), verbose=0, epochs=2)
    return tuner


# ---------------------------------------------------------------- between two writes


def kill_at(step: int) -> None:
    """Let this process die before (even steps) or after (odd) its n-th change of a file."""
    count = -1

    def dying(change: Callable[..., Any]) -> Callable[..., Any]:
        def changing(*args: Any) -> Any:
            nonlocal count
            for when in (0, 1):
                count += 1
                if count == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                if not when:
                    change(*args)

        return changing

    os.replace, os.fsync = dying(os.replace), dying(os.fsync)


def steps(name: str, folder: Path, every: int) -> list[dict[str, Any]]:
    """Kill one search after the other, each at a later step, until one is through."""
    found = []
    for step in range(0, 10_000, every):
        into = folder / f"{name}{step}"

        def killed(into: Path = into, step: int = step) -> None:
            kill_at(step)
            search(name, into)

        code = ended(child(killed))
        resumed = ended(child(lambda into=into: search(name, into)))  # type: ignore[misc]
        found.append({"folder": str(into), "died": code, "resumed": resumed})
        if code == 0:
            return found
    raise AssertionError("the search has no end")


# ---------------------------------------------------------------- at any moment


def moments(name: str, folder: Path, kills: int) -> list[dict[str, Any]]:
    """Kill searches that really train at random moments, resume each until it is through."""
    moment = random.Random(1)
    start = time.monotonic()
    assert ended(child(lambda: search(name, folder / "whole", fit=True))) == 0
    duration = time.monotonic() - start
    found: list[dict[str, Any]] = []
    done = 0
    while done < kills:
        into = folder / f"search{len(found)}"
        codes = []
        while not codes or codes[-1] != 0:
            process = child(lambda into=into: search(name, into, fit=True))  # type: ignore[misc]
            if done < kills:
                time.sleep(moment.uniform(0, duration))
                os.kill(process, signal.SIGKILL)
            codes.append(ended(process))
            done += codes[-1] != 0
        found.append({"folder": str(into), "codes": codes})
    return found


# ---------------------------------------------------------------- a trial that takes its process


MEMORY = Path("/sys/fs/cgroup/memory/shapesafe_tuner_test")
"""A control group of Linux, whose processes are killed when they take more than it allows."""


def can_limit_memory() -> bool:
    """Whether this process may make such a group."""
    return MEMORY.parent.is_dir() and os.access(MEMORY.parent, os.W_OK)


def run_out_of_memory() -> None:
    """Take more memory than the kernel lets this process have."""
    MEMORY.mkdir(exist_ok=True)
    (MEMORY / "memory.limit_in_bytes").write_text(str(64 * 2**20))
    (MEMORY / "cgroup.procs").write_text(str(os.getpid()))
    taken = []
    while True:
        taken.append(b"x" * 2**24)


def end_by_signal() -> None:
    """As another process would end this one."""
    os.kill(os.getpid(), signal.SIGKILL)


END: dict[str, Callable[[], None]] = {
    "abort": os.abort,
    "kill": end_by_signal,
    "memory": run_out_of_memory,
}


def crash(how: str, retries: int, folder: Path) -> list[dict[str, Any]]:
    """Resume a search until it is through in which training one configuration ends the process."""

    class Crashing(Scored):
        def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
            if hp.values["a"] == 6 and hp.values["b"] == 0:
                with (folder / "runs").open("a") as file:
                    file.write("run\n")
                END[how]()
            return super().fit(hp, model, *args, **kwargs)

    def searching() -> None:
        settings = {"max_retries_per_trial": retries}
        toys.make("GridSearch", Crashing(SPACE), folder, trials=9, **settings).search(verbose=0)

    codes = []
    while not codes or (codes[-1] != 0 and len(codes) < 20):
        codes.append(ended(child(searching)))
    if how == "memory":
        MEMORY.rmdir()
    return [{"folder": str(folder), "codes": codes}]


PLANS: dict[str, Callable[..., list[dict[str, Any]]]] = {
    "steps": lambda folder, name, every: steps(name, folder, int(every)),
    "moments": lambda folder, name, kills: moments(name, folder, int(kills)),
    "crash": lambda folder, how, retries: crash(how, int(retries), folder),
}

if __name__ == "__main__":
    plan, path, *arguments = sys.argv[1:]
    print("\n" + json.dumps(PLANS[plan](Path(path), *arguments)))
