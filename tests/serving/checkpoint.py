"""A tiny checkpoint of the Qwen3 architecture: random weights, the real tokenizer and chat template."""

import shutil
from pathlib import Path

SEED = 20


def build(folder: Path, tokenizer: Path) -> Path:
    """Write it; 4 layers, hidden size 64, the whole vocabulary: 31 MB.

    Args:
        folder: where to; it is made.
        tokenizer: folder with `tokenizer.json` and `tokenizer_config.json` of Qwen3.
    """
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    folder.mkdir(parents=True)
    config = Qwen3Config(
        vocab_size=151_936,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=40_960,
        tie_word_embeddings=True,
        bos_token_id=151_643,
        eos_token_id=151_645,
        dtype="bfloat16",
    )
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        Qwen3ForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tokenizer / name, folder / name)
    return folder
