"""The pages: their structure, what they say, that nothing in them runs or is loaded."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import hashlib
import html.parser
import itertools
import json
import pathlib
import re
from typing import Any

import keras
import pytest
from keras import layers

import shapesafe_tuner as sst
from shapesafe_tuner.report import html as pages
from shapesafe_tuner.report.html import page
from shapesafe_tuner.report.search_space import SearchSpaceReport
from shapesafe_tuner.report.space_charts import level
from shapesafe_tuner.report.wording import abridged, conflict_words, percent, whole_percent
from tests.report import reports

PAGES = {
    "small": ("space", reports.small),
    "calm": ("space", reports.calm),
    "hostile": ("space", reports.hostile),
    "refused": ("explanation", reports.refused),
}
STYLE = (pathlib.Path(pages.__file__).parent / "templates" / "style.css").read_text()
VOID = {"meta", "br", "img", "input", "link", "rect", "line", "circle", "polyline"}


class Tree(html.parser.HTMLParser):
    """Elements in their order with the names of those around them; the text of each."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], tuple[str, ...]]] = []
        self.texts: list[list[str]] = []
        self._open: list[int] = []
        self.feed(text)
        assert not self._open, [self.elements[place] for place in self._open]

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        around = tuple(self.elements[place][0] for place in self._open)
        self.elements.append((tag, dict(attributes), around))
        self.texts.append([])
        if tag not in VOID:
            self._open.append(len(self.elements) - 1)

    def handle_startendtag(self, tag: str, attributes: Any) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.elements[self._open.pop()][0] == tag
        if tag in ("td", "th"):
            self.handle_data(" ")

    def handle_data(self, data: str) -> None:
        for place in self._open:
            self.texts[place].append(data)

    def all(self, tag: str, **wanted: str) -> list[tuple[dict[str, str | None], str]]:
        return [
            (attributes, " ".join("".join(text).split()))
            for (name, attributes, _), text in zip(self.elements, self.texts, strict=True)
            if name == tag and wanted.items() <= attributes.items()
        ]


