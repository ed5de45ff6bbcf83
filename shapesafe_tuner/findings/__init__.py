"""What is found about a search space. No Keras here."""

from shapesafe_tuner.findings.records import (
    About,
    Axis,
    Bound,
    Cause,
    Conflict,
    Example,
    PairShares,
    Sample,
    Suggestion,
    Undecided,
)
from shapesafe_tuner.findings.space_findings import SpaceFindings
from shapesafe_tuner.findings.words import in_order, words

__all__ = [
    "About", "Axis", "Bound", "Cause", "Conflict", "Example", "PairShares", "Sample",
    "SpaceFindings", "Suggestion", "Undecided", "in_order", "words",
]  # fmt: skip
