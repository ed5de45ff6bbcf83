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
    in_order,
    words,
)
from shapesafe_tuner.findings.space_findings import SpaceFindings

__all__ = [
    "About", "Axis", "Bound", "Cause", "Conflict", "Example", "PairShares", "Sample",
    "SpaceFindings", "Suggestion", "Undecided", "in_order", "words",
]  # fmt: skip