@pytest.mark.parametrize("name", sorted(PAGES))
def test_structure(name: str) -> None:
    tree = Tree(page(*PAGES[name]))
    tags = [element[0] for element in tree.elements]
    assert tags.count("main") == tags.count("h1") == tags.count("footer") == 1
    levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    ids = [attributes["id"] for _, attributes, _ in tree.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for attributes, _ in tree.all("section"):
        assert attributes["aria-labelledby"] in ids
    for attributes, _ in tree.all("a"):
        target = attributes["href"] or ""
        assert target.startswith("#")
        assert target[1:] in ids
    assert tags.count("table") == tags.count("caption")
    assert all(text for _, text in tree.all("caption"))
    assert all("scope" in attributes for attributes, _ in tree.all("th"))
    labelled = {attributes["for"] for attributes, _ in tree.all("label")}
    assert labelled == {attributes["id"] for attributes, _ in tree.all("select")}
    for attributes, _ in tree.all("svg"):
        assert attributes.get("aria-hidden") == "true" or attributes["aria-label"]


@pytest.mark.parametrize("name", sorted(PAGES))
def test_nothing_is_loaded_and_only_its_own_script_may_run(name: str) -> None:
    tree = Tree(page(*PAGES[name]))
    (policy,) = (
        attributes["content"] or ""
        for attributes, _ in tree.all("meta")
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    runs = [
        "".join(text)
        for (tag, attributes, _), text in zip(tree.elements, tree.texts, strict=True)
        if tag in ("script", "style") and attributes.get("type") != "application/json"
    ]
    assert len(runs) == (2 if name in ("small", "hostile") else 1)
    for text in runs:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    for tag, attributes, _ in tree.elements:
        assert tag not in ("img", "link", "iframe", "object", "b")
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert not {"src", "xlink:href"} & attributes.keys()


def test_what_the_page_of_a_space_says() -> None:
    tree = Tree(page("space", reports.small))
    assert tree.all("h1")[0][1] == "62.50% feasible"
    assert [text for _, text in tree.all("h2")][:3] == [
        "Why configurations fail", "What never fits", "What would help"
    ]  # fmt: skip
    assert [text for _, text in tree.all("p", **{"class": "fails"})] == [
        reports.small.causes[0].reason,
        "No map is left.",
    ]
    assert [text for _, text in tree.all("p", **{"class": "help"})] == [
        "Would help: keep blocks <= 2 removes 25.00% of the space, gives up 10.00% of what is "
        "feasible"
    ]
    assert [text for _, text in tree.all("code", **{"class": "copy"})] == [
        "hp.Int('blocks', 1, 2)"
    ] * 2
    assert [text for attributes, text in tree.all("p", **{"class": "members"})] == [
        "Depends on blocks, kernel",
        "Depends on pool",
        "blocks=3 and kernel >= 5",
        "pool=True",
    ]
    assert [text for _, text in tree.all("strong")] == ["25.00%", "12.50%"] * 2
    bars = [a["width"] for a, _ in tree.all("rect", **{"class": "refused"})]
    assert bars == [
        "100%", *["66.667%", "33.333%"] * 2, "100.0%", "50.0%", "0.4%",
        "25.0%", "100.0%", "12.5%", "50.0%", "50.0%"
    ]  # fmt: skip
    ladder = [text for _, text in tree.all("tr") if re.search("stem|conv|pool Max", text)]
    assert ladder == [
        "stem Conv2D (?, 10, 10, 8) 80",
        "pool MaxPooling2D (?, 5, 5, 8) 0",
        "conv Conv2D ✗ refused gets (?, 5, 5, 8) from pool",
    ]
    dots = [a["cy"] for a, _ in tree.all("circle")]
    assert dots == ["50%"] * 4
    maps = [a["width"] for a, _ in tree.all("rect", **{"class": "map"})]
    assert maps == ["100.0%", "50.0%", "25.0%"]
    assert [a["width"] for a, _ in tree.all("rect", **{"class": "outline"})] == ["25.0%"]
    cells = [(a["class"], text) for a, text in tree.all("td") if "shade" in (a.get("class") or "")]
    assert cells == [
        ("shade10", "100"), ("shade10", "100"),
        ("shade10", "100"), ("shade1", "<1"),
        ("shade9", ">99"), ("shade0", "0"),
    ]  # fmt: skip
    lines = [(a["class"], a["data-cause"], a["data-bins"]) for a, _ in tree.all("polyline")]
    assert sorted(lines) == [  # of pool, blocks and kernel, the most important first
        ("fits", "", "0 1 1"), ("fits", "", "0 2 0"),
        ("refused", "0", "0 2 1"), ("refused", "1", "1 0 0"),
    ]  # fmt: skip
    assert [text for _, text in tree.all("text", **{"class": "name"})] == [
        "pool", "blocks", "kernel"
    ]  # fmt: skip
    (said,) = tree.all("p", id="said")
    assert said[1] == "blocks and kernel: of 6 combinations, 1 never fits and 3 always do."
    assert said[0]["aria-live"] == "polite"
    text = " ".join(text for _, text in tree.all("li"))
    assert "No effect on feasibility: filters, rate." in text
    assert "Frozen bounds: width was first" in text
    data = json.loads(tree.all("script", id="maps")[0][1])
    assert [axis["name"] for axis in data["axes"]] == ["blocks", "kernel", "pool"]
    assert data["axes"][1]["labels"] == ["3", "5..7"]
    assert data["pairs"][1]["cells"][2] == [["·", -1], ["0", 0]]


def test_what_an_estimate_says() -> None:
    tree = Tree(page("space", reports.hostile))
    assert tree.all("h1")[0][1] == "<0.01% feasible"
    lede = " ".join(text for _, text in tree.all("p", **{"class": "lede"}))
    assert "An estimate for infinitely many configurations" in lede
    assert "the 95 % interval is 0% to 20.00%" in lede
    assert "<0.01% cannot be decided, and their trials will run" in lede
    assert "Not exact, because " + reports.EVIL[:20] in lede
    hints = " ".join(text for _, text in tree.all("p", **{"class": "hint"}))
    assert "42 more, together" in hints
    assert "20 more are in the JSON" in hints


def test_a_page_stays_small_whatever_the_space() -> None:
    assert len(page("space", reports.small)) < 40_000
    assert len(page("space", reports.hostile)) < 700_000
    longest = max(re.findall(r"n+", page("space", reports.hostile)), key=len)
    assert len(longest) < 320


def test_what_the_page_of_a_configuration_says() -> None:
    tree = Tree(page("explanation", reports.refused))
    assert tree.all("h1")[0][1] == "Infeasible: it cannot be built."
    rows = [text for _, text in tree.all("tr", **{"class": "fault"})]
    assert rows == [
        "conv Conv2D ✗ refused gets (?, 5, 5, 8) from pool",
        "blocks 3 ✗part of it 2",
        "kernel 7 ✗part of it same",
    ]


def test_a_report_from_json_gives_the_same_page() -> None:
    for report in (reports.small, reports.calm, reports.hostile):
        again = SearchSpaceReport.from_json(report.to_json())
        assert page("space", again) == page("space", report)


def test_files_and_notebooks(tmp_path: pathlib.Path) -> None:
    reports.small.to_html(tmp_path / "space.html")
    reports.refused.to_html(str(tmp_path / "one.html"))
    assert (tmp_path / "space.html").read_text(encoding="utf-8") == page("space", reports.small)
    assert "Infeasible" in (tmp_path / "one.html").read_text(encoding="utf-8")
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere; make it first"):
        reports.small.to_html(tmp_path / "nowhere" / "space.html")
    for subject in (reports.small, reports.calm, reports.hostile, reports.refused):
        tree = Tree(subject._repr_html_())
        tags = {tag for tag, _, _ in tree.elements}
        assert not tags & {"script", "html", "body", "main", "select", "img"}
        # Two cells of one notebook must not share an id.
        assert not [attributes for _, attributes, _ in tree.elements if "id" in attributes]


def colours(scheme: str) -> dict[str, str]:
    light, dark = re.findall(r"\.shapesafe \{\s*(--paper[^}]*)\}", STYLE)
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light if scheme == "light" else dark))


