"""How like a message is to the examples of the policies' rules. No model that writes is asked."""

from collections.abc import Mapping, Sequence

from agent.ports import Embedder
from policies.matching import ExampleTable

LONG_MESSAGE_WORDS = 40


def embed_examples(embedder: Embedder, examples: Mapping[str, Sequence[str]]) -> ExampleTable:
    """Vectors of every rule's examples, once per process, in one call of the embedder."""
    texts = [text for of_rule in examples.values() for text in of_rule]
    if not texts:
        return ExampleTable({})
    vectors, table, start = embedder.embed(texts), {}, 0
    for rule, of_rule in examples.items():
        if of_rule:
            table[rule] = vectors[start : start + len(of_rule)]
            start += len(of_rule)
    return ExampleTable(table)


def likeness(embedder: Embedder, examples: ExampleTable, text: str) -> dict[str, float]:
    """How near the message is to the examples of each rule, see `ExampleTable.likeness`. The message is embedded once.

    A long message is also compared sentence by sentence, so that a request for a person at the end of
    a story is still seen.
    """
    if not text.strip() or not len(examples):
        return {}
    parts = [text]
    if len(text.split()) > LONG_MESSAGE_WORDS:
        parts += [p for p in text.replace("?", "?\n").replace(". ", ".\n").replace("!", "!\n").splitlines() if p.strip()]
    return examples.likeness(embedder.embed(parts))
