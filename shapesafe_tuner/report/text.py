"""Plain text for terminals and logs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from shapesafe_tuner.verdict import Rejection

__all__ = ["feasibility_summary"]


def feasibility_summary(
    rejections: Sequence[Rejection], drawn: int, seconds: float, notes: Sequence[str] = ()
) -> str:
    """What a search refused, why, and what the checks cost.

    Args:
        rejections: the records of the search.
        drawn: number of candidates judged.
        seconds: time spent judging.
        notes: what else was noticed: suspicious losses, frozen bounds.
    """
    share = f" ({len(rejections) / drawn:.0%})" if drawn else ""
    lines = [
        "Feasibility summary",
        f"{drawn} configurations drawn, {len(rejections)} rejected{share} "
        f"without a trial; checking took {seconds:.1f} s.",
    ]
    by_reason: Counter[str] = Counter()
    example: dict[str, str] = {}
    for rejection in rejections:
        fault = rejection.verdict.fault
        if fault is None:
            continue
        by_reason[fault.reason] += 1
        if fault.reason not in example:
            named = ", ".join(f"{name}={value!r}" for name, value in fault.hyperparameters.items())
            example[fault.reason] = named
    for reason, count in by_reason.most_common(5):
        lines.append(f"  {count} x {reason}")
        if example[reason]:
            lines.append(f"      for example {example[reason]}")
    if len(by_reason) > 5:
        lines.append(f"  and {len(by_reason) - 5} other reasons; see tuner.rejections.")
    return "\n".join([*lines, *notes])
