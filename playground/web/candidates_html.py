"""The candidates of a token as a list with bars; each can be taken instead."""

from html import escape

from playground.interface.view_html import numbers_html
from playground.views.amounts import percent, tokens
from playground.views.candidates import CandidatesView, CandidateToken

_HEAD = (
    '<thead><tr><th scope="col">Token</th><th scope="col">Model</th>'
    '<th scope="col">After the sampler</th>'
    '<th scope="col"><span class="for-readers">Instead</span></th></tr></thead>'
)


def candidates_html(view: CandidatesView, run: int | None = None) -> str:
    """Caption, funnel, and a row for each candidate; losers stay, in grey.

    `run` is its number in the session: a candidate is taken there, also when another
    run is shown meanwhile.
    """
    stages = "".join(
        f"<li><b>{escape(stage.stage)}</b> {tokens(stage.tokens)} · "
        f"{percent(stage.probability)}</li>"
        for stage in view.stages
    )
    most = max(max(each.before, each.after) for each in view.candidates)
    rows = "".join(_row(each, most) for each in view.candidates)
    return (
        f'<section class="candidates" data-run="{run}" data-index="{view.index}">'
        f'<p class="view-caption">{escape(view.caption)}</p>'
        f'<ol class="funnel" aria-label="Tokens left after each stage">{stages}</ol>'
        f"<table>{_HEAD}<tbody>{rows}</tbody></table>"
        f"{numbers_html(view.table())}</section>"
    )


def _row(each: CandidateToken, most: float) -> str:
    kept = "" if each.is_kept else ' class="lost"'
    mark = (
        '<span class="taken">taken</span>'
        if each.is_chosen
        else f'<button type="button" data-token="{each.token_id}" '
        f'aria-label="Write on from {escape(each.label)} instead">Take</button>'
    )
    after = percent(each.after) if each.is_kept else "dropped"
    return (
        f'<tr{kept}><th scope="row">{escape(each.label)}</th>'
        f"{_bar(each.before, most, percent(each.before))}"
        f"{_bar(each.after, most, after)}<td>{mark}</td></tr>"
    )


def _bar(share: float, most: float, words: str) -> str:
    width = 100 * share / most if most else 0
    return f'<td class="bar" style="--share: {width:.1f}%"><span>{words}</span></td>'
