"""One rule for every layer of Keras; importing this package registers them."""

from __future__ import annotations

from shapesafe_tuner.shapes.registry import ESCALATES, lookup, own_rule, rule_names
from shapesafe_tuner.shapes.rules import convolution, pooling

__all__ = ["ESCALATES", "convolution", "lookup", "own_rule", "pooling", "rule_names"]
