"""A preset that keras-hub wrote is read, and what is written here is the same."""

import json
import shutil
from contextlib import suppress

import h5py
import ml_dtypes
import numpy as np
import pytest

from playground.models import MistralBackbone, MistralCausalLM
from playground.presets import LoadError, resolve
from playground.presets.keras import write_keras_preset
from playground.presets.variables import num_parameters
from playground.tokenizers import MistralTokenizer
from tests.oracles.stored import tiny_case, tiny_names
from tests.presets.huggingface_folder import FOLDERS, write_file

BY_KERAS_HUB = FOLDERS / "keras_hub"
CASE = tiny_case("wide_heads_window_8")
GATE = "layers/mistral_transformer_decoder_1/_feedforward_gate_dense/vars/0"
JSON_FILES = ("config.json", "task.json", "preprocessor.json", "tokenizer.json")


@pytest.fixture
def tokenizer():
    return MistralTokenizer(BY_KERAS_HUB / "assets" / "tokenizer" / "vocabulary.spm")


@pytest.fixture
def preset(tmp_path):
    """A copy of keras-hub's preset, to be changed."""
    return shutil.copytree(BY_KERAS_HUB, tmp_path / "preset")


@pytest.fixture
def change(preset):
    """Changes arguments in one of its JSON files."""

    def change(file, **arguments):
        values = json.loads((preset / file).read_text())
        values["config"] |= arguments
        write_file(preset / file, values)
        return preset

    return change


def refusal(folder) -> str:
    def read() -> None:
        found = resolve(str(folder))
        _ = found.tokenizer
        list(found.tensors())

    with pytest.raises(LoadError) as caught:
        read()
    return str(caught.value)


def arrays(file) -> dict[str, np.ndarray]:
    found = {}

    def node(path, array):
        if isinstance(array, h5py.Dataset):
            found[path] = array[...]

    with h5py.File(file) as stored:
        stored.visititems(node)
    return found


def test_every_array_that_keras_hub_wrote_arrives_exactly():
    found = dict(resolve(str(BY_KERAS_HUB)).tensors())
    assert found.keys() == CASE.weights.keys()
    for path, expected in CASE.weights.items():
        np.testing.assert_array_equal(found[path], expected, err_msg=path)


@pytest.mark.parametrize("part", ["layers", "vars", "HDF", "TREE", "SNOD", "HEAP"])
def test_a_damaged_file_is_a_load_error_whatever_its_reader_raises(preset, part):
    """h5py has a SystemError for a group's name that is not UTF-8."""
    file = preset / "model.weights.h5"
    whole = file.read_bytes()
    place = whole.index(part.encode())
    for damage in (b"\xff", b"\x00"):
        file.write_bytes(whole[:place] + damage + whole[place + 1 :])
        with suppress(LoadError):
            list(resolve(str(preset)).tensors())
    file.write_bytes(whole[:place] + b"\xff" + whole[place + 1 :])
    assert "no whole HDF5 file" in refusal(preset)


def test_the_model_that_keras_hub_wrote_has_the_oracles_logits():
    model = MistralCausalLM.from_preset(str(BY_KERAS_HUB), dtype="float32")
    mask = CASE.padding_mask
    inputs = {"token_ids": CASE.token_ids, "padding_mask": mask.astype("int32")}
    # As in tests/parity: float32 against float64.
    logits = np.asarray(model(inputs))[mask]
    np.testing.assert_allclose(logits, CASE.logits, rtol=0, atol=1e-4)


def test_config_has_our_names():
    checkpoint = resolve(str(BY_KERAS_HUB))
    assert checkpoint.name == "keras_hub"
    assert checkpoint.config == {
        **CASE.config,
        "dropout": 0.0,
        "context_length": None,
        "tie_word_embeddings": False,
    }


def test_tokenizer_is_the_stored_one(tokenizer):
    found = resolve(str(BY_KERAS_HUB)).tokenizer
    assert found.tokenize("low newest") == tokenizer.tokenize("low newest")
    assert (found.start_token_id, found.end_token_id, found.pad_token_id) == (1, 2, 0)
    assert found.add_start_token is True


