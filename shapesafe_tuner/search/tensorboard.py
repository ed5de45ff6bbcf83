"""What a search refused, in TensorBoard, beside the trials."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from typing import Any

import keras
import keras_tuner

from shapesafe_tuner._compat.types import Oracle, Trial
from shapesafe_tuner.report.text import feasibility_summary

__all__ = ["RUN", "RejectionBoard", "ShowsRejections"]

RUN = "rejections"
"""The folder of the log that it is written to; each trial has one beside it."""


class RejectionBoard:
    """Writes the number, the share and the cost of rejections as scalars, the reasons as text.

    A step is a trial, so that the curves stand beside those of the trials. TensorBoard's own
    writer is used, which needs no TensorFlow.

    Args:
        folder: the ``log_dir`` of the user's callback.

    Raises:
        ModuleNotFoundError: tensorboard is not installed.
    """

    def __init__(self, folder: str) -> None:
        try:
            from tensorboard.summary.writer.event_file_writer import EventFileWriter
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "A TensorBoard callback needs tensorboard, which is not installed: "
                "python -m pip install tensorboard"
            ) from error

        self._writer = EventFileWriter(os.path.join(folder, RUN))
        self._shown: tuple[int, int] | None = None

    def show(self, oracle: Oracle) -> None:
        """Write the state of a search, unless it is as it was.

        Args:
            oracle: a ``ShapeSafeOracle``.
        """
        state = (len(oracle.trials), oracle.draws.number)
        if state == self._shown:
            return
        self._shown = state
        draws = oracle.draws
        rejected = len(draws.rejections)
        scalars = {
            "rejections/count": rejected,
            "rejections/share of draws": rejected / draws.number if draws.number else 0.0,
            "rejections/seconds of checking": draws.seconds,
        }
        self._write(len(oracle.trials), scalars, feasibility_summary(draws))

    def _write(self, step: int, scalars: dict[str, float], text: str) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.plugins.scalar.summary_v2 import scalar_pb
        from tensorboard.plugins.text.summary_v2 import text_pb

        # Indented, it is code to Markdown: no name in it can be taken for markup.
        code = "\n".join("    " + line for line in text.splitlines())
        for summary in (
            *(scalar_pb(tag, float(value)) for tag, value in scalars.items()),
            text_pb("rejections/summary", code),
        ):
            self._writer.add_event(Event(wall_time=time.time(), step=step, summary=summary))
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        self._writer.close()


class ShowsRejections(keras_tuner.Tuner):  # type: ignore[misc]
    """Mixin of a tuner whose ``search`` may be given a ``keras.callbacks.TensorBoard``."""

    _board: RejectionBoard | None = None

    def search(self, *fit_args: Any, **fit_kwargs: Any) -> Any:
        """As ``keras_tuner.Tuner.search``."""
        with self._showing_rejections(fit_kwargs.get("callbacks")):
            return super().search(*fit_args, **fit_kwargs)

    @contextlib.contextmanager
    def _showing_rejections(self, callbacks: object) -> Iterator[None]:
        """Log what is refused inside, if there is a TensorBoard callback and this process knows.

        Args:
            callbacks: of ``fit``: one, some, or None.
        """
        folder = _log_of(callbacks)
        if folder is None or not hasattr(self.oracle, "rejections"):
            yield
            return
        self._board = RejectionBoard(folder)
        try:
            yield
        finally:
            self._board.show(self.oracle)
            self._board.close()
            self._board = None

    def on_trial_begin(self, trial: Trial) -> None:
        """As ``keras_tuner.Tuner.on_trial_begin``; shows what was refused before this trial."""
        if self._board is not None:
            self._board.show(self.oracle)
        super().on_trial_begin(trial)


def _log_of(callbacks: object) -> str | None:
    """The folder of the first TensorBoard callback."""
    given = callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]
    for callback in given:
        if isinstance(callback, keras.callbacks.TensorBoard):
            return str(callback.log_dir)
    return None
