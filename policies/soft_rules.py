"""The guidelines of a pack, ready to be asked which of them apply to a turn. Pure."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from policies.guidelines import NEAR, GuidelineRule, OnlyIf
from policies.matching import FIT, NAMED, Candidate, choose
from policies.patterns import normalise, windows
from policies.rule import Rule, compile_rule, language_of
from policies.types import Facts, Guideline


@dataclass(frozen=True, slots=True)
class _Soft:
    """One guideline, compiled."""

    rule: GuidelineRule
    said: Guideline
    when: Rule

    def match(self, pieces: Sequence[str], facts: Facts, topics: Collection[str]) -> Candidate | None:
        """As it stands in this turn; None if it doesn't match."""
        if self.rule.once and self.rule.id in facts.used:
            return None
        if self.rule.only_if is not None and not _holds(self.rule.only_if, facts, topics):
            return None
        if not self.rule.conditions or self.when.is_named(pieces):
            return self._candidate(NAMED, sure=True)
        if not self.when.is_near(facts):
            return None
        fit = facts.similarity.get(self.rule.id + FIT, facts.similarity[self.rule.id])
        return self._candidate(fit, sure=self.when.by_example is not None and self.when.by_example.threshold != NEAR)

    def _candidate(self, fit: float, *, sure: bool) -> Candidate:
        rule, size = self.rule, len(self.said.then.encode())
        return Candidate(rule.id, rule.priority, fit, frozenset(rule.excludes), frozenset(rule.requires), size, sure)


class SoftRules:
    """The guidelines of one pack.

    Args:
        rules: in the order of their files.
        fill: puts the company's name into a text.
    """

    def __init__(self, rules: Sequence[GuidelineRule], fill: Callable[[str], str]) -> None:
        self._softs = tuple(
            _Soft(rule, Guideline(rule.id, fill(rule.then or ""), rule.say), compile_rule(rule.id, rule.conditions))
            for rule in rules
        )
        self._said = {soft.rule.id: soft.said for soft in self._softs}
        kept_out = {name for rule in rules for name in rule.excludes}
        self.standing = tuple(soft.said for soft in self._softs if is_standing(soft.rule) and soft.rule.id not in kept_out)
        """Those that apply to every turn."""
        self._standing_ids = frozenset(one.id for one in self.standing)

    @property
    def compiled(self) -> tuple[Rule, ...]:
        """Their conditions, in the order of their files."""
        return tuple(soft.when for soft in self._softs)

    def applying(self, facts: Facts, topics: Collection[str]) -> tuple[Guideline, ...]:
        """The standing ones, then those that match, the most important first. See `policies.matching.choose`.

        Args:
            facts: of the turn.
            topics: ids of those that claim the message.
        """
        pieces = tuple(windows(normalise(facts.text)))
        others = (soft for soft in self._softs if soft.rule.id not in self._standing_ids)
        matching = [found for soft in others if (found := soft.match(pieces, facts, topics)) is not None]
        return (*self.standing, *(self._said[rule_id] for rule_id in choose(matching, self._standing_ids)))


def is_standing(rule: GuidelineRule) -> bool:
    """True for a rule without any condition: it is told in every turn, in the part of the prompt that all turns share."""
    return not (rule.conditions or rule.only_if or rule.once or rule.requires)


def _holds(only_if: OnlyIf, facts: Facts, topics: Collection[str]) -> bool:
    return (
        (not only_if.topics or any(topic in topics for topic in only_if.topics))
        and (not only_if.languages or language_of(facts.language) in only_if.languages)
        and (not only_if.identity or facts.identity in only_if.identity)
        and only_if.first_message in (None, facts.first_message)
        and (only_if.turns is None or only_if.turns.hold(facts.turn))
    )