def test_add_start_token_is_the_preprocessors(change):
    folder = change("preprocessor.json", add_start_token=False)
    assert resolve(str(folder)).tokenizer.add_start_token is False


@pytest.mark.parametrize(
    ("arguments", "key", "value"),
    [
        ({"sliding_window": None}, "sliding_window", None),
        ({"rope_scaling_factor": 2.0}, "rope_scaling_factor", 2.0),
        ({"dropout": 0.25}, "dropout", 0.25),
        ({"dtype": "bfloat16"}, "head_dim", 12),
    ],
)
def test_an_argument_is_used(change, arguments, key, value):
    folder = change("config.json", **arguments)
    assert resolve(str(folder)).config[key] == value


def test_an_absent_window_is_keras_hubs_default(preset):
    values = json.loads((preset / "config.json").read_text())
    del values["config"]["sliding_window"]
    write_file(preset / "config.json", values)
    assert resolve(str(preset)).config["sliding_window"] == 512


def test_a_missing_size_of_heads_follows_from_the_others(tmp_path, tokenizer):
    case = tiny_case("grouped_query")
    write_keras_preset(tmp_path, case.config, case.weights.items(), tokenizer)
    assert (
        "head_dim" not in json.loads((tmp_path / "config.json").read_text())["config"]
    )
    assert resolve(str(tmp_path)).config["head_dim"] == 8


@pytest.mark.parametrize("name", tiny_names())
def test_what_is_written_is_read_back(tmp_path, tokenizer, name):
    case = tiny_case(name)
    write_keras_preset(tmp_path, case.config, case.weights.items(), tokenizer)
    checkpoint = resolve(str(tmp_path))
    for key, value in case.config.items():
        if key != "tie_word_embeddings":
            assert checkpoint.config[key] == value
    found = dict(checkpoint.tensors())
    for path, expected in case.weights.items():
        np.testing.assert_array_equal(found.pop(path), expected, err_msg=path)
    head = case.weights["token_embedding/embeddings"].T
    for path, array in found.items():  # tied embeddings come back as two
        assert path == "token_embedding/reverse_embeddings"
        np.testing.assert_array_equal(array, head)


def test_square_kernels_are_turned_too(tmp_path, tokenizer):
    """Here a forgotten transpose shows in no shape."""
    config = {**CASE.config, "intermediate_dim": 32, "head_dim": 8, "num_layers": 1}
    config["num_key_value_heads"] = 4
    model = MistralBackbone(**config, dtype="float32")
    values = {v.path: np.asarray(v) for v in model.variables}
    write_keras_preset(tmp_path, config, values.items(), tokenizer)
    stored = arrays(tmp_path / "model.weights.h5")
    gate = "_feedforward_gate_dense/vars/0"
    np.testing.assert_array_equal(
        stored[f"layers/mistral_transformer_decoder/{gate}"],
        values["transformer_layer_0/feedforward_gate_dense/kernel"].T,
    )
    for path, array in resolve(str(tmp_path)).tensors():
        np.testing.assert_array_equal(array, values[path], err_msg=path)


def test_what_is_written_is_what_keras_hub_writes(tmp_path, tokenizer):
    write_keras_preset(
        tmp_path, CASE.config, CASE.weights.items(), tokenizer, sequence_length=24
    )
    for file in JSON_FILES:
        ours = json.loads((tmp_path / file).read_text())
        theirs = json.loads((BY_KERAS_HUB / file).read_text())
        if file == "task.json":  # its name counts the models in that process
            assert theirs["config"].pop("name").startswith(ours["config"].pop("name"))
        assert ours == theirs, file
    vocabulary = "assets/tokenizer/vocabulary.spm"
    assert (tmp_path / vocabulary).read_bytes() == (
        BY_KERAS_HUB / vocabulary
    ).read_bytes()
    ours, theirs = (
        arrays(folder / "model.weights.h5") for folder in (tmp_path, BY_KERAS_HUB)
    )
    assert ours.keys() == theirs.keys()
    for path, array in theirs.items():
        np.testing.assert_array_equal(ours[path], array, err_msg=path)
    metadata = json.loads((tmp_path / "metadata.json").read_text())
    assert metadata["parameter_count"] == sum(array.size for array in theirs.values())


