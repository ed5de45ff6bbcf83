"""Run KerasTuner's own tests with this package's classes in place of its tuners and oracles.

    git clone https://github.com/keras-team/keras-tuner
    python -m tests.stock_suite keras-tuner            # 261 tests, about ten minutes
    python -m tests.stock_suite keras-tuner --stock    # the same with KerasTuner's classes

Further arguments go to pytest. The checkout is only read.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

FOLDERS = ("keras_tuner/tuners", "keras_tuner/engine", "keras_tuner/distribute")


def main() -> int:
    """Run the suite in a process of its own and return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=pathlib.Path, help="of KerasTuner's repository")
    parser.add_argument("--stock", action="store_true", help="without replacing anything")
    arguments, further = parser.parse_known_args()
    checkout = arguments.checkout.resolve()
    if not (checkout / "keras_tuner" / "engine").is_dir():
        parser.error(f"{checkout} is not a checkout of KerasTuner: it has no keras_tuner/engine.")
    here = pathlib.Path(__file__).resolve().parents[2]
    environment = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3")
    environment["PYTHONPATH"] = os.pathsep.join([str(checkout), str(here)])
    plugin = [] if arguments.stock else ["-p", "tests.stock_suite.replace_classes"]
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", str(checkout),
            "-n", "2", "-p", "no:cacheprovider", "--import-mode=importlib", *plugin, *further,
            *(str(checkout / part) for part in FOLDERS),
        ]  # fmt: skip
        return subprocess.run(command, cwd=folder, env=environment, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
