"""Every family, and every form of one, gives the logits that transformers gives.

The logits are stored (tests/oracles/make_families_oracle.py); each form is made here
from the same weights. Windows are shorter than the text.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from playground.engine import Request, Step, decode
from playground.engine.programs import Programs
from playground.models import MistralBackbone, MistralCausalLM
from playground.presets import LoadError, resolve
from playground.presets.huggingface import config_from_huggingface
from playground.presets.tensor_names import GGUF, HUGGING_FACE, MISTRAL
from playground.samplers import GreedySampler
from playground.views.window import window_of
from tests.oracles.family_models import CONFIGS, LENGTH, token_ids, weights

STORED = np.load(Path(__file__).parents[1] / "oracles" / "families.npz")
FLOAT32 = 1e-4  # sums of 32 terms in another order, through 3 layers
VISION = {"vision_tower.patch_conv.weight": np.ones((4, 3), np.float32)}


def text_tensors(name: str) -> dict[str, np.ndarray]:
    config = config_from_huggingface(CONFIGS[name], name)
    rules = HUGGING_FACE.rules(config)
    return weights({rule.tensor: rule.shape for rule in rules})


def write(folder: Path, tensors: dict[str, np.ndarray], **files: Any) -> Path:
    folder.mkdir(exist_ok=True)
    for file, values in files.items():
        (folder / f"{file}.json").write_text(json.dumps(values))
    name = "model" if "config" in files else "consolidated"
    save_file(tensors, folder / f"{name}.safetensors")
    return folder


def folder_of(folder: Path, name: str) -> Path:
    tensors = text_tensors(name)
    if "text_config" in CONFIGS[name]:
        tensors = {f"language_model.{each}": a for each, a in tensors.items()} | VISION
    return write(folder, tensors, config=CONFIGS[name])


def model_of(folder: Path) -> MistralCausalLM:
    return MistralCausalLM(MistralBackbone.from_preset(str(folder), dtype="float32"))


def check(folder: Path, name: str) -> MistralCausalLM:
    model = model_of(folder)
    logits = np.asarray(model.score(token_ids()[None]))[0]
    np.testing.assert_allclose(logits, STORED[name], rtol=0, atol=FLOAT32)
    return model


@pytest.mark.parametrize("name", CONFIGS)
def test_logits_are_those_of_transformers(name, tmp_path):
    check(folder_of(tmp_path, name), name)


@pytest.mark.parametrize("name", ["mistral_window", "ministral", "ministral3"])
def test_decoding_past_the_window_is_one_prefill(name, tmp_path):
    model = model_of(folder_of(tmp_path, name))
    # In chunks of 4 and 1, in a text that is longer than window and ring.
    programs = Programs(model, chunks=(2, 4), first_slots=64)
    prompt = token_ids()[:17].tolist()
    request = Request(
        token_ids=tuple(prompt),
        max_new_tokens=LENGTH - len(prompt),
        sampler=GreedySampler().values(),
        seed=0,
        stop_token_ids=frozenset(),
    )
    made = [each.token_id for each in decode(programs, request) if type(each) is Step]
    logits = np.asarray(model.score(np.array([prompt + made])))[0]
    assert made == logits[len(prompt) - 1 : -1].argmax(axis=-1).tolist()


def test_a_ring_for_each_distinct_window(tmp_path):
    programs = Programs(
        model_of(folder_of(tmp_path, "ministral")), chunks=(2, 4), first_slots=8
    )
    cache = programs.empty_cache(programs.slots_for(40, programs.window(None)))
    slots = [(ring.num_slots, len(ring.keys)) for ring in cache.rings]
    assert slots == [(64, 1), (10, 2)]  # one full layer; two of window 7, chunks of 4
    assert programs.cache_bytes(64) == sum(
        array.nbytes for ring in cache.rings for array in (*ring.keys, *ring.values)
    )


def interleaved(rows: np.ndarray, num_heads: int) -> np.ndarray:
    """As Mistral's own code has them: pairs of neighbours, where halves turn here."""
    shape = (num_heads, 2, rows.shape[0] // num_heads // 2, rows.shape[1])
    return rows.reshape(shape).swapaxes(1, 2).reshape(rows.shape)


def mistrals_tensors(name: str) -> dict[str, np.ndarray]:
    config = config_from_huggingface(CONFIGS[name], name)
    tensors = text_tensors(name)
    named = {}
    for theirs, mine in zip(
        MISTRAL.rules(config), HUGGING_FACE.rules(config), strict=True
    ):
        values = tensors[mine.tensor]
        if "attention.wq" in theirs.tensor:
            values = interleaved(values, config["num_query_heads"])
        if "attention.wk" in theirs.tensor:
            values = interleaved(values, config["num_key_value_heads"])
        named[theirs.tensor] = values
    return named


PARAMS = {
    "dim": 24,
    "n_layers": 3,
    "head_dim": 8,
    "hidden_dim": 32,
    "n_heads": 4,
    "n_kv_heads": 2,
    "norm_eps": 1e-5,
    "vocab_size": 61,
    "rope_theta": 1e4,
    "max_seq_len": 256,
}
_YARN = {"original_max_position_embeddings": 8, "factor": 8.0, "beta": 32.0, "alpha": 1}


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("mistral_window", {"sliding_window": 7}),
        ("mistral_window", {"sliding_window": [7]}),
        ("ministral", {"sliding_window": [None, 7, 7]}),
        ("mistral_yarn", {"yarn": {**_YARN, "apply_scale": True}}),
        (
            "ministral3",
            {
                "yarn": {**_YARN, "apply_scale": False},
                "llama_4_scaling": {"original_max_position_embeddings": 8, "beta": 0.1},
            },
        ),
    ],
)
def test_mistrals_own_layout(name, changes, tmp_path):
    check(write(tmp_path, mistrals_tensors(name), params=PARAMS | changes), name)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"moe": {"num_experts": 8}}, "mixture of experts (MoE)"),
        ({"kv_lora_rank": 512}, "(MLA)"),
        ({"quantization": {"qformat_weight": "fp8_e4m3"}}, "FP8"),
        ({"sliding_window": [7, None]}, "divide 3 layers"),
        ({"sliding_window": []}, "sliding_window"),
        ({"n_heads": 3}, "3 query heads"),
        ({"yarn": 3}, "yarn must be an object"),
        ({"model_type": "mamba"}, "no transformer"),
    ],
)
def test_what_mistrals_layout_may_not_say(changes, words, tmp_path):
    folder = write(tmp_path, {"a": np.ones(1, np.float32)}, params=PARAMS | changes)
    with pytest.raises(LoadError) as caught:
        resolve(str(folder))
    assert words in str(caught.value)


