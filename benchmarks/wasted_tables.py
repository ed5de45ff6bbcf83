"""Tables, sentences and the picture of ``wasted_trials``, from the results of its searches."""

from __future__ import annotations

import pathlib
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks import wasted_curves
from benchmarks.harness import Table, between_markers
from benchmarks.searches import ALGORITHMS, OURS, VARIANTS
from benchmarks.spaces import CONTROL, SPACES

__all__ = ["PICTURE", "agreement", "draw", "in_full", "in_page", "short"]

PICTURE = pathlib.Path("images", "wasted_trials.png")
Run = Mapping[str, Any]


def _present(runs: Sequence[Run], name: str, order: Iterable[str]) -> list[str]:
    found = {run[name] for run in runs}
    return [value for value in order if value in found]


def _of(runs: Sequence[Run], **wanted: Any) -> list[Run]:
    return [run for run in runs if all(run[name] == value for name, value in wanted.items())]


def wasted(runs: Sequence[Run]) -> tuple[float, float]:
    """Shares of the trials asked for that failed, and that were never run."""
    asked = sum(run["asked"] for run in runs)
    return (
        sum(run["failed"] for run in runs) / asked,
        sum(run["never_run"] for run in runs) / asked,
    )


def short(runs: Sequence[Run], spaces: Mapping[str, Mapping[str, Any]]) -> list[Table]:
    """The two tables of the docs and what they say where nothing is gained.

    Args:
        runs: results of the searches.
        spaces: for each space, its ``feasible`` share.
    """
    shown = _present(runs, "variant", VARIANTS)
    rows = [
        [SPACES[name].title, f"{spaces[name]['feasible']:.0%}"]
        + [_cell(_of(runs, space=name, variant=variant)) for variant in shown]
        for name in _present(runs, "space", SPACES)
    ]
    seeds = sorted({run["seed"] for run in runs})
    algorithms = ", ".join(_present(runs, "algorithm", ALGORITHMS))
    by_space = Table(
        "Trials wasted, of those asked for",
        ["space", "feasible", *shown],
        rows,
        [
            f"{algorithms}; seed{'s' * (len(seeds) > 1)} "
            f"{', '.join(map(str, seeds))}. Wasted are trials that failed and trials that never "
            "ran because the search had ended. Behind it, of how many searches: aborted by "
            "KerasTuner after too many failures in a row; crashed in the tuner's constructor, "
            "where the defaults cannot exist.",
            "; ".join(f"*{name}*: {VARIANTS[name]}" for name in shown) + ".",
        ],
    )
    return [by_space, _by_variant(runs, shown)]


def _cell(runs: Sequence[Run]) -> str:
    if not runs:
        return "-"
    parts = [f"{sum(wasted(runs)):.0%}"]
    for outcome in ("aborted", "crashed"):
        count = len(_of(runs, outcome=outcome))
        parts += [f"{outcome} {count} of {len(runs)}"] if count else []
    return ", ".join(parts)


def _by_variant(runs: Sequence[Run], shown: Sequence[str]) -> Table:
    rows = []
    hard = [run for run in runs if run["space"] != CONTROL]
    for variant in shown:
        found = _of(hard, variant=variant)
        if not found:
            continue
        seconds, completed = (sum(run[n] for run in found) for n in ("seconds", "completed"))
        sums = [sum(run[n] for run in found) for n in ("asked", "completed", "failed", "never_run")]
        ended = [len(_of(found, outcome=outcome)) for outcome in ("aborted", "crashed")]
        infeasible, checking, inside = (
            sum(run[n] for run in found) for n in ("infeasible", "checking", "in_trials")
        )
        rows.append(
            [
                variant, *sums, *ended, sum(run["distinct"] for run in found), f"{seconds:.0f}",
                f"{infeasible / seconds:.1%}", f"{1 - inside / seconds:.1%}",
                f"{checking / seconds:.1%}" if variant in OURS else "-",
                f"{seconds / completed:.1f}" if completed else "-",
            ]
        )  # fmt: skip
    columns = [
        "way", "asked", "completed", "failed", "never run", "aborted", "crashed",
        "distinct feasible", "seconds", "on failed trials", "outside trials",
        "checking", "seconds a completed trial",
    ]  # fmt: skip
    number = len(_present(hard, "space", SPACES))
    title = f"All searches of the {number} spaces with infeasible configurations"
    return Table(title, columns, rows, [*_against(hard, shown), *_of_control(runs, shown)])


def _against(runs: Sequence[Run], shown: Sequence[str]) -> list[str]:
    """How often the best score of ours is better than another's of the same search."""
    lines = []
    for ours in (name for name in OURS if name in shown):
        for rival in (name for name in shown if name not in OURS):
            pairs = [pair for mine in _of(runs, variant=ours) for pair in _pairs(runs, mine, rival)]
            found = Counter(_compared(*pair) for pair in pairs)
            lines.append(
                f"Best score, {ours} against {rival}, search by search: better {found['better']}, "
                f"equal {found['equal']}, worse {found['worse']}; {rival} has none in "
                f"{found['none']}."
            )
    return lines


def _pairs(runs: Sequence[Run], mine: Run, rival: str) -> list[tuple[Run, Run]]:
    alike = {name: mine[name] for name in ("space", "algorithm", "seed", "trials")}
    return [(mine, other) for other in _of(runs, variant=rival, **alike)]


def _compared(mine: Run, other: Run) -> str:
    if other["best"] is None:
        return "none"
    if mine["best"] == other["best"]:
        return "equal"
    above = mine["best"] > other["best"]
    return "better" if above == SPACES[mine["space"]].maximised else "worse"


