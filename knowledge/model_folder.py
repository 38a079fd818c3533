"""What a sentence-transformers folder says about its model: which architecture, how long a text, how it is pooled.

It reads settings and the weights' names, not the weights. It knows nothing of how the model is run.
"""

import hashlib
import json
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from knowledge.errors import EmbeddingUnavailable

Pooling = Literal["mean", "cls"]

_ENCODERS = {"bert", "roberta", "xlm-roberta"}
_TRANSFORMER_FILES = ("sentence_bert_config.json", "sentence_roberta_config.json", "sentence_xlm-roberta_config.json")
_POOLING_KEYS = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}
_EMBEDDING_WEIGHTS = (
    "word_embeddings.weight",
    "position_embeddings.weight",
    "token_type_embeddings.weight",
    "LayerNorm.weight",
    "LayerNorm.bias",
)
_LAYER_WEIGHTS = (
    *(f"attention.self.{part}.{kind}" for part in ("query", "key", "value") for kind in ("weight", "bias")),
    *(f"{part}.{kind}" for part in ("attention.output.dense", "attention.output.LayerNorm") for kind in ("weight", "bias")),
    *(f"{part}.{kind}" for part in ("intermediate.dense", "output.dense", "output.LayerNorm") for kind in ("weight", "bias")),
)
_HEADER_BYTES = 100_000_000
"""Source: the safetensors format, which allows no longer one."""
_UNUSED = ("pooler.", "embeddings.position_ids", "cls.", "lm_head.")
"""What such a folder may hold besides, and what no vector depends on."""


class UnknownModel(Exception):
    """This folder holds a model that only sentence-transformers itself can run. The message is the reason."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that is needed to run a folder's model, but for the weights.

    Attributes:
        folder: where it lies, with `model.safetensors` and `tokenizer.json`.
        prefix: what the weights' names begin with, e.g. `bert.` or nothing.
        layers: number of encoder layers.
        heads: attention heads of a layer.
        epsilon: of every layer normalisation.
        first_position: row of the position table that the first token takes.
        max_tokens: longer texts are cut; special tokens count.
        pooling: mean of all tokens, or the first token.
    """

    folder: Path
    prefix: str
    layers: int
    heads: int
    epsilon: float
    first_position: int
    max_tokens: int
    pooling: Pooling


def read_recipe(folder: Path) -> Recipe:
    """Read it from a folder.

    Raises:
        UnknownModel: the model is not one of BERT's or RoBERTa's shape, or the folder asks for something else that is
            not known here. Nothing is guessed, for a wrong guess gives vectors that look right.
    """
    try:
        config = _json(folder / "config.json")
        _check_architecture(config)
        _check_prompts(folder)
        prefix = _prefix_of(_weight_names(folder / "model.safetensors"), config["num_hidden_layers"])
        # RoBERTa's first position is the one after padding's.
        first = 0 if config["model_type"] == "bert" else config["pad_token_id"] + 1
        if not (folder / "tokenizer.json").is_file():
            raise UnknownModel("it has no tokenizer.json")
        return Recipe(
            folder=folder,
            prefix=prefix,
            layers=config["num_hidden_layers"],
            heads=config["num_attention_heads"],
            epsilon=config["layer_norm_eps"],
            first_position=first,
            max_tokens=_max_tokens(folder, config["max_position_embeddings"] - first),
            pooling=_pooling(folder),
        )
    except (OSError, ValueError, KeyError, TypeError, struct.error) as error:
        raise UnknownModel(f"its files can't be read: {type(error).__name__}: {error}") from error


def fingerprint(folder: Path) -> str:
    """12 hex digits of the settings and of both ends of the weights, which is quick and tells models apart.

    Raises:
        EmbeddingUnavailable: the folder can't be read.
    """
    digest = hashlib.sha256()
    try:
        for file in sorted(folder.rglob("*.json")):
            digest.update(file.relative_to(folder).as_posix().encode() + file.read_bytes())
        for file in sorted([*folder.glob("*.safetensors"), *folder.glob("*.bin")]):
            with file.open("rb") as weights:
                digest.update(weights.read(1 << 20))
                size = weights.seek(0, os.SEEK_END)
                weights.seek(max(0, size - (1 << 20)))
                digest.update(weights.read() + str(size).encode())
    except OSError as error:
        raise EmbeddingUnavailable(f"{folder}: the embedding model can't be read: {error}") from error
    return digest.hexdigest()[:12]


