"""KerasTuner's service between a chief and its workers, with names on every call.

Each call of a worker of ours carries the worker's identifier and its process's; a further method,
``Alive``, is called while it trains. Messages are KerasTuner's own, so its workers and its chief
understand ours. gRPC's own policy repeats calls that a chief did not answer because it ended.
"""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from typing import Any, NamedTuple, Protocol, TypeAlias

import grpc

from shapesafe_tuner._compat.keras_tuner.modules import keras_tuner_module
from shapesafe_tuner._compat.types import Oracle, Trial

__all__ = ["Client", "Desk", "Server", "Worker"]

_protos = keras_tuner_module("protos")
_chief = keras_tuner_module("distribute.oracle_chief")
_client = keras_tuner_module("distribute.oracle_client")
_trial = keras_tuner_module("engine.trial")

Message: TypeAlias = Any
"""A message of KerasTuner's protocol."""
Context: TypeAlias = Any
"""A ``grpc.ServicerContext``."""

_SIGNATURE = "shapesafe-worker-bin"
_MESSAGE = "shapesafe-message-bin"
_LONGEST = 2_000
"""Bytes of a message that travel beside a call; gRPC allows 8,192 for all that does."""
_SERVICE, _ALIVE = "shapesafe_tuner.Chief", "Alive"
_THREADS = 16
_PAUSE = 0.5
"""Seconds before a worker that is told to wait asks again."""
_REPEAT = {
    "maxAttempts": 5,
    "initialBackoff": "0.5s",
    "maxBackoff": "5s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
_CHANNEL = (
    ("grpc.service_config", json.dumps({"methodConfig": [{"name": [{}], "retryPolicy": _REPEAT}]})),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2000),
)


class Worker(NamedTuple):
    """Who calls: the identifier of a tuner, and of its process; None where that is not known."""

    tuner_id: str
    process: str | None


class Desk(Protocol):
    """What a chief does with the calls of its workers."""

    def create_trial(self, worker: Worker) -> Trial:
        """A trial to run; or one whose status says to wait or to stop."""

    def update_trial(
        self, worker: Worker | None, trial_id: str, metrics: Mapping[str, float], step: int
    ) -> Trial:
        """Take what a trial reports; returns the trial."""

    def end_trial(self, worker: Worker | None, trial: Trial) -> None:
        """Take a trial that has ended."""

    def alive(self, worker: Worker) -> float:
        """Note that a worker is at work; returns the seconds of silence it may allow itself."""


def address() -> str:
    """Where the chief listens, as KerasTuner is told."""
    return f"{os.environ['KERASTUNER_ORACLE_IP']}:{os.environ['KERASTUNER_ORACLE_PORT']}"


class _Servicer(_chief.OracleServicer):  # type: ignore[misc,name-defined]
    def __init__(self, oracle: Oracle, desk: Desk) -> None:
        super().__init__(oracle)
        self._desk = desk

    def CreateTrial(self, request: Message, context: Context) -> Message:  # noqa: N802
        worker = _caller(context) or Worker(request.tuner_id, None)
        trial = self._desk.create_trial(worker)
        return _protos.get_service().CreateTrialResponse(trial=trial.to_proto())

    def UpdateTrial(self, request: Message, context: Context) -> Message:  # noqa: N802
        trial = self._desk.update_trial(
            _caller(context), request.trial_id, request.metrics, request.step
        )
        return _protos.get_service().UpdateTrialResponse(trial=trial.to_proto())

    def EndTrial(self, request: Message, context: Context) -> Message:  # noqa: N802
        trial = _trial.Trial.from_proto(request.trial)
        trial.message = _message(context)
        self._desk.end_trial(_caller(context), trial)
        return _protos.get_service().EndTrialResponse()


def _caller(context: Context) -> Worker | None:
    signature = _metadata(context, _SIGNATURE)
    return None if signature is None else _read(signature)


def _message(context: Context) -> str | None:
    message = _metadata(context, _MESSAGE)
    return None if message is None else message.decode()


def _metadata(context: Context, wanted: str) -> bytes | None:
    return next((value for key, value in context.invocation_metadata() if key == wanted), None)


def _read(signature: bytes) -> Worker:
    tuner_id, process = json.loads(signature)
    return Worker(tuner_id, process)


