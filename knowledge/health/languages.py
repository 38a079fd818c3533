"""Articles that exist in one language and lack where others have a counterpart. Pure.

Only where paths or ids say the language (`de/pets`, `pets.de.md`, `pets_de`) and enough articles are paired that way.
Translations that are named in other ways are not seen, and whether two say the same is not looked at.
"""

import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from knowledge.health.report import Finding, Kind, Severity
from knowledge.health.shelf import Article

PAIRS = 3
"""So many articles must exist in several languages before the pattern is believed."""
MOST = 0.5
"""A language is expected everywhere if more than this share of the articles has it."""
_CODES = (
    "ar bg cs da de el en es et fi fr he hi hr hu id it ja ko lt lv ms nb nl no pl pt ro ru sk sl sr sv th tr uk vi zh".split()  # noqa: SIM905
)
_CODE = rf"(?:{'|'.join(_CODES)})(?:[-_][a-z]{{2}})?"
_FOLDER = re.compile(rf"(?:^|(?<=/))({_CODE})(?=/)", re.IGNORECASE)
_SUFFIX = re.compile(rf"(?<=[^/])[._]({_CODE})(?=$|\.[a-z]+$)", re.IGNORECASE)


def missing_translations(articles: Sequence[Article]) -> Iterator[Finding]:
    """One finding for each language that most articles have, with those that lack it."""
    families: dict[str, dict[str, Article]] = {}
    for article in articles:
        if found := language_of(article):
            language, name = found
            families.setdefault(f"{article.audience}:{name}", {})[language] = article
    counts = Counter(language for family in families.values() for language in family)
    if sum(len(family) > 1 for family in families.values()) < PAIRS:
        return
    for language, count in sorted(counts.items()):
        lacking = [family for family in families.values() if language not in family]
        if lacking and count > MOST * len(families):
            yield Finding(
                Kind.LANGUAGE,
                Severity.LOW,
                f"{len(lacking)} of {len(families)} articles are not there in {language!r}, which most have.",
                f"Translate them, or leave them as they are if they don't concern readers of {language!r}.",
                tuple(next(iter(family.values())).place() for family in lacking),
            )


def language_of(article: Article) -> tuple[str, str] | None:
    """The language that id or path names, and the name without it; None if neither names one."""
    path = article.source if "://" not in article.source else ""
    for name in (str(article.doc_id), path):
        folder = _FOLDER.search(name)
        match = folder or _SUFFIX.search(posixpath.splitext(name)[0]) or _SUFFIX.search(name)
        if match:
            return match[1].lower().replace("_", "-"), f"{name[: match.start()]}*{name[match.end() :]}"
    return None
