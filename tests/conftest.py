"""Settings for every test: a quiet backend that compiles quickly, and no accelerator."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# That a machine is busy is no failure.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # So a shell starts its background jobs; what tests Ctrl-C needs the usual handler.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module", autouse=True)
def what_a_module_leaves_is_not_collected_again() -> Iterator[None]:
    """KerasTuner collects garbage twice a trial; graphs that TensorFlow keeps cost seconds."""
    yield
    gc.collect()
    gc.freeze()