def agreement(runs: Sequence[Run]) -> tuple[int, int, int]:
    """On the control: searches of ours, those with the trials of stock, and with its scores too."""
    pairs = [
        pair
        for mine in _of(runs, space=CONTROL)
        if mine["variant"] in OURS
        for pair in _pairs(runs, mine, "stock")
    ]
    same = [
        [t[0] for t in mine["tried"]] == [t[0] for t in stock["tried"]] for mine, stock in pairs
    ]
    scores = [mine["tried"] == stock["tried"] for mine, stock in pairs]
    return len(pairs), sum(same), sum(scores)


def _of_control(runs: Sequence[Run], shown: Sequence[str]) -> list[str]:
    pairs, same, scores = agreement(runs)
    if not pairs:
        return []
    stock = sum(run["seconds"] for run in _of(runs, space=CONTROL, variant="stock"))
    takes = [
        f"{name} {sum(run['seconds'] for run in found) / stock:.0%} of stock's time, "
        f"{sum(r['checking'] for r in found) / sum(r['seconds'] for r in found):.1%} of it checking"
        for name in OURS
        if name in shown and (found := _of(runs, space=CONTROL, variant=name))
    ]
    return [
        f"Where everything fits nothing is gained: on the control {same} of {pairs} searches of "
        f"ours ran exactly the trials of stock ({scores} with the same scores), and took "
        f"{'; '.join(takes)}."
    ]


def in_full(runs: Sequence[Run]) -> Table:
    """One row for each space, algorithm and way: sums over the seeds, best scores with range."""
    rows = []
    for space in _present(runs, "space", SPACES):
        for algorithm in _present(runs, "algorithm", ALGORITHMS):
            for variant in _present(runs, "variant", VARIANTS):
                found = _of(runs, space=space, algorithm=algorithm, variant=variant)
                if found:
                    rows.append([space, algorithm, variant, *_sums(found)])
    columns = [
        "space", "algorithm", "way", "asked", "completed", "failed", "never run", "aborted",
        "crashed", "distinct feasible", "rejected", "seconds", "on failed trials (s)",
        "checking (s)", "best score (range)",
    ]  # fmt: skip
    return Table("Every space, algorithm and way, summed over the seeds", columns, rows)


def _sums(found: Sequence[Run]) -> list[Any]:
    counts = ("asked", "completed", "failed", "never_run")
    best = [run["best"] for run in found if run["best"] is not None]
    objective = SPACES[found[0]["space"]].objective
    return [
        *(sum(run[name] for run in found) for name in counts),
        *(len(_of(found, outcome=outcome)) for outcome in ("aborted", "crashed")),
        *(sum(run[name] for run in found) for name in ("distinct", "rejected")),
        f"{sum(run['seconds'] for run in found):.1f}",
        f"{sum(run['infeasible'] for run in found):.1f}",
        f"{sum(run['checking'] for run in found):.2f}",
        f"{objective} {statistics.mean(best):.3f} ({min(best):.3f} - {max(best):.3f})"
        if best
        else "-",
    ]


def in_page(page: str, runs: Sequence[Run], tables: Sequence[Table]) -> str:
    """A page with the short tables and the picture between its markers."""
    asked = sum(run["asked"] for run in runs)
    hours = sum(run["seconds"] for run in runs) / 3600
    told = (
        f"{len(runs)} searches that asked for {asked:,} trials, {hours:.1f} hours of search two at "
        f"a time."
    )
    pictures = (
        f"![Trials wasted in each space by each way]({PICTURE.as_posix()})\n",
        f"![How good the best is by trials and by seconds]({wasted_curves.PICTURE.as_posix()})",
    )
    text = "\n".join([told, "", *(table.markdown(3) for table in tables), *pictures])
    return between_markers(page, "wasted_trials", text)


def draw(runs: Sequence[Run], path: pathlib.Path) -> None:
    """For each space and way a bar: the share that failed, and lighter, the share never run."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.patches import Patch

    spaces, shown = _present(runs, "space", SPACES), _present(runs, "variant", VARIANTS)
    height = len(shown) + 1.6
    figure, axis = pyplot.subplots(figsize=(5.2, 1.0 + 0.17 * height * len(spaces)))
    for row, space in enumerate(spaces):
        axis.text(0, row * height - 0.95, SPACES[space].title, fontsize=10, va="center")
        for place, variant in enumerate(shown):
            found = _of(runs, space=space, variant=variant)
            if not found:
                continue
            failed, never = (100 * share for share in wasted(found))
            at, colour = row * height + place, wasted_curves.COLOURS[variant]
            axis.barh(at, failed, color=colour, height=0.85)
            axis.barh(at, never, left=failed, color=colour, alpha=0.35, height=0.85)
            label = f" {variant} {failed + never:.0f} %"
            axis.text(failed + never, at, label, fontsize=8, va="center", color="#333333")
    axis.set(xlim=(0, 128), ylim=(len(spaces) * height - 1, -1.8), yticks=[])
    axis.set_xticks(range(0, 101, 25), [f"{share} %" for share in range(0, 101, 25)], fontsize=9)
    axis.set_xlabel("of the trials asked for", fontsize=10, loc="left")
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.spines["bottom"].set_bounds(0, 100)
    handles = [Patch(color="#777777"), Patch(color="#777777", alpha=0.35)]
    figure.legend(
        handles, ["failed", "never run"], loc="upper right", ncols=2, frameon=False, fontsize=9
    )
    axis.set_title("Trials wasted", fontsize=12, loc="left", pad=14)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)