def renamed(tensors: dict[str, np.ndarray], before: str, after: str) -> dict[str, Any]:
    return {
        after + each.removeprefix(before) if each.startswith(before) else each: a
        for each, a in tensors.items()
    }


FORMS = {
    "without_model": lambda t: renamed(t, "model.", ""),
    "float64": lambda t: {name: a.astype(np.float64) for name, a in t.items()},
    "buffers": lambda t: {
        **t,
        "model.rotary_emb.inv_freq": np.ones(4, np.float32),
        "model.layers.0.self_attn.rotary_emb.inv_freq": np.ones(4, np.float32),
    },
    "language_model_inside": lambda t: renamed(t, "model.", "model.language_model."),
}


@pytest.mark.parametrize("form", FORMS)
def test_names_and_types_that_other_programs_wrote(form, tmp_path):
    tensors = FORMS[form](text_tensors("llama"))
    check(write(tmp_path, tensors, config=CONFIGS["llama"]), "llama")


def test_a_head_beside_tied_embeddings_is_not_read(tmp_path):
    folder = folder_of(tmp_path, "mistral3_tied")
    head = np.full((61, 24), 9, np.float32)
    tensors = text_tensors("mistral3_tied") | {"lm_head.weight": head}
    check(write(folder, tensors, config=CONFIGS["mistral3_tied"]), "mistral3_tied")


