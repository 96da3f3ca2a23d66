"""What was typed into a host's form."""

import pytest

from playground.controls import BY_NAME, as_typed, read_value


@pytest.mark.parametrize(
    ("name", "sent", "value"),
    [
        ("seed", "", None),
        ("seed", "  ", None),
        ("seed", " 42 ", 42),
        ("seed", "-1", -1),  # the settings refuse it, in words
        ("seed", "four", "four"),
        ("seed", None, None),
        ("sliding_window", "32", 32),
        ("stop_token_ids", "", "auto"),
        ("stop_token_ids", "none", None),
        ("stop_token_ids", "2, 198", (2, 198)),
        ("banned_tokens", " 2, 198", (2, 198)),
        ("banned_tokens", "", ()),
        ("dry_breakers", "198 42", (198, 42)),
        ("logit_bias", "13: -2.5", ((13, -2.5),)),
        ("temperature", 1, 1),
        ("top_k", [], []),
    ],
)
def test_what_was_typed_is_read(name, sent, value):
    assert read_value(BY_NAME[name], sent) == value


def test_a_bias_is_shown_with_every_digit_that_it_has():
    biases = ((13, -2.123456789), (198, 1.0))
    shown = as_typed(BY_NAME["logit_bias"], biases)
    assert shown == "13: -2.123456789, 198: 1"
    assert read_value(BY_NAME["logit_bias"], shown) == biases