class Server:
    """Serves an oracle until it is stopped.

    Args:
        oracle: what KerasTuner's service asks.
        desk: what it asks about trials.

    Raises:
        RuntimeError: the address cannot be listened on.
    """

    def __init__(self, oracle: Oracle, desk: Desk) -> None:
        self._server = grpc.server(
            futures.ThreadPoolExecutor(_THREADS), options=(("grpc.so_reuseport", 0),)
        )
        servicer = _Servicer(oracle, desk)
        _protos.get_service_grpc().add_OracleServicer_to_server(servicer, self._server)

        def alive(signature: bytes, context: Context) -> bytes:
            return str(desk.alive(_read(signature))).encode()

        handler = grpc.unary_unary_rpc_method_handler(alive)
        generic = grpc.method_handlers_generic_handler(_SERVICE, {_ALIVE: handler})
        self._server.add_generic_rpc_handlers((generic,))
        if not self._server.add_insecure_port(address()):
            raise RuntimeError(f"nothing can listen on {address()}")
        self._server.start()

    def stop(self) -> None:
        """Answer what was asked, and end."""
        self._server.stop(grace=5).wait()


class Client(_client.OracleClient):  # type: ignore[misc,name-defined]
    """KerasTuner's proxy of an oracle in a worker; it outlives a restart of the chief.

    Args:
        stock: KerasTuner's proxy, whose place it takes.
    """

    def __init__(self, stock: Oracle) -> None:
        super().__init__(stock._oracle)
        self.multi_worker, self.should_report = stock.multi_worker, stock.should_report
        self._process = uuid.uuid4().hex
        channel = grpc.insecure_channel(address(), options=_CHANNEL)
        signed = grpc.intercept_channel(channel, _Signed(self._signature))
        self.stub = _protos.get_service_grpc().OracleStub(signed)
        self._alive = channel.unary_unary(f"/{_SERVICE}/{_ALIVE}")
        self._over = threading.Event()
        self._beating = False

    def create_trial(self, tuner_id: str) -> Trial:
        """The chief's next trial; where it says to wait, a moment passes first."""
        if not self._beating:
            self._beating = True
            threading.Thread(target=self._beat, daemon=True, name="shapesafe-alive").start()
        trial: Trial = super().create_trial(tuner_id)
        if trial.status == "IDLE":
            time.sleep(_PAUSE)
        return trial

    def end_trial(self, trial: Trial) -> None:
        """As in KerasTuner, whose message to the chief has no place for why a trial failed."""
        if not self.should_report:
            return
        told = (trial.message or "").encode()[:_LONGEST].decode(errors="ignore")
        self.stub.EndTrial(
            _protos.get_service().EndTrialRequest(trial=trial.to_proto()),
            wait_for_ready=True,
            timeout=_client.TIMEOUT,
            metadata=((_MESSAGE, told.encode()),) if told else (),
        )

    def leave(self) -> None:
        """Say no more that this worker is at work."""
        self._over.set()

    def _signature(self) -> bytes:
        # The workers of one distributed trial share an identifier, so none of them speaks for all.
        process = None if self.multi_worker else self._process
        return json.dumps([self.tuner_id, process]).encode()

    def _beat(self) -> None:
        pause: float | None = 1.0
        while pause is not None and not self._over.wait(pause):
            pause = self._said_alive()

    def _said_alive(self) -> float | None:
        """Say that this worker is at work; seconds to the next time, None where nobody listens."""
        try:
            allowed = float(self._alive(self._signature(), timeout=10))
        except grpc.RpcError as error:
            stock = error.code() == grpc.StatusCode.UNIMPLEMENTED
            return None if stock else 1.0
        return min(10.0, allowed / 5)


class _Call(NamedTuple):
    """The details of one call, under the names that gRPC reads."""

    method: str
    timeout: float | None
    metadata: Sequence[tuple[str, str | bytes]] | None
    credentials: grpc.CallCredentials | None
    wait_for_ready: bool | None
    compression: grpc.Compression | None


class _Signed(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]
    def __init__(self, signature: Callable[[], bytes]) -> None:
        self._signature = signature

    def intercept_unary_unary(
        self, proceed: Callable[..., Message], details: _Call, request: Message
    ) -> Message:
        signed = [*(details.metadata or ()), (_SIGNATURE, self._signature())]
        call = _Call(
            details.method, details.timeout, signed, details.credentials,
            details.wait_for_ready, details.compression,
        )  # fmt: skip
        return proceed(call, request)
