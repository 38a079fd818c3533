"""Opens a cross-encoder's folder with sentence-transformers, for what ranks and for what checks claims.

Local files only, weights from safetensors only, and no code that a folder brings along.
"""

import json
import os
from pathlib import Path
from typing import Any

MAX_TOKENS = 512
"""Of both texts together: what most cross-encoders are trained on. The longer of the two is cut."""
BATCH = 32
_TRAINED_HEADS = ("ForSequenceClassification", "ForCausalLM")


class UnusableFolder(Exception):
    """No cross-encoder can be opened here. The message is the reason, without the folder."""


def read_config(folder: Path, what: str = "cross-encoder") -> dict[str, Any]:
    """The folder's config.json, of a model with a trained head.

    Args:
        folder: the model's.
        what: what is looked for, for the message.

    Raises:
        UnusableFolder: there is none, or it is of a model that gives vectors: the library would give that one a head that
            was never trained, and say so only in a log line.
    """
    try:
        config = dict(json.loads((folder / "config.json").read_text(encoding="utf-8")))
        architecture = str((config.get("architectures") or ["nothing"])[0])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UnusableFolder(f"no {what} here (no config.json that can be read); name its folder") from error
    if not architecture.endswith(_TRAINED_HEADS):
        raise UnusableFolder(
            f"holds a {architecture}, which gives vectors and not scores; name a cross-encoder's folder "
            "(INNKEEPER_EMBEDDING_MODEL is where an embedding model goes)"
        )
    return config


def opened(folder: Path, threads: int | None) -> Any:
    """The folder's model on this machine's CPU, giving what its last layer says as it is.

    Args:
        folder: the model's.
        threads: of torch, for the whole process; its own choice if None.

    Raises:
        UnusableFolder: it can't be loaded.
    """
    # Nothing leaves: a model that lacks a file must fail, not look for it elsewhere.
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        return _opened(folder, threads)
    except Exception as error:
        # Four libraries read these files, and some of their errors share no other base.
        raise UnusableFolder(f"can't be loaded: {error}; name a cross-encoder's folder with all its files") from error


def readable(text: str) -> str:
    """A lone surrogate, which JSON may carry, would stop the tokenizer."""
    return text.encode("utf-8", "replace").decode()


def _opened(folder: Path, threads: int | None) -> Any:
    import torch
    from sentence_transformers import CrossEncoder
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    if threads is not None:
        torch.set_num_threads(threads)
    model = CrossEncoder(
        str(folder),
        device="cpu",
        local_files_only=True,
        trust_remote_code=False,
        model_kwargs={"use_safetensors": True},
        activation_fn=torch.nn.Identity(),
    )
    model.max_seq_length = min(MAX_TOKENS, model.max_seq_length or MAX_TOKENS)
    return model
