"""The conditions of one rule, compiled, and whether one of them holds. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from policies.condition import Condition
from policies.searching import is_found
from policies.types import Facts

BUT_NOT = "/but_not"
"""Look-alikes are embedded under the rule's id and this ending, which no id can have."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The conditions of one rule, compiled."""

    id: str
    patterns: tuple[str, ...]
    by_example: Condition | None

    def holds(self, pieces: Sequence[str], facts: Facts) -> bool:
        """Whether one of the conditions does. `pieces` are the message's `policies.patterns.windows`."""
        return self.is_near(facts) or self.is_named(pieces)

    def is_named(self, pieces: Sequence[str]) -> bool:
        """Whether a pattern is found."""
        return any(is_found(pattern, piece) for pattern in self.patterns for piece in pieces)

    def is_near(self, facts: Facts) -> bool:
        """Whether the message is as near to an example as the rule asks for, and no nearer to a look-alike."""
        if self.by_example is None or self.by_example.threshold is None:
            return False
        if self.by_example.languages and language_of(facts.language) not in self.by_example.languages:
            return False
        near = facts.similarity.get(self.id, -1.0)
        return near >= self.by_example.threshold and near >= facts.similarity.get(self.id + BUT_NOT, -1.0)


def compile_rule(rule_id: str, conditions: Sequence[Condition]) -> Rule:
    """Ready to be asked. At most one of the conditions has examples."""
    patterns = tuple(c.pattern for c in conditions if c.pattern is not None)
    return Rule(rule_id, patterns, next((c for c in conditions if c.examples), None))


def language_of(tag: str) -> str:
    """`pt` of `pt-BR`."""
    return re.split(r"[-_]", tag.casefold(), maxsplit=1)[0]
