"""A page shows anything anyone wrote, and nothing of it acts."""

import re
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from approvals.plots import Axis, Plot, bars, histogram, lines, scatter, spelled
from approvals.report import Table, page

HOSTILE = "<script>alert(1)</script>\u202e\x1b[31m\u200b\"'&"


class Seen(HTMLParser):
    """What a browser would find in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in {"meta", "line", "rect", "circle", "polyline"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def some_plots(word: str = "plain") -> list[Plot | Table]:
    axis = Axis(word, 0, 10)
    return [
        histogram(word, word, {word: [1, 2, 2, 99], "other": [-5]}, axis=axis),
        bars(word, word, {word: [1, 2], "other": [0, 3]}, names=[word, "b"], up=word),
        lines(word, word, {word: [(0, 1), (10, 2)]}, across=axis, up=Axis(word, 0, 5, "root")),
        scatter(word, word, {word: [(1, 1), (1, 1)]}, across=Axis(word, 1, 100, "log"), up=axis),
        Table(word, [word, "n"], [[word, 1], [None, 0.25]], word),
    ]


def test_hostile_text_is_shown_and_does_nothing() -> None:
    seen = Seen(page(HOSTILE, HOSTILE, some_plots(HOSTILE)))
    assert "script" not in seen.tags
    assert not [name for name, _ in seen.attributes if name.startswith("on")]
    assert not re.search("[\u202e\x1b\u200b]", seen.text)
    assert "<script>alert(1)</script><U+202E>^[[31m<U+200B>" in seen.text


@given(st.text(), st.text())
def test_no_text_opens_a_tag_or_leaves_one_open(title: str, cell: str) -> None:
    plain = Seen(page("a", "b", some_plots()))
    seen = Seen(page(title, cell, some_plots(cell)))
    assert sorted(set(seen.tags)) == sorted(set(plain.tags))
    assert seen.open == plain.open == []


def test_a_page_fetches_nothing_and_says_so_to_the_browser() -> None:
    text = page("t", "i", some_plots())
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in text
    urls = set(re.findall(r"https?://[^\"'<>\s]+", text))
    assert urls <= {"http://www.w3.org/2000/svg"}
    assert not {name for name, _ in Seen(text).attributes} & {"src", "href", "srcset", "action"}


def test_the_same_figures_give_the_same_bytes() -> None:
    assert page("t", "i", some_plots()) == page("t", "i", some_plots())


def test_text_stands_in_its_own_direction_and_numbers_to_the_right() -> None:
    text = page("t", "i", [Table("t", ["a"], [["שלום"], [1234], [None]])])
    assert "<td><bdi>שלום</bdi></td>" in text
    assert '<td class="n">1,234</td>' in text
    assert "<td>&ndash;</td>" in text


def heights(plot: Plot) -> list[float]:
    shapes = re.findall(
        r'<rect class="bar s(\d)"[^>]* width="([\d.]+)" height="([\d.]+)"', plot.svg
    )
    return [float(height) for _, width, height in shapes if width != "9.0"]


def test_every_value_lands_in_a_bin_and_the_ends_hold_what_lies_beyond() -> None:
    values = [-1.0, 0.0, 0.49, 0.5, 1.0, 7.0]
    plot = histogram("t", "c", {"n": values}, axis=Axis("x"), bins=2)
    assert len(heights(plot)) == 2
    assert heights(plot)[0] == heights(plot)[1]


def test_a_bar_is_as_high_as_its_number() -> None:
    plot = bars("t", "c", {"n": [1, 2, 4], "m": [0, 2, 0]}, names=["a", "b", "c"], up="n")
    one, two, over, four = heights(plot)
    assert (two, over) == (one * 2, one * 2)
    assert abs(four - one * 4) < 0.2


def test_dots_on_each_other_are_drawn_once() -> None:
    plot = scatter("t", "c", {"n": [(0.5, 0.5)] * 1000}, across=Axis("x"), up=Axis("y"))
    assert plot.svg.count("<circle") == 1


def test_nothing_to_show_is_a_plot_all_the_same() -> None:
    empty = [
        histogram("t", "c", {"n": []}, axis=Axis("x")),
        histogram("t", "c", {}, axis=Axis("x")),
        bars("t", "c", {"n": []}, names=[], up="n"),
        lines("t", "c", {"n": []}, across=Axis("x"), up=Axis("y")),
        scatter("t", "c", {"n": [(1, 1)]}, across=Axis("x", 1, 1), up=Axis("y", 0, 0)),
    ]
    assert all("</svg>" in plot.svg and "nan" not in plot.svg for plot in empty)


def test_numbers_are_spelled_as_people_read_them() -> None:
    assert [spelled(n) for n in (0, 12, 1500, 40_000, 2e6, 0.25, 3e9)] == [
        "0",
        "12",
        "1,500",
        "40k",
        "2M",
        "0.25",
        "3G",
    ]