def test_one_tensor_under_two_names_is_refused(tmp_path):
    tensors = text_tensors("llama")
    tensors["norm.weight"] = tensors["model.norm.weight"]
    write(tmp_path, tensors, config=CONFIGS["llama"])
    with pytest.raises(LoadError, match="are the same tensor"):
        resolve(str(tmp_path))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("auto_map", {"AutoModel": "modeling.Evil"}),
        ("max_length", 4096),
        ("temperature", 0.7),
        ("tokenizer_class", "LlamaTokenizer"),
        ("something_new", 1),
        ("sliding_window", 7),
        ("layer_types", ["sliding_attention"] * 3),
    ],
)
def test_a_key_that_a_llama_does_not_read_changes_nothing_and_is_named(
    key, value, tmp_path
):
    config = {**CONFIGS["llama"], key: value, "hidden_act": "swish"}
    folder = write(tmp_path, text_tensors("llama"), config=config)
    heard: list[str] = []
    found = resolve(str(folder), lambda said, _fraction: heard.append(said))
    plain = config_from_huggingface(CONFIGS["llama"], "llama")
    assert found.config == plain
    assert [said for said in heard if key in said] == list(found.notes)
    assert len(found.notes) == 1


def test_keys_that_are_not_there_have_the_values_of_the_class():
    sizes = {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 8}
    said = {"model_type": "mistral", "vocab_size": 61, **sizes}
    found = config_from_huggingface(said, "it")
    assert (found["num_key_value_heads"], found["head_dim"]) == (8, 8)
    assert (found["sliding_window"], found["intermediate_dim"]) == (4096, 14336)
    assert (found["layer_norm_epsilon"], found["context_length"]) == (1e-6, 131072)
    # Null is no window, and as many key/value heads as query heads.
    nulls = {"num_key_value_heads": None, "sliding_window": None}
    found = config_from_huggingface({**said, **nulls, "num_attention_heads": 4}, "it")
    assert (found["num_key_value_heads"], found["sliding_window"]) == (4, None)


def gguf_tensors(name: str) -> dict[str, np.ndarray]:
    config = config_from_huggingface(CONFIGS[name], name)
    mistrals = mistrals_tensors(name)
    pairs = zip(GGUF.rules(config), MISTRAL.rules(config), strict=True)
    return {mine.tensor: mistrals[theirs.tensor] for mine, theirs in pairs}


def gguf_metadata(arch: str, **changes: Any) -> dict[str, Any]:
    """Of the same sizes; `changes` are keys of the architecture with _ for ."""
    own = {
        "block_count": 3,
        "context_length": 256,
        "embedding_length": 24,
        "feed_forward_length": 32,
        "attention.head_count": 4,
        "attention.head_count_kv": 2,
        "attention.key_length": 8,
        "attention.value_length": 8,
        "attention.layer_norm_rms_epsilon": 1e-5,
        "rope.freq_base": 1e4,
        **changes,
    }
    return {
        "general.architecture": arch,
        "tokenizer.ggml.tokens": [f"t{id_}" for id_ in range(61)],
        **{f"{arch}.{key}": value for key, value in own.items()},
    }


_SCALED = {
    "rope.scaling.type": "yarn",
    "rope.scaling.factor": 8.0,
    "rope.scaling.original_context_length": 8,
}


def llama3_divisors() -> np.ndarray:
    """As convert_hf_to_gguf.py computes them, for factor 8, 1, 4 and 16 tokens."""
    divisors = []
    for frequency in 1.0 / (1e4 ** (np.arange(0, 8, 2) / 8)):
        wavelength = 2 * np.pi / frequency
        if wavelength < 16 / 4:
            divisors.append(1.0)
        elif wavelength > 16 / 1:
            divisors.append(8.0)
        else:
            smooth = (16 / wavelength - 1) / (4 - 1)
            divisors.append(1 / ((1 - smooth) / 8 + smooth))
    return np.array(divisors, np.float32)


