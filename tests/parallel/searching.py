"""One process of a parallel search: ``python -m tests.parallel.searching FOLDER TUNER SPACE``.

KerasTuner's environment variables say whether it is the chief or a worker, as for a user's script.
Every begin and end of a trial is one line in ``FOLDER/log``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import keras

import shapesafe_tuner as sst
from tests import toys

TRIALS = 24
SECONDS = 0.4
"""That a trial takes at least, so that a process can be killed in one."""


class Slow(keras.callbacks.Callback):
    """Training takes a while."""

    def on_train_end(self, logs: Any = None) -> None:
        time.sleep(SECONDS)


def logged(name: str) -> Any:
    """One of the tuners, that notes which process ran which trial."""

    class Logged(getattr(sst, name)):  # type: ignore[misc]
        def on_trial_begin(self, trial: Any) -> None:
            super().on_trial_begin(trial)
            self._note("begin", trial)

        def on_trial_end(self, trial: Any) -> None:
            super().on_trial_end(trial)
            self._note("end", trial)

        def _note(self, what: str, trial: Any) -> None:
            line = [what, trial.trial_id, self.tuner_id, os.getpid(), trial.hyperparameters.values]
            with (Path(self.directory) / "log").open("a") as file:
                file.write(json.dumps(line) + "\n")

    return Logged


def main(folder: str, name: str, space: str) -> None:
    """Search as a user would."""
    size = {"max_epochs": 8, "factor": 2} if name == "Hyperband" else {"max_trials": TRIALS}
    tuner = logged(name)(getattr(toys, space), "loss", seed=3, directory=folder, **size)
    tuner.search(toys.X, toys.Y, epochs=1, verbose=0, callbacks=[Slow()])
    print(f"{tuner.tuner_id} ends, {len(tuner.rejections)} rejections")


if __name__ == "__main__":
    main(*sys.argv[1:])
