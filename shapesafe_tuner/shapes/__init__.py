"""Arithmetic of shapes: rules for layers, and never an import of Keras.

What an author of rules needs is here; :mod:`shapesafe_tuner.testing` holds a rule against its
layer.
"""

from shapesafe_tuner.shapes.registry import Rule, register_rule
from shapesafe_tuner.shapes.spec import Arguments, Call, Refused, Spec, Unknown

__all__ = ["Arguments", "Call", "Refused", "Rule", "Spec", "Unknown", "register_rule"]
