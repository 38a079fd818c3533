"""How like a message is to the examples of the policies' rules. No model that writes is asked."""

from collections.abc import Mapping, Sequence

from agent.ports import Embedder
from policies.matching import ExampleTable

LONG_MESSAGE_WORDS = 40


def embed_examples(embedder: Embedder, examples: Mapping[str, Sequence[str]]) -> ExampleTable:
    """Vectors of every rule's examples, once per process."""
    return ExampleTable({rule: embedder.embed(list(texts)) for rule, texts in examples.items() if texts})


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
