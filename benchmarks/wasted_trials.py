"""How many trials are spent on models that cannot exist, by KerasTuner and by shapesafe_tuner.

    python -m benchmarks wasted_trials [--quick] [--into FOLDER] [--page docs/measurements.md]
        [--seeds 1 2 3] [--algorithms NAME ..] [--ways NAME ..]

Eight search spaces as people write them and one in which everything fits (``spaces/`` has them,
with their sources); four algorithms; three seeds; five ways to deal with what cannot exist
(``searches.py``). Every search is a real one: it fits on data that scikit-learn ships. Two searches
run side by side, each in a process with one thread, the ways interleaved. A search that is in
``runs.jsonl`` already is not run again. ``--quick``: two spaces and the control, two algorithms,
three ways, one seed.
"""

from __future__ import annotations

import itertools
import multiprocessing
import pathlib
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from benchmarks import harness, wasted_curves, wasted_tables
from benchmarks.searches import ALGORITHMS, VARIANTS, Job, search
from benchmarks.spaces import CONTROL, SPACES

__all__ = ["main"]

KEY = ("space", "algorithm", "variant", "seed", "trials")
SEEDS = (1, 2, 3)
TRIALS = 8
PROCESSES = 2
SEARCHES_OF_A_PROCESS = 10
"""TensorFlow keeps graphs of models that are gone; a process is replaced before it gets large."""

QUICK_SPACES = ("optional_pooling", "autoencoder", CONTROL)
QUICK_VARIANTS = ("stock", "guards", "resample")
QUICK_TRIALS = 6


def jobs(
    quick: bool,
    seeds: Sequence[int] = SEEDS,
    algorithms: Sequence[str] = ALGORITHMS,
    variants: Sequence[str] = tuple(VARIANTS),
) -> list[Job]:
    """All searches; those that are compared follow each other, and each way comes first in turn.

    Args:
        quick: few small ones, whatever else is given.
        seeds, algorithms, variants: with which all spaces are searched otherwise.
    """
    spaces, trials = tuple(SPACES), TRIALS
    if quick:
        spaces, trials = QUICK_SPACES, QUICK_TRIALS
        seeds, algorithms, variants = SEEDS[:1], ALGORITHMS[:2], QUICK_VARIANTS
    return [
        Job(space, algorithm, variants[(turn + place) % len(variants)], seed, trials)
        for turn, (seed, space, algorithm) in enumerate(
            itertools.product(seeds, spaces, algorithms)
        )
        for place in range(len(variants))
    ]


def start_process() -> None:
    """One thread, so that two processes share two cores evenly; and the first trace is made."""
    import warnings

    import keras
    import sklearn.gaussian_process  # noqa: F401 - loads the libraries whose threads are limited
    import tensorflow as tf
    import threadpoolctl

    warnings.simplefilter("ignore")
    tf.config.threading.set_intra_op_parallelism_threads(1)
    threadpoolctl.threadpool_limits(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    data = SPACES[CONTROL].data()
    model = keras.Sequential([keras.Input((13,)), keras.layers.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)
    model.fit(**data, verbose=0)


def run(missing: Sequence[Job]) -> Iterator[dict[str, Any]]:
    """Run searches, two at a time, in processes that are replaced from time to time."""
    context = multiprocessing.get_context("spawn")
    size = PROCESSES * SEARCHES_OF_A_PROCESS
    for first in range(0, len(missing), size):
        with ProcessPoolExecutor(PROCESSES, context, initializer=start_process) as pool:
            futures = [pool.submit(search, job) for job in missing[first : first + size]]
            for future in as_completed(futures):
                yield future.result()


def feasible_shares(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """For each space its number of configurations and which share of them is feasible."""
    import shapesafe_tuner as sst

    found = {}
    for name in names:
        report = sst.validate_search_space(
            SPACES[name].build, **SPACES[name].arrays(), progress=False
        )
        found[name] = {"configurations": report.total, "feasible": report.feasible_fraction}
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the searches that are missing, then write tables and the picture."""
    parser = harness.parser("wasted_trials", __doc__)
    parser.add_argument("--quick", action="store_true", help="18 small searches and no more")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--algorithms", nargs="+", choices=ALGORITHMS, default=list(ALGORITHMS))
    parser.add_argument("--ways", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument(
        "--page", type=pathlib.Path, help="page whose marked part gets the short tables"
    )
    given = parser.parse_args(arguments)
    wanted = jobs(given.quick, given.seeds, given.algorithms, given.ways)
    journal = harness.Journal(given.into / "runs.jsonl", KEY)
    missing = [job for job in wanted if vars(job) not in journal]
    print(f"{len(wanted) - len(missing)} of {len(wanted)} searches are there already.", flush=True)
    for number, found in enumerate(run(missing), 1):
        journal.add(found)
        told = ", ".join(str(found[name]) for name in KEY)
        done = f"{found['outcome']}, {found['completed']} of {found['asked']} trials completed"
        print(f"{number}/{len(missing)}: {told}: {done}, {found['seconds']:.1f} s", flush=True)
    chosen = {tuple(vars(job).values()) for job in wanted}
    runs = [run for run in journal.runs if tuple(run[name] for name in KEY) in chosen]
    spaces = feasible_shares(list(dict.fromkeys(job.space for job in wanted)))
    short = [*wasted_tables.short(runs, spaces), wasted_curves.table(runs)]
    data = {"spaces": spaces, "runs": runs}
    tables = [*short, wasted_tables.in_full(runs)]
    print(harness.publish("wasted_trials", given.into, given, data, tables))
    wasted_tables.draw(runs, given.into / "wasted_trials.png")
    wasted_curves.draw(runs, given.into / "time_to_best.png")
    if given.page is not None:
        wasted_tables.draw(runs, given.page.parent / wasted_tables.PICTURE)
        wasted_curves.draw(runs, given.page.parent / wasted_curves.PICTURE)
        page = wasted_tables.in_page(given.page.read_text(), runs, short)
        given.page.write_text(page)


if __name__ == "__main__":
    main()
