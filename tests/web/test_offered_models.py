"""The models that a page offers."""

import pytest

from playground.web.offered_models import OfferedModels, size_in_words, split_name
from tests.scripted import Scripted


def test_a_name_may_say_the_dtype():
    assert split_name("some/preset@int8") == ("some/preset", "int8")
    assert split_name("some/preset") == ("some/preset", None)


def test_what_a_model_takes_is_known_before_it_is_loaded():
    assert size_in_words("smollm2_135m_instruct@float32") == "538 MB"
    assert size_in_words("smollm2_135m_instruct@int8") == "135 MB"
    assert size_in_words("a/file.gguf") == ""


def test_a_model_is_started_once_when_it_is_first_chosen():
    first, started = Scripted(), []

    def start():
        started.append(Scripted())
        return started[-1]

    offered = OfferedModels("first", first, {"more@int8": start, "first": start})
    assert offered.names == ("first", "more@int8")
    assert offered.label("folder/more@int8") == "more · int8"
    assert offered.engine("first") is first
    assert not started
    assert offered.engine("more@int8") is offered.engine("more@int8") is started[0]
    assert len(started) == 1


def test_another_model_is_not_loaded_for_anybody():
    with pytest.raises(ValueError, match="offers first; got '/etc/passwd'"):
        OfferedModels("first", Scripted()).engine("/etc/passwd")
