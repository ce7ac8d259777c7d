"""Charts: whole SVG, whatever the texts say; told in words; within their frame."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from o2o.http import charts
from o2o.http.application import CONTENT_SECURITY_POLICY

SVG = "{http://www.w3.org/2000/svg}"
# What XML can hold at all; what publishers write holds no control characters either.
WORDS = st.text(
    st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"), max_size=60
)
SERIES = st.lists(st.tuples(WORDS, st.one_of(st.integers(0, 10**12), st.floats(0, 1))), max_size=80)

EVIL = '</title><script>alert("1")</script>&amp;\''


def root(chart: Markup) -> ElementTree.Element:
    return ElementTree.fromstring(str(chart))


def words(element: ElementTree.Element) -> str:
    return "".join(element.itertext())


@pytest.mark.parametrize("draw", [charts.line_chart, charts.bar_chart])
@given(title=WORDS, series=SERIES)
def test_any_text_and_value_gives_a_whole_image(draw, title, series) -> None:  # type: ignore[no-untyped-def]
    image = root(draw(title, series))
    assert image.tag == f"{SVG}svg"
    assert words(image[0]) == title


@pytest.mark.parametrize("draw", [charts.line_chart, charts.bar_chart])
def test_texts_are_escaped(draw) -> None:  # type: ignore[no-untyped-def]
    chart = draw(EVIL, [(EVIL, 1), (EVIL, 2)])
    assert isinstance(chart, Markup)
    assert "<script" not in chart
    image = root(chart)
    assert not image.findall(f".//{SVG}script")
    assert image.findtext(f"{SVG}title") == EVIL
    assert EVIL in (image.findtext(f"{SVG}desc") or "")


@pytest.mark.parametrize("draw", [charts.line_chart, charts.bar_chart])
def test_an_image_is_told_in_words(draw) -> None:  # type: ignore[no-untyped-def]
    image = root(draw("Scans a day", [("1 March", 3), ("2 March", 1200)]))
    assert image.get("role") == "img"
    told = (image.get("aria-labelledby") or "").split()
    assert [element.get("id") for element in (image[0], image[1])] == told
    assert "1,200" in words(image[1])


def test_two_charts_on_a_page_have_names_of_their_own() -> None:
    some = root(charts.bar_chart("Scans", [("a", 1)]))
    others = root(charts.bar_chart("Pins", [("a", 1)]))
    assert some.get("aria-labelledby") != others.get("aria-labelledby")


@given(series=SERIES.filter(bool))
def test_lines_stay_in_their_frame(series: list[tuple[str, float]]) -> None:
    line = root(charts.line_chart("Scans", series)).find(f"{SVG}polyline")
    assert line is not None
    places = [tuple(map(float, place.split(","))) for place in (line.get("points") or "").split()]
    assert len(places) == len(series)
    assert all(charts.LEFT <= x <= charts.WIDTH - charts.RIGHT for x, _y in places)
    assert all(charts.TOP - 0.1 <= y <= charts.HEIGHT - charts.BOTTOM + 0.1 for _x, y in places)


@given(series=SERIES.filter(bool))
def test_bars_are_as_long_as_their_values(series: list[tuple[str, float]]) -> None:
    image = root(charts.bar_chart("Scans", series))
    widths = [float(bar.get("width") or 0) for bar in image.iter(f"{SVG}rect")]
    longest = max(value for _label, value in series) or 1
    expected = [charts.BARS_WIDTH * value / longest for _label, value in series]
    assert widths == pytest.approx(expected, abs=0.06)


@pytest.mark.parametrize("draw", [charts.line_chart, charts.bar_chart])
def test_nothing_is_said_to_be_nothing(draw) -> None:  # type: ignore[no-untyped-def]
    assert charts.NOTHING in words(root(draw("Scans", [])))


@pytest.mark.parametrize("draw", [charts.line_chart, charts.bar_chart])
def test_the_pages_policy_lets_all_of_it_in(draw) -> None:  # type: ignore[no-untyped-def]
    """Styles and scripts in a page are blocked, so a chart that had some would be drawn wrong."""
    assert "unsafe-inline" not in CONTENT_SECURITY_POLICY
    for element in root(draw("Scans", [("a", 1), ("b", 0)])).iter():
        assert element.tag not in {f"{SVG}style", f"{SVG}script"}
        assert not [name for name in element.attrib if name == "style" or name.startswith("on")]


@pytest.mark.parametrize(
    ("highest", "top"),
    [
        (0, 2),
        (1, 2),
        (2, 2),
        (0.37, 0.4),
        (1e-9, 0.001),
        (3, 4),
        (4, 4),
        (5, 6),
        (11, 20),
        (40, 40),
        (41, 60),
        (999, 1000),
    ],
)
def test_scales_end_at_round_values(highest: float, top: float) -> None:
    assert f">{top:,}</text>" in charts.line_chart("Scans", [("a", highest)])
