"""The table of documented names tells the truth about its tests."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
TABLE = (TESTS.parent / "docs" / "api.md").read_text()


def named_tests():
    """(file, test or "") of every test that the table names, file names carried on."""
    for line in TABLE.splitlines():
        file = ""
        for found in re.findall(r"`((?:[\w/]+\.py)?(?:::\w+)?)`", line):
            if found:
                name, _, test = found.partition("::")
                file = name or file
                yield file, test


@pytest.mark.parametrize(("file", "test"), sorted(set(named_tests())))
def test_a_test_that_the_table_names_exists(file, test):
    source = (TESTS / file).read_text()
    assert f"def {test}(" in source or not test


def test_the_table_names_many_tests():
    assert len(set(named_tests())) > 60
