"""Lines beside the layers: every source reaches its row, and lanes are used again."""

from __future__ import annotations

import random

from shapesafe_tuner.report.rails import MOST_LANES, rails_of


def test_a_chain_is_one_lane() -> None:
    rails = rails_of([(), (0,), (1,)])
    assert [rail.lane for rail in rails] == [0, 0, 0]
    assert [[(line.top, line.bottom) for line in rail.lines] for rail in rails] == [
        [(50, 100)], [(0, 50), (50, 100)], [(0, 50)],
    ]  # fmt: skip


def test_whatever_the_graph_lines_go_on_from_row_to_row() -> None:
    draws = random.Random(0)
    for _ in range(300):
        size = draws.randrange(2, 14)
        sources = [tuple(draws.sample(range(n), min(n, draws.randrange(3)))) for n in range(size)]
        rails = rails_of(sources)
        if not rails:
            continue
        leaving: set[int] = set()
        for row, rail in enumerate(rails):
            coming = [line.start for line in rail.lines if line.top == 0]
            assert set(coming) == leaving == set(rail.above)
            arriving = {line.start for line in rail.lines if line.bottom == 50}
            assert arriving == {rails[source].lane for source in sources[row]}
            leaving = {line.end for line in rail.lines if line.bottom == 100}
        assert not leaving


def test_what_nobody_could_follow_is_not_drawn() -> None:
    crowd = MOST_LANES + 1
    assert rails_of([*[()] * crowd, tuple(range(crowd))]) == ()
