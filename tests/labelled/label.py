"""Label the configurations of the spaces with real Keras, on the backend in use.

Run as `python -m tests.labelled.label [--only NAME ...] [--force] [--trace] [--into FOLDER]`,
with `KERAS_BACKEND=jax` before it for JAX. TensorFlow samples the configurations; other backends
label the same ones, and what they do as TensorFlow does is not written again.

`fit` is called as users call it, but for what makes no verdict and costs most of the time: XLA on
TensorFlow, and on JAX the optimisations of the compiler. Steps are traced and compiled all the
same: run eagerly, JAX would let pass what its tracing refuses. `--trace` leaves the compiling and
running out: on JAX wrong shapes show while a step is traced, so the labels are the same.

What is labelled is repeatable, except for the message of errors that appear while a graph runs:
where several operations of a batch would fail, the one that fails first is not always the same.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import json
import os
import random
import re
import time
import warnings
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import keras_tuner

from tests.labelled import kept
from tests.labelled.model import Space

PATIENCE = 180
ROUNDS = 8


class Recorder(keras_tuner.HyperParameters):
    """Hyperparameters that remember which values were read."""

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__()
        self.values = dict(values)
        self.read: dict[str, Any] = {}

    def _retrieve(self, hp: Any) -> Any:
        value = super()._retrieve(hp)
        if self.is_active(hp):
            self.read[hp.name] = plain(value)
        return value


def plain(value: Any) -> Any:
    """The value as a plain Python scalar."""
    return value.item() if hasattr(value, "item") else value


def sample(
    known: keras_tuner.HyperParameters, seeds: random.Random, kept: dict[str, Any]
) -> dict[str, Any]:
    """Random values of all active hyperparameters that are known; `kept` ones stay."""
    drawn = keras_tuner.HyperParameters()
    for hyperparameter in known.space:
        drawn.merge([hyperparameter])
        if drawn.is_active(hyperparameter):
            seed = seeds.randrange(2**31)
            name = hyperparameter.name
            drawn.values[name] = kept.get(name, plain(hyperparameter.random_sample(seed)))
    return drawn.values


def frames(error: BaseException) -> list[Any]:
    """Frames of the traceback, outermost first."""
    found = []
    trace = error.__traceback__
    while trace is not None:
        found.append(trace.tb_frame)
        trace = trace.tb_next
    return found


def failing_layer(error: BaseException) -> str | None:
    """Name of the innermost Keras layer whose method, not that of the trainer, was running."""
    for frame in reversed(frames(error)):
        if frame.f_code.co_filename.endswith("trainer.py"):
            continue
        for name in ("self", "layer"):
            candidate = frame.f_locals.get(name)
            if isinstance(candidate, keras.layers.Layer):
                return getattr(candidate, "name", None)
    return None


def node_layer(message: str, model: Any) -> str | None:
    """Name of the layer whose operation failed while the graph was running."""
    node = re.search(r"Detected at node (\S+) defined", message)
    if node is None or model is None:
        return None
    names = {layer.name for layer in model._flatten_layers(include_self=False)}
    for part in reversed(node.group(1).split("/")):
        for name in (part, re.sub(r"_\d+$", "", part)):
            if name in names:
                return name
    return None


def short(message: str) -> str:
    """The message without colours and, if the graph was running, without its stack."""
    message = re.sub(r"\x1b\[\d*m", "", message)
    if message.startswith("Unable to automatically build the model"):
        message = message.rpartition("Exception encountered:")[2].strip("\n'")
    if message.startswith("Graph execution error"):
        node = re.search(r"Detected at node (\S+) defined", message)
        last = [line for line in message.splitlines() if line.strip()]
        last = [line for line in last if "[[{{node" not in line and "[Op:" not in line] or last
        message = f"Graph execution error at {node.group(1) if node else '?'}: {last[-1].strip()}"
    return message[:300]


def output_shape(model: keras.Model) -> Any:
    """Output shape in a form JSON can hold, or None where the model does not know it."""
    try:
        shape = model.output_shape
        return json.loads(json.dumps(shape))
    except Exception:
        return None


def parameters(model: keras.Model) -> int | None:
    """Number of parameters, or None for a model that is trained but never called itself."""
    try:
        return int(model.count_params())
    except ValueError:
        return None


def fit(model: keras.Model, space: Space) -> BaseException | None:
    """Fit one epoch and return the error, if there was one."""
    if kept.BACKEND == "tensorflow" and getattr(model, "compiled", False):
        model.jit_compile = False
    try:
        model.fit(**space.data(), epochs=1, verbose=0)
    except Exception as error:
        return error
    return None


def build(space: Space, hp: Recorder) -> tuple[keras.Model | None, BaseException | None]:
    """Build the model, or return the error."""
    keras.utils.clear_session(free_memory=False)
    keras.config.disable_traceback_filtering()
    keras.utils.set_random_seed(0)
    try:
        return space.call(hp), None
    except Exception as error:
        return None, error


def completed(
    space: Space, known: keras_tuner.HyperParameters, values: dict[str, Any], seeds: Any
) -> tuple[Recorder, keras.Model | None, BaseException | None]:
    """Build until the build asks for no hyperparameter that was not sampled."""
    for _ in range(ROUNDS):
        hp = Recorder(values)
        model, error = build(space, hp)
        count = len(known.space)
        known.merge(hp.space, overwrite=False)
        if len(known.space) == count or seeds is None:
            break
        values = sample(known, seeds, values)
    return hp, model, error


def label(space: Space, hp: Recorder, model: Any, error: BaseException | None) -> dict[str, Any]:
    """Judge one configuration that has just been built."""
    record: dict[str, Any] = {
        "values": hp.read,
        "build": "ok" if error is None else type(error).__name__,
        "fit": None,
        "message": None,
        "layer": None,
        "parameters": None,
        "output_shape": None,
    }
    if error is None:
        error = fit(model, space)
        record["fit"] = "ok" if error is None else type(error).__name__
    if error is None:
        record["parameters"] = parameters(model)
        record["output_shape"] = output_shape(model)
    else:
        record["message"] = short(str(error))
        record["layer"] = failing_layer(error) or node_layer(str(error), model)
    return record


def label_space(space: Space) -> list[dict[str, Any]]:
    """Sample and label the configurations of one space, the defaults first."""
    seeds = random.Random(f"{space.name}-{space.seed}")
    known = keras_tuner.HyperParameters()
    records: list[dict[str, Any]] = []
    seen: set[str] = set()
    for attempt in range(6 * space.configurations):
        faulthandler.dump_traceback_later(PATIENCE, exit=True)
        if attempt == 0:
            hp, model, error = completed(space, known, {}, None)
        else:
            hp, model, error = completed(space, known, sample(known, seeds, {}), seeds)
        key = json.dumps(hp.read, sort_keys=True)
        if key not in seen:
            seen.add(key)
            records.append(label(space, hp, model, error))
        del hp, model, error
        if len(records) >= space.configurations:
            break
    faulthandler.cancel_dump_traceback_later()
    gc.collect()
    return records


def label_again(space: Space) -> list[dict[str, Any]]:
    """Label the configurations that TensorFlow labelled."""
    records = []
    for known in kept.tensorflow_labels(space):
        faulthandler.dump_traceback_later(PATIENCE, exit=True)
        hp = Recorder(known["values"])
        records.append(label(space, hp, *build(space, hp)))
    faulthandler.cancel_dump_traceback_later()
    if kept.BACKEND == "jax":
        import jax

        jax.clear_caches()
    return records


def versions() -> dict[str, str]:
    """Of everything that has a say."""
    from importlib.metadata import version

    return {name: version(name) for name in ("keras", "keras-tuner", kept.BACKEND)}


def compile_quickly() -> None:
    """Full tracebacks, and no time spent on making compiled steps fast."""
    if kept.BACKEND == "tensorflow":
        import tensorflow as tf

        tf.debugging.disable_traceback_filtering()
        tf.get_logger().setLevel("ERROR")
    elif kept.BACKEND == "jax":
        import jax

        jax.config.update("jax_disable_most_optimizations", True)
        jax.config.update("jax_traceback_filtering", "off")


def traced(function: Any, **options: Any) -> Any:
    """In place of `jax.jit`: traces once for each shape, and gives zeros of what was found."""
    import jax

    known: dict[str, Any] = {}

    def call(*args: Any) -> Any:
        shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), args)
        if str(shapes) not in known:
            known[str(shapes)] = jax.eval_shape(function, *args)
        found = known[str(shapes)]
        return jax.tree.map(lambda leaf: jax.numpy.zeros(leaf.shape, leaf.dtype), found)

    return call


def summary(name: str, records: list[dict[str, Any]]) -> str:
    """One line of counts."""
    built = [record for record in records if record["build"] == "ok"]
    unfit = sum(record["fit"] != "ok" for record in built)
    unbuilt = len(records) - len(built)
    bad = unbuilt + unfit
    return f"{name:32} {len(records):4} infeasible {bad:3} build {unbuilt:3} fit {unfit:3}"


def main() -> None:
    """Label the chosen spaces, leaving out those that have been labelled already."""
    from tests.labelled.spaces import ALL

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", help="names of spaces")
    parser.add_argument("--force", action="store_true", help="label again")
    parser.add_argument("--into", type=Path, default=kept.LABELS, help="folder of the labels")
    parser.add_argument("--trace", action="store_true", help="JAX: do not run what is traced")
    chosen = parser.parse_args()
    warnings.filterwarnings("ignore")
    compile_quickly()
    if chosen.trace:
        from keras.src.backend.jax import trainer

        trainer.jit = traced
    for space in ALL:
        if chosen.only and space.name not in chosen.only:
            continue
        if space.left_out is not None:
            print(f"{space.name:32} left out: {space.left_out}")
            continue
        if kept.is_labelled(space, chosen.into) and not chosen.force:
            continue
        start = time.perf_counter()
        gc.collect()
        gc.freeze()
        first = kept.BACKEND == "tensorflow"
        records = label_space(space) if first else label_again(space)
        kept.write(space, records, versions(), chosen.into)
        seconds = time.perf_counter() - start
        print(f"{summary(space.name, records)}  {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
