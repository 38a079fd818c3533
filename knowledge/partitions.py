"""What the index is cut into: one partition for each audience and language. Pure.

A collection that is never asked can't leak, and leaving one out costs nothing, where a metadata filter costs Chroma
74 ms at 100,000 vectors. So who may read a passage and what language it is in decide which collection holds it.
"""

import hashlib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from knowledge.types import Audience, Listed, Passage

NO_LANGUAGE = frozenset({"", "mul", "und", "zxx"})
"""Several languages, an unknown one, no words at all. Source: ISO 639-2, special situations."""
_PLAIN = re.compile(r"[a-z0-9]{1,40}")


class Kind(StrEnum):
    """What a collection holds: passages, or the points that lead to them."""

    PASSAGES = "passages"
    POINTS = "points"


@dataclass(frozen=True, slots=True)
class Partition:
    """The passages for one audience in one language, as `primary_language` has it; None for those that name none."""

    audience: Audience
    language: str | None = None

    @property
    def name(self) -> str:
        """Of letters, digits and `-`; no two partitions have the same. A label that is no plain word becomes a hash."""
        if self.language is None:
            return self.audience.value
        plain = self.language
        if not _PLAIN.fullmatch(plain):
            # A plain word has no hyphen, so this is none.
            plain = "x-" + hashlib.sha256(self.language.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        return f"{self.audience}-{plain}"


def primary_language(label: str | None) -> str | None:
    """The language of a label, without region and script, in lower case: `de` for `de-AT` and `DE_de`. None for none."""
    primary = re.split(r"[-_]", label or "", maxsplit=1)[0].strip().casefold()
    return None if primary in NO_LANGUAGE else primary


def home_of(text: Listed | Passage) -> Partition:
    """Where a document and its passages belong."""
    return Partition(text.audience, primary_language(text.language))


def serves(label: str | None, languages: Collection[str]) -> bool:
    """True if a text with this label is for one who asks for these languages: any language if there are none."""
    language = primary_language(label)
    return not languages or language is None or language in map(primary_language, languages)


def chosen(partitions: Iterable[Partition], audiences: Collection[Audience], languages: Collection[str]) -> list[Partition]:
    """Those to search, for audiences and languages (see `serves`), in the order of their names."""
    found = (one for one in partitions if one.audience in audiences and serves(one.language, languages))
    return sorted(found, key=lambda one: one.name)


def collection_name(kind: Kind, partition: Partition) -> str:
    """What the collection is called in Chroma."""
    return f"{kind}-{partition.name}"


def collection_metadata(partition: Partition) -> dict[str, str]:
    """What its collections bear, beside the name, to be recognised by."""
    return {"audience": partition.audience.value} | ({} if partition.language is None else {"language": partition.language})


def recognise(name: str, metadata: dict[str, Any] | None) -> tuple[Kind, Partition] | None:
    """What a collection holds, by its name and metadata; None if it is not one of ours."""
    kind, _, rest = name.partition("-")
    audience, _, label = rest.partition("-")
    if kind not in set(Kind) or audience not in set(Audience):
        return None
    # One without a language may be of a time when metadata didn't name it.
    partition = Partition(Audience(audience), str((metadata or {}).get("language", "")) or None if label else None)
    return (Kind(kind), partition) if collection_name(Kind(kind), partition) == name else None
