"""One rule for every layer of Keras; importing this package registers them."""

from __future__ import annotations

import importlib
import pkgutil

from shapesafe_tuner.shapes.registry import ESCALATES, lookup, own_rule, rule_names

__all__ = ["ESCALATES", "lookup", "own_rule", "rule_names"]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
