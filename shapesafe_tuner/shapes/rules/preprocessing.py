"""Layers that turn raw values into numbers: why each has no rule and is asked itself."""

from __future__ import annotations

from shapesafe_tuner.shapes.registry import escalate

escalate(
    "its shape depends on a vocabulary that it learns from data",
    "IntegerLookup", "StringLookup", "TextVectorization",
)  # fmt: skip
escalate("it learns statistics from data, with adapt", "Discretization", "Normalization")
escalate(
    "its shape depends on how it counts or encodes, which the backend works out",
    "CategoryEncoding", "HashedCrossing", "Hashing",
)  # fmt: skip
