"""No check computes on another device than the host: a second logical one stands for it here."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.backends import only_on

CODE = """
import json, random, sys
import tensorflow as tf

host = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(host, [tf.config.LogicalDeviceConfiguration()] * 2)

from tensorflow.python.framework import op_callbacks

import shapesafe_tuner as sst
from benchmarks import accelerator_idle, subjects

computed = {"device:CPU:0": 0, "device:CPU:1": 0}


def note(kind, inputs, attributes, outputs, op_name=None, graph=None):
    for output in outputs if graph is None else ():
        computed[output.device.rsplit("/", 1)[-1]] += 1


op_callbacks.add_op_callback(note)
told = []
with tf.device("CPU:1"):
    accelerator_idle.checks(len(accelerator_idle.SUBJECTS))
    told.append(dict(computed))
    accelerator_idle.validation()
    refused = accelerator_idle.rejections()
    told.append(dict(computed))
    tf.ones(3)
    told.append(dict(computed))
print(json.dumps([told, refused]))
"""


@only_on("tensorflow", "it says which device computes what")
def test_checks_compute_on_the_host_alone() -> None:
    # Where accelerators are hidden nothing has to be placed.
    seen = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    run = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True, env=seen
    )
    (checks, search, computed), refused = json.loads(run.stdout.splitlines()[-1])
    assert refused > 0
    for told in (checks, search):
        assert told["device:CPU:0"] > 0
        assert told["device:CPU:1"] == 0
    assert computed["device:CPU:1"] == 1  # what is computed outside a check is seen