def test_parameters_are_counted_without_a_model():
    assert num_parameters(CASE.config) == sum(w.size for w in CASE.weights.values())
    tied = tiny_case("tied")
    assert num_parameters(tied.config) == sum(w.size for w in tied.weights.values())


def test_bfloat16_stays_bfloat16(tmp_path, tokenizer):
    weights = {p: w.astype(ml_dtypes.bfloat16) for p, w in CASE.weights.items()}
    write_keras_preset(tmp_path, CASE.config, weights.items(), tokenizer)
    with h5py.File(tmp_path / "model.weights.h5") as stored:
        assert stored[GATE].dtype == np.dtype("V2")
        assert stored[GATE].attrs["dtype"] == "bfloat16"
    dtype = json.loads((tmp_path / "config.json").read_text())["config"]["dtype"]
    assert dtype["config"]["name"] == "bfloat16"
    for path, array in resolve(str(tmp_path)).tensors():
        np.testing.assert_array_equal(array, weights[path].astype(np.float32))


def test_shards_are_read_as_one(preset):
    whole = arrays(preset / "model.weights.h5")
    (preset / "model.weights.h5").unlink()
    index = {}
    for place, (path, array) in enumerate(whole.items()):
        file = f"model_{place % 2:05}.weights.h5"
        with h5py.File(preset / file, "a") as shard:
            shard[path] = array
        key = f"/{path.rpartition('/')[0]}"
        index[key] = [*index.get(key, []), file]
    write_file(preset / "model.weights.json", {"weight_map": index})
    found = dict(resolve(str(preset)).tensors())
    for path, expected in CASE.weights.items():
        np.testing.assert_array_equal(found[path], expected, err_msg=path)


@pytest.mark.parametrize("name", ["../x.weights.h5", "/x.weights.h5", "x.pkl", "no.h5"])
def test_an_index_cannot_name_a_file_elsewhere(preset, name):
    (preset / "model.weights.h5").rename(preset.parent / "x.weights.h5")
    write_file(preset / "model.weights.json", {"weight_map": {"/layers": name}})
    assert "is not the name of a shard in this folder" in refusal(preset)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"something": 1}, "'something' = 1"),
        ({"num_layers": 2**40}, f"num_layers = {2**40}"),
        ({"num_layers": 0}, "num_layers must be"),
        ({"head_dim": 7}, "the size of a head, 7"),
        ({"sliding_window": "x"}, "sliding_window"),
        ({"dropout": 1}, "dropout must be in"),
        ({"dtype": {"class_name": "DTypePolicyMap", "config": {}}}, "DTypePolicyMap"),
        ({"dtype": "int8_from_float32"}, "int8_from_float32"),
        ({"vocabulary_size": 62}, "has the shape [61, 32], expected [62, 32]"),
    ],
)
def test_an_argument_that_cannot_be_is_refused_by_name(change, arguments, words):
    assert words in refusal(change("config.json", **arguments))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"add_bos": True}, "add_bos = True"),
        ({"proto": "/etc/passwd"}, "proto = '/etc/passwd'"),
    ],
)
def test_a_tokenizer_that_does_more_is_refused(change, arguments, words):
    assert words in refusal(change("tokenizer.json", **arguments))


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json"])
def test_another_class_is_refused(preset, file):
    values = json.loads((preset / file).read_text())
    write_file(preset / file, values | {"registered_name": "keras_hub>Gemma"})
    message = refusal(preset)
    assert "'keras_hub>Gemma'" in message
    assert "keras_hub>Mistral" in message


def test_all_faults_of_the_arrays_come_in_one_message(preset):
    with h5py.File(preset / "model.weights.h5", "a") as stored:
        values = stored[GATE][...]
        del stored[GATE]
        stored[GATE] = values.T
        del stored["layers/mistral_layer_normalization/vars/0"]
        stored["layers/extra/vars/0"] = [1.0]
        del stored["layers/reversible_embedding/vars/1"]
        stored["layers/reversible_embedding/vars/1"] = np.ones((32, 61), np.int8)
    message = refusal(preset)
    assert f"{GATE} has the shape [48, 32], expected [32, 48]" in message
    assert "layers/mistral_layer_normalization/vars/0 is missing" in message
    assert "'layers/extra/vars/0' is not supported" in message
    assert "layers/reversible_embedding/vars/1 is stored as int8" in message


