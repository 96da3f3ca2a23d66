"""kaggle:// with Kaggle's own client, against a small server on this machine.

The client knows a few addresses only. Told to use http://localhost, and this server as
its proxy, it asks here.
"""

import base64
import hashlib
import json
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest
from kagglehub import clients

from playground.models import MistralCausalLM
from playground.presets import LoadError, resolve
from playground.presets.downloads import kaggle as kaggle_module
from playground.presets.downloads.kaggle import is_on_this_machine
from playground.presets.memory import require_memory
from playground.system import free_memory
from playground.system.progress import say_nothing
from playground.tokenizers import MistralTokenizer
from tests.presets.huggingface_folder import FOLDERS
from tests.presets.test_memory import MISTRAL_7B

API = "http://localhost/api/v1/models.ModelApiService/"
STORAGE = "http://localhost/storage/"
PRESET = "kaggle://keras/tiny/keras/tiny_en/6"
WEIGHTS = "model.weights.h5"
WHOLE = "tiny_en 22496"
NOBODY = "http://127.0.0.1:9"


class Kaggle(ThreadingHTTPServer):
    """Serves one folder as version 6 of keras/tiny and remembers the requests."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.folder = folder
        self.handle = ["keras", "tiny", "MODEL_FRAMEWORK_KERAS", "tiny_en", 6]
        self.asked: list[str] = []
        self.ranges: list[tuple[str, str | None]] = []
        self.cuts: dict[tuple[str, str | None], int] = {}  # bytes sent of these, once
        self.token: str | None = None  # without it the model is private
        self.damaged: str | None = None  # a file that comes changed
        self.zipped: tuple[str, bytes] | None = None  # a file that comes as an archive

    def handle_error(self, *request: object) -> None:
        """The client closes connections when it has seen the headers."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(*request)


class Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Kaggle

    def log_message(self, *arguments: object) -> None:
        del arguments

    def do_POST(self) -> None:
        kaggle = self.server
        length = int(self.headers["Content-Length"])
        asked = json.loads(self.rfile.read(length))
        keys = ("ownerSlug", "modelSlug", "framework", "instanceSlug")
        if kaggle.token and self.headers.get("Authorization") != (
            f"Bearer {kaggle.token}"
        ):
            return self._send(403, b"{}")
        if [asked[key] for key in keys] != kaggle.handle[:4]:
            return self._send(404, b"{}")
        if self.path == f"{API}GetModelInstance":
            kaggle.asked.append("the version")
            body = json.dumps({"versionNumber": kaggle.handle[4]}).encode()
            return self._send(200, body, {"Content-Type": "application/json"})
        assert self.path == f"{API}DownloadModelInstanceVersion"
        file = asked["path"]
        kaggle.asked.append(file)
        if (
            asked["versionNumber"] != kaggle.handle[4]
            or not (kaggle.folder / file).is_file()
        ):
            return self._send(404, b"{}")
        if kaggle.zipped and kaggle.zipped[0] == file:
            file += ".zip"
        return self._send(302, b"", {"Location": STORAGE + file})

    def do_GET(self) -> None:
        kaggle, file = self.server, self.path.removeprefix(STORAGE)
        if file.endswith(".zip"):
            assert kaggle.zipped
            return self._send(200, kaggle.zipped[1])
        body = (kaggle.folder / file).read_bytes()
        md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
        if file == kaggle.damaged:
            body = b"?" + body[1:]
        asked = self.headers.get("Range")
        start = int(asked[6:].partition("-")[0]) if asked else 0
        kaggle.ranges.append((file, asked))
        end = kaggle.cuts.pop((file, asked), None)
        headers = {"Accept-Ranges": "bytes", "x-goog-hash": f"crc32c=x,md5={md5}"}
        return self._send(206 if asked else 200, body[start:], headers, end)

    def _send(
        self,
        code: int,
        body: bytes,
        headers: dict[str, str] | None = None,
        sent: int | None = None,
    ) -> None:
        self.send_response(code)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:sent])
        self.close_connection = sent is not None


@pytest.fixture
def kaggle(tmp_path: Path) -> Iterator[Kaggle]:
    folder = shutil.copytree(FOLDERS / "keras_hub", tmp_path / "model")
    server = Kaggle(folder)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def settings(kaggle, tmp_path, monkeypatch):
    """The client's settings: this server, and nothing of the person's own."""
    for name in [name for name in os.environ if name.startswith("KAGGLE")]:
        monkeypatch.delenv(name)
    for name, value in {
        "KAGGLE_API_ENVIRONMENT": "LOCALHOST",
        "KAGGLE_CONFIG_DIR": str(tmp_path),
        "KAGGLEHUB_CACHE": str(tmp_path / "cache"),
        "HOME": str(tmp_path),
        "http_proxy": f"http://127.0.0.1:{kaggle.server_port}",
        "no_proxy": "",
    }.items():
        monkeypatch.setenv(name, value)
    # It looks through all frames and their source for each request.
    monkeypatch.setattr(clients, "get_user_agent", lambda: "test")
    return monkeypatch


