"""Parallel tuning on one machine: a chief and two workers search a CNN on handwritten digits.

Run it without arguments: it starts three processes of itself, as three shells would. What makes one
the chief and the others workers are KerasTuner's environment variables; on several machines they
would be set there. `docs/parallel.md` tells the rest.

One sees which worker ran which trials, that all of them completed, and what the chief refused.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
WORKERS = 2
TRIALS = 6


def search(folder: str) -> None:
    """What a user's script does, in the chief as in each worker."""
    import keras
    from sklearn.datasets import load_digits

    import shapesafe_tuner as sst

    digits = load_digits()
    x, y = digits.images[:600, :, :, None] / 16.0, digits.target[:600]

    def build_model(hp):
        inputs = keras.Input((8, 8, 1))
        maps = inputs
        for block in range(hp.Int("blocks", 1, 3)):
            maps = keras.layers.Conv2D(8, hp.Choice(f"kernel_{block}", [3, 5, 7]))(maps)
            maps = keras.layers.ReLU()(maps)
        outputs = keras.layers.Dense(10, "softmax")(keras.layers.Flatten()(maps))
        model = keras.Model(inputs, outputs)
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    tuner = sst.RandomSearch(build_model, "val_accuracy", TRIALS, seed=1, directory=folder)
    tuner.search(x, y, validation_split=0.2, epochs=1, verbose=0)
    if tuner.tuner_id != "chief":
        return
    for trial in tuner.oracle.trials.values():
        values = trial.hyperparameters.values
        print(f"trial {trial.trial_id} {trial.status}, accuracy {trial.score:.2f}: {values}")
    tuner.feasibility_summary()


def main() -> None:
    """Start the processes and wait for them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    names = ["chief", *(f"worker{number}" for number in range(WORKERS))]
    with tempfile.TemporaryDirectory() as folder:
        address = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": port}
        processes = [
            subprocess.Popen(
                [sys.executable, __file__, folder],
                env={**os.environ, **address, "KERASTUNER_TUNER_ID": name},
            )
            for name in names
        ]
        codes = [process.wait() for process in processes]
    if any(codes):
        raise SystemExit(f"exit codes {dict(zip(names, codes, strict=True))}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        search(sys.argv[1])
    else:
        main()