@pytest.mark.parametrize(
    ("name", "metadata", "more"),
    [
        ("llama", gguf_metadata("llama"), {}),
        ("mistral_yarn", gguf_metadata("llama", **_SCALED), {}),
        (
            "ministral3",
            gguf_metadata(
                "mistral3",
                **_SCALED,
                **{
                    "rope.scaling.yarn_log_multiplier": 1.0,
                    "attention.temperature_scale": 0.1,
                },
            ),
            {},
        ),
        (
            "llama3",
            gguf_metadata("llama"),
            {"rope_freqs.weight": llama3_divisors()},
        ),
        ("llama", gguf_metadata("llama"), {"rope_freqs.weight": np.ones(4, "f")}),
    ],
)
def test_gguf_files_of_the_same_models(name, metadata, more, write_gguf):
    check(write_gguf("it.gguf", metadata, gguf_tensors(name) | more), name)


def test_a_gguf_file_needs_no_suffix(write_gguf, tmp_path):
    path = write_gguf("it.gguf", gguf_metadata("llama"), gguf_tensors("llama"))
    check(path.rename(tmp_path / "sha256-abc"), "llama")


@pytest.fixture
def parts(write_gguf):
    """The model in three files, cut between its tensors."""
    tensors = list(gguf_tensors("llama").items())
    cut, paths = (0, 4, 15, len(tensors)), []
    for number in range(3):
        about = {"split.no": number, "split.count": 3, "split.tensors.count": 30}
        whole = gguf_metadata("llama")
        metadata = whole if number == 0 else {"general.architecture": "llama"}
        paths.append(
            write_gguf(
                f"it-0000{number + 1}-of-00003.gguf",
                {**metadata, **about},
                dict(tensors[cut[number] : cut[number + 1]]),
            )
        )
    return paths


def test_any_part_of_a_split_gguf_names_the_whole(parts):
    for part in (parts[0], parts[2]):
        check(part, "llama")


def test_a_missing_part_is_named_and_a_strange_one_refused(parts, tmp_path):
    kept = parts[1].read_bytes()
    parts[1].unlink()
    with pytest.raises(LoadError, match=r"it-00002-of-00003\.gguf"):
        resolve(str(parts[0]))
    parts[1].write_bytes(parts[2].read_bytes())
    with pytest.raises(LoadError, match="do not fit together") as caught:
        resolve(str(parts[0]))
    assert "it-00002-of-00003.gguf says that it is part 2 of 3" in str(caught.value)
    parts[1].write_bytes(kept)
    alone = parts[2].rename(tmp_path / "part.gguf")
    with pytest.raises(LoadError, match="one of 3 parts of a model"):
        resolve(str(alone))


def test_a_folder_without_a_model_says_what_it_holds(tmp_path):
    (tmp_path / "one.gguf").write_bytes(b"GGUF")
    with pytest.raises(LoadError, match=r"one \.gguf: choose .*one\.gguf"):
        resolve(str(tmp_path))
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(LoadError, match=r"LoRA adapter.*its base"):
        resolve(str(tmp_path))


def test_where_the_base_of_rope_is_said():
    sizes = {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 8}
    said = {"model_type": "mistral", "vocab_size": 61, **sizes}

    def base(**changes: Any) -> float:
        return config_from_huggingface({**said, **changes}, "it")["rope_max_wavelength"]

    assert base() == 10_000
    assert base(rope_theta=5.0) == base(rope_theta=5.0, rope_scaling=None) == 5
    # A section's own goes before, and rope_scaling before rope_parameters.
    assert base(rope_theta=5.0, rope_parameters={"rope_theta": 6.0}) == 6
    assert base(rope_scaling={"rope_theta": 7.0}, rope_parameters={"a": 1}) == 7
    assert base(model_type="ministral3") == 1_000_000


def test_the_windows_of_layers_are_told(tmp_path):
    backbone = model_of(folder_of(tmp_path, "ministral")).backbone
    assert (backbone.sliding_window, backbone.widest_window) == (7, None)
    assert window_of(backbone).state(40) == (
        "There is no window: each token sees all before it. Layers differ: 1 layer "
        "sees all, 2 layers see 7 tokens."
    )
    # A run's window bounds all layers.
    assert window_of(backbone, 9).of_layers == (9, 7, 7)
    assert window_of(backbone, 5).state(40).count("Layers differ") == 0