@pytest.fixture
def load(settings, capfd, caplog):
    """Loads a preset: the checkpoint's name and size, or the refusal."""
    bar = clients.tqdm
    # Its own handler writes to the standard output of when it was imported.
    settings.setattr(clients.logger.parent, "handlers", [caplog.handler])

    def load(preset: str = PRESET) -> str:
        try:
            checkpoint = resolve(preset, check=require_memory)
            size = sum(values.size for _, values in checkpoint.tensors())
            return f"{checkpoint.name} {size}"
        except LoadError as error:
            return f"LoadError: {error}"
        finally:
            assert capfd.readouterr() == ("", "")
            assert caplog.records == []
            assert clients.tqdm is bar

    return load


def test_only_the_needed_files_are_fetched_and_only_once(kaggle, load):
    assert load() == WHOLE
    assert kaggle.asked == [
        "config.json",
        "preprocessor.json",
        "tokenizer.json",
        "assets/tokenizer/vocabulary.spm",
        "model.weights.json",
        WEIGHTS,
    ]
    kaggle.asked.clear()
    assert load() == WHOLE
    assert kaggle.asked == ["model.weights.json"]  # which does not exist


def test_what_is_on_this_machine_needs_no_network(kaggle, load, settings):
    (kaggle.folder / "preprocessor.json").unlink()
    assert load() == WHOLE
    settings.setenv("http_proxy", NOBODY)
    assert load() == WHOLE


def test_without_a_version_the_newest_is_taken(kaggle, load):
    assert load("kaggle://keras/tiny/keras/tiny_en") == WHOLE
    assert kaggle.asked.count("the version") == 1


@pytest.mark.usefixtures("settings")
def test_a_tokenizer_comes_without_weights(kaggle):
    tokenizer = MistralTokenizer.from_preset(PRESET)
    assert tokenizer.vocabulary_size() == 61
    assert not any(file.startswith("model.weights") for file in kaggle.asked)


def test_shards_are_fetched_by_their_index(kaggle, load, tmp_path):
    shard = "model_00000.weights.h5"
    (kaggle.folder / WEIGHTS).rename(kaggle.folder / shard)
    index = kaggle.folder / "model.weights.json"
    index.write_text(json.dumps({"weight_map": {"/layers": [shard]}}))
    assert not is_on_this_machine(PRESET)
    assert load() == WHOLE
    assert kaggle.asked[-2:] == ["model.weights.json", shard]
    assert is_on_this_machine(PRESET)
    next((tmp_path / "cache").rglob(f"{shard}.complete")).unlink()
    assert not is_on_this_machine(PRESET)


@pytest.mark.parametrize("shard", ["../../../up.weights.h5", "/a.weights.h5", "b.bin"])
def test_an_index_does_not_lead_out_of_its_folder(kaggle, load, shard):
    index = kaggle.folder / "model.weights.json"
    index.write_text(json.dumps({"weight_map": {"/layers": shard}}))
    assert "is not the name of a shard in this folder" in load()
    assert shard not in kaggle.asked


