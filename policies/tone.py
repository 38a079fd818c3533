"""The shape of `tone.yaml`: how answers sound. What can be checked is checked by code; the rest is said to the model. Pure."""

import re
from collections.abc import Iterator
from functools import cached_property

from pydantic import Field

from policies.condition import Line, Strict
from policies.patterns import normalise


class ToneFile(Strict):
    """`tone.yaml`.

    Attributes:
        voice: how the company sounds, in a line for the model.
        do: more lines of what to do.
        dont: lines of what to leave.
        banned: words that never stand in a sentence of a model, in any case and with any accents; a sentence that has one is
            dropped. The company's own articles and texts aren't touched.
        most_sentences: of a model's answer so many are kept.
    """

    voice: Line | None = None
    do: tuple[Line, ...] = ()
    dont: tuple[Line, ...] = ()
    banned: tuple[Line, ...] = ()
    most_sentences: int | None = Field(None, ge=1, le=50)

    @property
    def lines(self) -> Iterator[str]:
        """What the model is told in every turn."""
        if self.voice is not None:
            yield self.voice
        yield from self.do
        yield from (f"Never do this: {one}" for one in self.dont)

    def allows(self, sentence: str) -> bool:
        """Whether a model's sentence has none of the banned words."""
        return self._banned is None or self._banned.search(normalise(sentence)) is None

    @cached_property
    def _banned(self) -> re.Pattern[str] | None:
        if not self.banned:
            return None
        words = "|".join(re.escape(normalise(one)) for one in self.banned)
        return re.compile(rf"(?<!\w)(?:{words})(?!\w)")


PLAIN = ToneFile()
"""What holds without the file: nothing."""
