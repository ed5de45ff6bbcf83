"""Whether checks leave an accelerator alone: its memory, its kernels and its contexts.

    python -m benchmarks accelerator_idle [--checks 1000]

The backend is started first, as any trial would start it, and everything is measured from there:
what checks, a validation of a space and a search's rejections add, and, to show that the meters
work, what one real trial adds. Where there is no accelerator it says so and measures nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import glob
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import keras_tuner

import shapesafe_tuner as sst
from benchmarks import harness, subjects

SUBJECTS = ("CNN, Sequential", "LSTM stack", "own layers", "subclassed", "own train_step")
NONE = "There is no accelerator on this machine: nothing was measured."


class Meter(NamedTuple):
    """What a backend says of its first accelerator.

    Attributes:
        name: of the device.
        allocated: bytes that were ever allocated, or the peak, since ``reset``.
        reset: begins to count anew.
        kernels: runs what is in it, and appends the number of kernels that the device started.
    """

    name: str
    allocated: Callable[[], int]
    reset: Callable[[], None]
    kernels: Callable[[list[int]], contextlib.AbstractContextManager[None]]


def meter() -> Meter | None:
    """That of the backend in use, or None where there is no accelerator."""
    return {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[keras.backend.backend()]()


def _tensorflow() -> Meter | None:
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        return None

    @contextlib.contextmanager
    def kernels(found: list[int]) -> Iterator[None]:
        with tempfile.TemporaryDirectory() as folder:
            options = tf.profiler.experimental.ProfilerOptions(0, 0, 1)
            tf.profiler.experimental.start(folder, options=options)
            try:
                yield
            finally:
                tf.profiler.experimental.stop()
            found.append(_device_events(folder))

    return Meter(
        tf.config.list_logical_devices("GPU")[0].name,
        lambda: int(tf.config.experimental.get_memory_info("GPU:0")["peak"]),
        lambda: tf.config.experimental.reset_memory_stats("GPU:0"),
        kernels,
    )


def _device_events(folder: str) -> int:
    """The events on devices in what TensorFlow's profiler wrote."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    count = 0
    for path in glob.glob(f"{folder}/**/*.xplane.pb", recursive=True):
        space = xplane_pb2.XSpace()
        with open(path, "rb") as file:
            space.ParseFromString(file.read())
        planes = [plane for plane in space.planes if plane.name.startswith("/device:")]
        count += sum(len(line.events) for plane in planes for line in plane.lines)
    return count


def _jax() -> Meter | None:
    import jax

    device = jax.devices()[0]
    if device.platform == "cpu":
        return None
    start = [0]

    def allocations() -> int:
        return int((device.memory_stats() or {}).get("num_allocs", 0))

    @contextlib.contextmanager
    def kernels(found: list[int]) -> Iterator[None]:
        # Every kernel writes what it gives into memory that is allocated for it.
        before = allocations()
        yield
        found.append(allocations() - before)

    def reset() -> None:
        start[0] = int((device.memory_stats() or {}).get("bytes_in_use", 0))

    def allocated() -> int:
        return int((device.memory_stats() or {}).get("peak_bytes_in_use", 0)) - start[0]

    return Meter(str(device), allocated, reset, kernels)


def _torch() -> Meter | None:
    import torch

    if not torch.cuda.is_available():
        return None
    start = [0]

    def total() -> int:
        return int(torch.cuda.memory_stats().get("allocated_bytes.all.allocated", 0))

    @contextlib.contextmanager
    def kernels(found: list[int]) -> Iterator[None]:
        activity = torch.profiler.ProfilerActivity.CUDA
        with torch.profiler.profile(activities=[activity]) as profile:
            yield
        found.append(len(profile.events()))

    def reset() -> None:
        start[0] = total()

    return Meter(torch.cuda.get_device_name(), lambda: total() - start[0], reset, kernels)


def contexts() -> int | None:
    """How many contexts this process has on devices, as NVIDIA's driver tells; None if nobody does.

    In a container the driver may know the process by another number, and shows none.
    """
    command = shutil.which("nvidia-smi")
    if command is None:
        return None
    asked = [command, "--query-compute-apps=pid", "--format=csv,noheader"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split()
    return told.count(str(os.getpid()))


def checks(count: int) -> None:
    """Checks of several kinds of model, half of them with data."""
    generator = random.Random(0)
    for number in range(count):
        subject = subjects.SUBJECTS[SUBJECTS[number % len(SUBJECTS)]]
        given = subject.data() if number % 2 else {}
        sst.check(subject.build, subject.draw(generator), **given)


def validation() -> None:
    """A whole space."""
    subject = subjects.SUBJECTS["CNN, Sequential"]
    sst.validate_search_space(subject.build, **subject.data(), progress=False, samples=50)


def rejections() -> int:
    """Draws of a search until one was refused; no trial runs.

    Returns:
        How many were refused.
    """
    with tempfile.TemporaryDirectory() as folder:
        tuner = sst.RandomSearch(
            narrow, objective="loss", max_trials=50, seed=1, directory=folder, project_name="idle"
        )
        while not tuner.rejections and tuner.oracle.create_trial("idle").status == "RUNNING":
            pass
        return len(tuner.rejections)


def narrow(hp: Any) -> keras.Model:
    """One in ten kernels fits."""
    inputs = keras.Input((9, 9, 1))
    x = keras.layers.Conv2D(2, hp.Int("kernel", 9, 18))(inputs)
    model = keras.Model(inputs, keras.layers.Flatten()(x))
    model.compile("sgd", "mse")
    return model


def trial() -> None:
    """What a search does with a configuration: it builds and trains it."""
    subject = subjects.SUBJECTS["CNN, Sequential"]
    hp = keras_tuner.HyperParameters()
    hp.values = {"blocks": 1, "units": 32}
    data = subject.data()
    subject.build(hp).fit(data["x"], data["y"], verbose=0)


def row(name: str, work: Callable[[], Any], device: Meter) -> list[Any]:
    """What a piece of work added: bytes, kernels, contexts."""
    found: list[int] = []
    device.reset()
    before, known = device.allocated(), contexts()
    with device.kernels(found):
        work()
    after = contexts()
    added = None if known is None or after is None else after - known
    return [name, device.allocated() - before, found[0], added]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write the table; the exit status is 1 where a check touched the device."""
    parser = harness.parser("accelerator_idle", __doc__)
    parser.add_argument("--checks", type=int, default=1000)
    given: argparse.Namespace = parser.parse_args(arguments)
    device = meter()
    if device is None:
        print(NONE)
        return 0
    keras.ops.convert_to_numpy(keras.ops.ones(3))  # the backend starts, as for any trial
    rows = [
        row(f"{given.checks} checks", lambda: checks(given.checks), device),
        row("a validation", validation, device),
        row("rejections in a search", rejections, device),
        row("for comparison: one trial", trial, device),
    ]
    columns = ["what", "bytes allocated", "kernels started", "contexts made"]
    table = harness.Table(f"On {device.name}", columns, rows)
    print(harness.publish("accelerator_idle", given.into, given, rows, [table]))
    if not any(rows[-1][1:3]):
        print("The meters show nothing of a real trial either: this proves nothing.")
        return 1
    return int(any(any(figures) for _, *figures in rows[:-1]))


if __name__ == "__main__":
    sys.exit(main())