def test_a_transfer_that_breaks_off_is_resumed(kaggle, load):
    # The client keeps whole pieces of 1 MiB.
    name, piece = "tokenizer.json", 1 << 20
    tokenizer = (kaggle.folder / name).read_text()
    (kaggle.folder / name).write_text(tokenizer + " " * 4 * piece)
    rest = f"bytes={piece}-"
    kaggle.cuts = {(name, None): 3 * piece // 2, (name, rest): 3 * piece // 2}
    assert load() == WHOLE
    # It asks anew each time, looks at the headers, and asks for the rest.
    got = [asked for file, asked in kaggle.ranges if file == name]
    assert got == [None, None, rest, None, f"bytes={2 * piece}-"]


def test_a_transfer_that_does_not_get_on_is_given_up(kaggle, load):
    kaggle.cuts = {("tokenizer.json", None): 10}
    assert "Kaggle cannot be reached for tokenizer.json" in load()
    assert load() == WHOLE


@pytest.mark.usefixtures("settings")
def test_progress_has_a_fraction_of_the_bytes():
    told = []
    resolve(PRESET, lambda *progress: told.append(progress))
    size = (FOLDERS / "keras_hub" / WEIGHTS).stat().st_size / 1e6
    assert (f"Downloading {WEIGHTS}: {size:.0f} of {size:.0f} MB", 1.0) in told


def test_a_damaged_file_is_thrown_away(kaggle, load, tmp_path):
    kaggle.damaged = WEIGHTS
    message = load()
    assert message.startswith(f"LoadError: The {WEIGHTS} that came")
    assert "MD5" in message
    assert list((tmp_path / "cache").rglob(WEIGHTS)) == []
    kaggle.damaged = None
    assert load() == WHOLE


def test_a_damaged_archive_is_told(kaggle, load):
    kaggle.zipped = ("config.json", b"PK\x05\x06" + bytes(18))
    assert load().startswith("LoadError: config.json of keras/tiny/keras/tiny_en/6")


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", WEIGHTS])
def test_a_file_that_the_model_lacks_is_named(kaggle, load, file):
    (kaggle.folder / file).unlink()
    message = load()
    assert message.startswith(f"LoadError: Kaggle shows no {file} of keras/tiny")


def test_a_model_that_cannot_run_is_refused_before_anything_else(kaggle, load):
    config = json.loads((kaggle.folder / "config.json").read_text())
    config["registered_name"] = "keras_hub>GemmaBackbone"
    (kaggle.folder / "config.json").write_text(json.dumps(config))
    assert "GemmaBackbone" in load()
    assert kaggle.asked == ["config.json"]


def test_a_model_too_large_for_memory_is_refused_before_its_weights(
    kaggle, load, monkeypatch
):
    monkeypatch.setattr(free_memory, "free_bytes", lambda: 1000)
    message = load()
    assert message.startswith("LoadError: tiny_en has 0.00 billion parameters")
    assert kaggle.asked == ["config.json"]


def test_mistral_7b_on_16_gb_is_told_what_would_fit(kaggle, settings):
    kaggle.handle[3:] = ["mistral_7b_en", 8]
    kaggle.handle[1] = "mistral"
    config = json.loads((kaggle.folder / "config.json").read_text())
    config["config"] |= MISTRAL_7B
    del config["config"]["tie_word_embeddings"]
    (kaggle.folder / "config.json").write_text(json.dumps(config))
    settings.setattr(free_memory, "free_bytes", lambda: 16_000_000_000)
    with pytest.raises(LoadError) as caught:
        MistralCausalLM.from_preset("mistral_7b_en")
    assert "mistral_7b_en has 7.24 billion parameters" in str(caught.value)
    assert "What would fit: bfloat16 (15.8 GB)" in str(caught.value)
    assert kaggle.asked == ["config.json"]


def test_a_private_model_or_one_with_terms_says_what_to_do(kaggle, load, settings):
    kaggle.token = "secret"
    message = load()
    assert message.startswith("LoadError: Kaggle does not let you read keras/tiny")
    assert "accept" in message
    assert "KAGGLE_API_TOKEN" in message
    settings.setenv("KAGGLE_API_TOKEN", "secret")
    assert load() == WHOLE


@pytest.mark.parametrize(
    ("preset", "words"),
    [
        ("kaggle://keras/other/keras/tiny_en/6", "Kaggle shows no config.json"),
        ("kaggle://keras/tiny/keras/tiny_en/7", "Kaggle shows no config.json"),
        ("kaggle://keras/tiny", "owner/model/keras/variation"),
        ("kaggle://keras/tiny/pyTorch/tiny_en/6", "owner/model/keras/variation"),
        ("kaggle://../../keras/tiny_en/6", "owner/model/keras/variation"),
        ("kaggle://keras/tiny/keras/../6", "owner/model/keras/variation"),
        ("kaggle://", "owner/model/keras/variation"),
        ("keras/tiny/keras/tiny_en/6", "is not a model"),
    ],
)
def test_a_handle_that_is_none_is_refused(load, preset, words):
    message = load(preset)
    assert message.startswith("LoadError:")
    assert words in message


def test_without_kaggle_the_message_says_what_to_check(load, settings):
    settings.setenv("http_proxy", NOBODY)
    message = load()
    assert "is not whole on this machine, and Kaggle cannot be reached" in message
    assert "proxy" in message


def test_a_client_that_moved_its_bars_downloads_without_them(monkeypatch):
    assert version("kagglehub") == "1.0.2", "Look at `_telling` again."
    assert {"tqdm", "already_printed_version_warning"} <= vars(clients).keys()
    another = SimpleNamespace()
    monkeypatch.setattr(kaggle_module, "clients", another)
    with kaggle_module._telling("config.json", say_nothing):
        assert vars(another) == {}
    assert vars(another) == {}
