"""The shape of `canned/*.yaml`: approved words, sent as they are, in every locale. They need no verification. Pure."""

from policies.condition import Identifier, Line, Locale, Strict


class CannedFile(Strict):
    """`canned/*.yaml`. `{company}` may stand in every text; what else may depends on the action that says it."""

    texts: dict[Identifier, dict[Locale, Line]]