def test_an_array_that_lies_elsewhere_is_refused(preset, tmp_path):
    other = tmp_path / "secret.h5"
    with h5py.File(other, "w") as secret:
        secret["x"] = np.ones((32, 48), np.float32)
    (tmp_path / "raw").write_bytes(bytes(128))
    links = {
        "mistral_transformer_decoder": h5py.ExternalLink(str(other), "x"),
        "mistral_transformer_decoder_1": h5py.SoftLink("/vars"),
    }
    with h5py.File(preset / "model.weights.h5", "a") as stored:
        for layer, link in links.items():
            path = f"layers/{layer}/_feedforward_gate_dense/vars/0"
            del stored[path]
            stored[path] = link
        norm = "layers/mistral_layer_normalization/vars"
        del stored[f"{norm}/0"]
        stored.create_dataset(
            f"{norm}/0", (32,), "f4", external=[(str(tmp_path / "raw"), 0, 128)]
        )
        virtual = h5py.VirtualLayout((61, 32), "f4")
        del stored["layers/reversible_embedding/vars/0"]
        stored.create_virtual_dataset("layers/reversible_embedding/vars/0", virtual)
    message = refusal(preset)
    assert message.count("is a link") == 4


def test_a_huge_array_is_refused_before_it_is_read(preset):
    with h5py.File(preset / "model.weights.h5", "a") as stored:
        del stored[GATE]
        stored.create_dataset(GATE, (2**30, 2**20), "f4", chunks=(1024, 1024))
    assert "is a link or not stored" in refusal(preset)


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n", b"no HDF5"])
def test_a_damaged_file_is_refused(preset, content):
    (preset / "model.weights.h5").write_bytes(content)
    assert "model.weights.h5 is no whole HDF5 file" in refusal(preset)


def test_a_file_that_is_cut_off_is_refused(preset):
    whole = (preset / "model.weights.h5").read_bytes()
    (preset / "model.weights.h5").write_bytes(whole[: len(whole) // 2])
    assert "model.weights.h5 is no whole HDF5 file" in refusal(preset)


def test_numbers_that_are_not_finite_are_damage(preset):
    with h5py.File(preset / "model.weights.h5", "a") as stored:
        stored[GATE][0, 0] = np.nan
    assert "no finite numbers" in refusal(preset)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("model.weights.h5", "neither model.weights.h5 nor model.weights.json"),
        ("tokenizer.json", "tokenizer.json"),
        ("assets/tokenizer/vocabulary.spm", "vocabulary.spm"),
        ("config.json", "no config.json"),
    ],
)
def test_a_missing_file_is_named(preset, file, words):
    (preset / file).unlink()
    assert words in refusal(preset)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sequence_output_layernorm/scale": None}, "scale is missing"),
        ({"extra": np.ones(1, np.float32)}, "extra has no place in it"),
        ({"sequence_output_layernorm/scale": np.ones(3, np.float32)}, "is (3,)"),
        (
            {"sequence_output_layernorm/scale": np.ones(32, np.float64)},
            "one float type",
        ),
    ],
)
def test_variables_of_another_model_are_not_written(tmp_path, tokenizer, change, words):
    weights = {**CASE.weights, **change}
    values = [(path, array) for path, array in weights.items() if array is not None]
    with pytest.raises(ValueError, match="do not fit") as caught:
        write_keras_preset(tmp_path, CASE.config, values, tokenizer)
    assert words in str(caught.value)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_tokenizer_that_keras_hub_has_not_is_refused(tmp_path, smollm2_tokenizer):
    with pytest.raises(ValueError, match="needs a SentencePiece tokenizer"):
        write_keras_preset(
            tmp_path, CASE.config, CASE.weights.items(), smollm2_tokenizer
        )
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def smollm2_tokenizer():
    from playground.tokenizers import ByteLevelBPETokenizer
    from playground.tokenizers.byte_level_bpe import byte_letters

    return ByteLevelBPETokenizer(byte_letters(), [])