def _json(file: Path) -> Any:
    return json.loads(file.read_text("utf-8"))


def _optional_json(file: Path) -> dict[str, Any]:
    return dict(_json(file)) if file.is_file() else {}


def _check_architecture(config: dict[str, Any]) -> None:
    expected = {
        "hidden_act": ("gelu",),
        "position_embedding_type": ("absolute", None),
        "is_decoder": (False, None),
        "add_cross_attention": (False, None),
        "auto_map": (None,),
    }
    if config["model_type"] not in _ENCODERS:
        raise UnknownModel(f"its model_type is {config['model_type']!r}, not one of {', '.join(sorted(_ENCODERS))}")
    for key, allowed in expected.items():
        if config.get(key) not in allowed:
            raise UnknownModel(f"its {key} is {config.get(key, 'missing')!r}")


def _check_prompts(folder: Path) -> None:
    if _optional_json(folder / "config_sentence_transformers.json").get("default_prompt_name"):
        raise UnknownModel("it puts a prompt before every text")


def _max_tokens(folder: Path, positions: int) -> int:
    settings: dict[str, Any] = next((_json(folder / name) for name in _TRANSFORMER_FILES if (folder / name).is_file()), {})
    if settings.get("do_lower_case"):
        raise UnknownModel("it asks for lower case beside its tokenizer")
    given = settings.get("max_seq_length") or _optional_json(folder / "tokenizer_config.json").get("model_max_length")
    return min(int(given or positions), positions)


def _pooling(folder: Path) -> Pooling:
    modules = _json(folder / "modules.json")
    names = [module["type"].rsplit(".", 1)[-1] for module in modules]
    if names not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]) or modules[0]["path"]:
        raise UnknownModel(f"its modules are {', '.join(names)}")
    settings = _json(folder / modules[1]["path"] / "config.json")
    # Written as one word since sentence-transformers 6, as one claim for each way before.
    modes = [settings["pooling_mode"]] if "pooling_mode" in settings else _claimed(settings)
    if modes == ["mean"]:
        return "mean"
    if modes == ["cls"]:
        return "cls"
    raise UnknownModel(f"its pooling is {modes}")


def _claimed(settings: dict[str, Any]) -> list[str]:
    return [_POOLING_KEYS.get(key, key) for key, value in settings.items() if key.startswith("pooling_mode_") and value]


def _weight_names(file: Path) -> set[str]:
    """A safetensors file begins with the length of its header, 8 bytes, and the header, JSON by the tensors' names."""
    with file.open("rb") as weights:
        (length,) = struct.unpack("<Q", weights.read(8))
        header: dict[str, Any] = json.loads(weights.read(min(length, _HEADER_BYTES)))
    header.pop("__metadata__", None)
    types = {entry["dtype"] for name, entry in header.items() if not name.endswith("position_ids")}
    if not types <= {"F32", "F16"}:
        raise UnknownModel(f"its weights are of the types {sorted(types)}")
    return set(header)


def _prefix_of(names: set[str], layers: int) -> str:
    wanted = {f"embeddings.{name}" for name in _EMBEDDING_WEIGHTS}
    wanted |= {f"encoder.layer.{layer}.{name}" for layer in range(layers) for name in _LAYER_WEIGHTS}
    for prefix in ("", "bert.", "roberta."):
        if {prefix + name for name in wanted} <= names:
            bare = {name.removeprefix(prefix) for name in names} - wanted
            if strange := sorted(name for name in bare if not name.startswith(_UNUSED)):
                raise UnknownModel(f"it has a weight {strange[0]!r} that is not known")
            return prefix
    raise UnknownModel("its weights have other names than BERT's")
