"""The only place that names private parts of Keras, its backends and KerasTuner."""

from __future__ import annotations

import os


def _refuse_legacy_keras() -> None:
    if os.environ.get("TF_USE_LEGACY_KERAS", "0").lower() in ("1", "true"):
        raise ImportError(
            "TF_USE_LEGACY_KERAS is set, which makes TensorFlow use Keras 2 (tf_keras); "
            "shapesafe_tuner checks Keras 3 models. Unset it before Python starts."
        )


_refuse_legacy_keras()
