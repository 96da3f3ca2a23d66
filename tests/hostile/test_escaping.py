"""Whatever a token, a name or a message says, the page's markup is its own.

The same builder is asked with a plain text and with a hostile one: tags and names of
attributes must be the same, in the same order, and the text stands there as it is.
"""

import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import pytest

from playground.engine import StageCount
from playground.interface.model_card import model_card
from playground.interface.stop_builder import tokenisations_html
from playground.interface.view_html import message_html, numbers_html, view_html
from playground.plots import picture
from playground.views.candidates import CandidatesView, CandidateToken
from playground.views.comparison import ComparedRun, ComparisonView
from playground.views.run_summary import RunSummary
from playground.views.stop_builder import StopView, Tokenisation
from playground.views.view import Table
from playground.web.candidates_html import candidates_html
from playground.web.comparison_html import comparison_html
from playground.web.links_html import links_html
from tests.hostile.fuzz import FEW_AND_MANY, MARKUP, fuzz, texts
from tests.plots.some_views import attention


class Skeleton(HTMLParser):
    """Tags and attributes' names in order, and all text, that of attributes too."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.markup: list[tuple[str, ...]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.markup.append((tag, *(name for name, _ in attrs)))
        self.text += "\n".join(value or "" for _, value in attrs)

    def handle_endtag(self, tag: str) -> None:
        self.markup.append(("/" + tag,))

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.markup.append(("comment", data))

    def handle_decl(self, decl: str) -> None:
        self.markup.append(("declaration", decl))

    def handle_pi(self, data: str) -> None:
        self.markup.append(("instruction", data))

    def unknown_decl(self, data: str) -> None:
        self.markup.append(("unknown", data))


def _table(text: str) -> Table:
    return Table(columns=(text, "id"), rows=((text, 1), (f"a{text}", 0.5)))


def _candidates(text: str) -> str:
    tokens = [
        CandidateToken(
            token_id=i, label=text, rank=i + 1, before=0.5, after=0.5, is_chosen=i == 0
        )
        for i in range(2)
    ]
    return candidates_html(
        CandidatesView(
            index=0,
            stages=(StageCount("model", 9, 1.0), StageCount(text, 2, 0.5)),
            candidates=tuple(tokens),
            entropy=1.0,
        )
    )


def _comparison(text: str) -> str:
    summary = RunSummary(
        num_tokens=1, num_recorded=0, mean_logprob=None, distinct_1=1.0, distinct_2=None
    )
    runs = [
        ComparedRun(
            name=text,
            token_ids=(n,),
            labels=(text,),
            text=f"{text} {n}",
            end=text,
            diverges_at=None,
            summary=summary,
        )
        for n in range(2)
    ]
    return comparison_html(ComparisonView(runs=tuple(runs), diverges_at=0, seed=1))


def _stop_builder(text: str) -> str:
    row = Tokenisation(place=text, token_ids=(1,), pieces=(text,), begins_inside=False)
    return tokenisations_html(
        StopView(text=text, tokenisations=(row,), single_id=None, words=text)
    )


def _links(text: str) -> str:
    return links_html(attention((text,) * 8), position=7)


BUILDERS = {
    "message": message_html,
    "card": lambda text: model_card(text, None),
    "numbers": lambda text: numbers_html(_table(text)),
    "stop builder": _stop_builder,
    "candidates": _candidates,
    "comparison": _comparison,
    "links": _links,
}


def check(builder: str, text: str) -> None:
    plain, hostile = (Skeleton(BUILDERS[builder](each)) for each in ("plain", text))
    assert hostile.markup == plain.markup
    # The parser reads CR LF as LF and NUL as U+FFFD, as a browser does.
    if not {"\r", "\0"} & set(text):
        assert text in hostile.text


@pytest.mark.parametrize("builder", BUILDERS)
@pytest.mark.parametrize("text", MARKUP)
def test_hostile_text_stays_text(builder, text):
    check(builder, text)


@FEW_AND_MANY
@pytest.mark.parametrize("builder", ["numbers", "candidates", "comparison"])
def test_any_text_stays_text(builder, examples):
    fuzz(texts.filter(bool), lambda text: check(builder, text), examples // 3)


class Told:
    """A view whose words and table are hostile."""

    def __init__(self, text: str) -> None:
        self.text = text

    def words(self) -> str:
        return self.text

    def table(self) -> Table:
        return _table(self.text)


def test_words_of_a_picture_stay_words(monkeypatch):
    monkeypatch.setattr("playground.interface.view_html.picture", lambda *_, **__: b"")
    plain = Skeleton(view_html(Told("plain")))
    for text in MARKUP:
        assert Skeleton(view_html(Told(text))).markup == plain.markup


def test_a_picture_to_take_away_holds_no_program():
    labels = tuple(MARKUP[:8])
    settings = {"stop_strings": list(MARKUP[:8]), "seed": 1}
    made = picture(attention(labels), "svg", settings=settings)
    tree = ElementTree.fromstring(made)
    tags = {element.tag.rpartition("}")[2] for element in tree.iter()}
    assert not tags & {"script", "foreignObject", "iframe", "a", "img"}
    names = {name for element in tree.iter() for name in element.attrib}
    assert not [name for name in names if name.lower().startswith("on")]
    assert b"<script>" not in made


def test_the_skeleton_sees_what_is_not_escaped():
    assert Skeleton("<p>a</p>").markup != Skeleton("<p><b>a</b></p>").markup
    assert Skeleton('<p title="a">').markup != Skeleton('<p title="a" onclick>').markup
    assert Skeleton("<!-- a -->").markup == [("comment", " a ")]
