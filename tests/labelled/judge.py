"""Hold the verdicts against the labels: ``python -m tests.labelled.judge`` prints the matrix."""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import os
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from shapesafe_tuner._compat.keras_tuner.hypermodels import as_hypermodel, overrides
from shapesafe_tuner.checker import Checker
from shapesafe_tuner.tracing.data.reading import read_data
from shapesafe_tuner.tracing.question import Question
from shapesafe_tuner.verdict import Verdict
from tests.labelled.kept import labels_of, of_this_keras
from tests.labelled.model import Space

READ = inspect.signature(read_data).parameters


@dataclasses.dataclass(frozen=True)
class Case:
    """One configuration with what Keras and what the check say of it.

    Attributes:
        values: the configuration.
        label: Keras's answer, as ``label.py`` wrote it.
        verdict: the check's answer.
    """

    values: dict[str, Any]
    label: dict[str, Any]
    verdict: Verdict

    @property
    def trains(self) -> bool:
        """Whether Keras built it and fitted it."""
        return bool(self.label["build"] == "ok" and self.label["fit"] == "ok")

    @property
    def agrees(self) -> bool:
        """Whether the verdict is that of the label."""
        return self.verdict.feasible is self.trains

    @property
    def outcome(self) -> str:
        """Which cell of the confusion matrix it belongs to."""
        if self.verdict.feasible is None:
            return "undecided"
        if self.agrees:
            return "feasible" if self.trains else "infeasible"
        return "false rejection" if self.trains else "missed"


def judge(space: Space, most: int | None = None) -> Iterator[Case]:
    """Check the labelled configurations of a space, on its data.

    Args:
        space: one of ``tests.labelled.spaces.ALL``.
        most: how many at the most; None for all.

    Where another version of Keras made the labels and a verdict disagrees, the Keras that is
    installed builds and fits that configuration, and what it says is the label.
    """
    model = as_hypermodel(space.build)
    own_fit = "fit is overridden" if overrides(model, "fit") else None
    given = {name: part for name, part in space.data().items() if name in READ}
    checker = Checker(Question(model.build, read_data(**given, as_fit=True), own_fit))
    current = of_this_keras(space)
    for label in labels_of(space)[:most]:
        case = Case(label["values"], label, checker.judge(label["values"]))
        yield case if current or case.agrees else _labelled_again(space, case)


def _labelled_again(space: Space, case: Case) -> Case:
    from tests.labelled import label as labelling

    hp = labelling.Recorder(case.values)
    label = labelling.label(space, hp, *labelling.build(space, hp))
    return dataclasses.replace(case, label=label)


def main() -> None:
    """Print one line a space and the matrix of all."""
    from tests.labelled.spaces import ALL

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", help="names of spaces")
    chosen = parser.parse_args().only
    total: Counter[str] = Counter()
    stages: Counter[str] = Counter()
    for space in ALL:
        if chosen and space.name not in chosen:
            continue
        if space.left_out is not None:
            print(f"{space.name}: left out, {space.left_out}")
            continue
        start = time.perf_counter()
        cases = list(judge(space))
        seconds = (time.perf_counter() - start) / len(cases)
        counts = Counter(case.outcome for case in cases)
        total += counts
        by = Counter(case.verdict.stage for case in cases)
        stages += by
        print(f"{space.name}: {dict(counts)}, by {dict(by)}, {seconds * 1e3:.0f} ms each")
        for case in cases:
            if case.outcome not in ("feasible", "infeasible"):
                print(f"  {case.outcome}: {case.values} {case.verdict} {case.label['message']}")
    print(f"{sum(total.values())} configurations: {dict(total)}, by {dict(stages)}")


if __name__ == "__main__":
    main()