def contrast(one: str, other: str) -> float:
    """Of two colours, as WCAG 2.2 defines it."""

    def luminance(colour: str) -> float:
        parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_is_that_of_wcag_aa(scheme: str) -> None:
    known = colours(scheme)
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    text = [("ink", "paper"), ("quiet", "paper"), ("link", "paper"), ("refused", "paper"),
            ("fits", "paper"), ("ink", "raised")]  # fmt: skip
    rule = r"\.shade(\d+) \{ background: var\(--shade\1\); color: var\(--(\S+)\)"
    shades = dict(re.findall(rule, STYLE))
    assert sorted(map(int, shades)) == list(range(11))
    text += [(color, f"shade{number}") for number, color in shades.items()]
    for front, back in text:
        assert contrast(known[front], known[back]) >= 4.5, (front, back)
    # What a bar or a focus ring must stand out from.
    for front in ("refused", "fits", "undecided", "link"):
        for back in ("paper", "track"):
            assert contrast(known[front], known[back]) >= 3, (front, back)


@pytest.mark.parametrize(
    ("total", "said"),
    [(1, "1"), (87_480, "87,480"), (12 * 10**15, "about 1.20 x 10^16"),
     (404 * 10**400, "about 4.04 x 10^402"), (float("inf"), "infinitely many")],
    ids=["one", "thousands", "many", "beyond floats", "infinite"],
)  # fmt: skip
def test_large_numbers_can_be_read(total: float, said: str) -> None:
    report = dataclasses.replace(reports.calm, total=total)
    assert f"Exact, over {said} configuration" in page("space", report)


@pytest.mark.parametrize(
    ("share", "text", "cell", "shade"),
    [(0.0, "0%", "0", 0), (1e-9, "<0.01%", "<1", 1), (0.25, "25.00%", "25", 2),
     (0.96, "96.00%", "96", 9), (1 - 1e-9, ">99.99%", ">99", 9), (1.0, "100%", "100", 10)],
)  # fmt: skip
def test_little_is_not_nothing(share: float, text: str, cell: str, shade: int) -> None:
    assert (percent(share), whole_percent(share), level(share)) == (text, cell, shade)


def test_what_is_long_is_cut_in_its_middle() -> None:
    assert abridged("kernel") == "kernel"
    assert len(abridged(reports.LONG)) == 48
    assert abridged("a" * 40 + "b" * 40).endswith("b" * 16)
    conflict = reports.hostile.conflicts[7]
    assert all(len(words) <= 120 for words in conflict_words(conflict, {}))


def test_the_page_says_what_it_is_about() -> None:
    def build(hp: Any) -> Any:
        inputs = {"image": keras.Input((8, 8, 1), name="image"), "age": keras.Input((1,))}
        x = layers.Flatten()(layers.Conv2D(2, hp.Int("kernel", 1, 4))(inputs["image"]))
        model = keras.Model(inputs, layers.Dense(3)(layers.Concatenate()([x, inputs["age"]])))
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    x = {"image": keras.KerasTensor((None, 8, 8, 1)), "age": keras.KerasTensor((None, 1))}
    report = sst.validate_search_space(build, x=x, y=keras.KerasTensor((None,), "int32"))
    assert report.about is not None
    assert report.about.hypermodel.endswith("build in test_html.py")
    assert report.about.data == (
        "x['image'] (8, 8, 1) float32, x['age'] (1) float32, y () int32, batches of 32"
    )
    assert f"Keras {keras.__version__} on " in report.about.versions
    tree = Tree(page("space", report))
    assert tree.all("p", **{"class": "eyebrow"})[0][1].endswith("build in test_html.py")
    assert any(text.startswith("Judged on x['image']") for _, text in tree.all("p"))
    (footer,) = tree.all("footer")
    assert sst.__version__ in footer[1]
    assert str(datetime.date.today().year) in footer[1]
    alone = sst.validate_search_space(build)
    assert alone.about is not None
    assert alone.about.data == ""
    assert "The build alone was judged" in page("space", alone)
