"""The figure: what it draws, that any name can stand in it, that pyplot is left alone."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest
from matplotlib.figure import Figure

from tests.report import reports


def texts(figure: Figure) -> list[str]:
    from matplotlib.text import Text

    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def test_it_draws_the_share_the_conflicts_and_a_map() -> None:
    figure = reports.small.plot()
    assert isinstance(figure, Figure)
    share, conflicts, heat = figure.axes
    assert [bar.get_width() for bar in share.patches] == [1, 0.625]
    assert [bar.get_width() for bar in conflicts.patches] == [0.25, 0.125]
    assert {"62.50% feasible (exact)", "blocks=3 and kernel >= 5", "25.00%"} <= {*texts(figure)}
    (image,) = heat.images
    assert image.get_array().tolist() == [[1.0, 1.0], [1.0, 0.001], [0.999, 0.0]]
    assert (heat.get_ylabel(), heat.get_xlabel()) == ("blocks", "kernel")


def test_the_two_hyperparameters_are_chosen() -> None:
    for down, across, names in (
        ("pool", "blocks", ("pool", "blocks")),
        ("pool", None, ("pool", "blocks")),
        (None, "blocks", ("kernel", "blocks")),
    ):
        heat = reports.small.plot(down, across).axes[2]
        assert (heat.get_ylabel(), heat.get_xlabel()) == names
    heat = reports.small.plot("pool", "blocks").axes[2]
    assert heat.images[0].get_array().filled(-1).tolist() == [[1.0, 0.5, -1.0], [0.0, 0.0, 0.0]]
    with pytest.raises(ValueError, match=r"width has no map; .* are: blocks, kernel, pool"):
        reports.small.plot("width")
    with pytest.raises(ValueError, match="down and across are both pool: a map needs two"):
        reports.small.plot("pool", "pool")


@pytest.mark.parametrize("name", ["small", "calm", "hostile"])
def test_it_can_be_drawn(name: str) -> None:
    figure = getattr(reports, name).plot()
    file = io.BytesIO()
    figure.savefig(file, dpi=50)
    assert file.getvalue().startswith(b"\x89PNG")
    assert len(figure.axes) == (2 if name == "calm" else 3)
    assert max(map(len, texts(figure))) < 120


def test_it_leaves_pyplot_alone() -> None:
    code = (
        "import sys; from shapesafe_tuner.report.search_space import SearchSpaceReport as Report;"
        "Report.from_json(sys.stdin.read()).plot();"
        "print({'matplotlib', 'matplotlib.pyplot', 'keras', 'tensorflow'} & set(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        input=reports.small.to_json(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "{'matplotlib'}"


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'matplotlib.*pip install "shapesafe-tuner\[report\]"'):
        reports.small.plot()
