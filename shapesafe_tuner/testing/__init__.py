"""Conformance checks that authors of rules and of oracles can run."""

from __future__ import annotations

from shapesafe_tuner.testing.oracles import NotConforming, check_oracle
from shapesafe_tuner.testing.rules import Answer, Nested, ask_keras, ask_rule, check_rule

__all__ = [
    "Answer",
    "Nested",
    "NotConforming",
    "ask_keras",
    "ask_rule",
    "check_oracle",
    "check_rule",
]
