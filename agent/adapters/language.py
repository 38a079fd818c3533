"""Which language a message is in, by lingua's n-gram models (they come inside the package, nothing is loaded later)."""

import unicodedata
from collections.abc import Sequence
from itertools import islice
from typing import Any

MIN_LETTERS = 12
MIN_CONFIDENCE = 0.5
"""Below these a guess on a ticket's few words is mostly wrong, and the company's first locale is the better one."""
FIRST_LETTERS = 200
"""The script is told by so many."""
MIN_LETTERS_BY_SCRIPT = 2
"""What a script other than Latin takes: it alone tells nearly all."""


class LanguageDetector:
    """Callable: text -> ISO 639-1 code, or None if it can't be told. Loads its models on the first call."""

    def __init__(self, locales: Sequence[str]) -> None:
        self._codes = tuple(dict.fromkeys(locale.split("-")[0].lower() for locale in locales))
        self._detector: Any = None

    def __call__(self, text: str) -> str | None:
        """The most likely of the locales."""
        if len(self._codes) < 2:
            return self._codes[0] if self._codes else None
        letters = list(islice(filter(str.isalpha, text), FIRST_LETTERS))
        latin = sum("LATIN" in unicodedata.name(c, "") for c in letters)
        if latin < MIN_LETTERS and len(letters) - latin < max(latin, MIN_LETTERS_BY_SCRIPT):
            return None
        if self._detector is None:
            self._detector = self._load()
        best = self._detector.compute_language_confidence_values(text)[0]
        return str(best.language.iso_code_639_1.name.lower()) if best.value >= MIN_CONFIDENCE else None

    def _load(self) -> Any:
        from lingua import IsoCode639_1, LanguageDetectorBuilder

        known = [getattr(IsoCode639_1, code.upper()) for code in self._codes if hasattr(IsoCode639_1, code.upper())]
        return LanguageDetectorBuilder.from_iso_codes_639_1(*known).build()
