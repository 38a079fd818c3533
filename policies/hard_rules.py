"""The triggers of a pack, ready to be asked which of them a message sets off. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from policies.patterns import normalise, windows
from policies.rule import Rule, compile_rule
from policies.triggers import Trigger, looked_back
from policies.types import Action, Facts, Verdict

HANDED_OVER = "handoff"
"""Said to who accepts an offer, and to who is handed over by a topic."""
_URGENCY = {"urgent": 0, "high": 1, "normal": 2}
_FIRST = {Action.HANDOFF: 0, Action.REFUSE: 1, Action.OFFER: 2}


@dataclass(frozen=True, slots=True)
class _Hard:
    """One trigger, compiled."""

    trigger: Trigger
    words: Rule

    def counts(self, facts: Facts) -> bool:
        return any(condition.is_reached(facts) for condition in self.trigger.any)

    def holds(self, pieces: Sequence[str], facts: Facts) -> bool:
        return self.words.holds(pieces, facts) or self.counts(facts)

    def is_enough(self, facts: Facts) -> bool:
        return self.trigger.after is None or facts.held.get(self.trigger.id, 0) + 1 >= self.trigger.after

    def is_said(self, facts: Facts) -> bool:
        return self.trigger.action is Action.OFFER and self.trigger.id in facts.used

    @property
    def verdict(self) -> Verdict:
        rule = self.trigger
        return Verdict(rule.action, rule.id, rule.queue, rule.priority, rule.say)


class HardRules:
    """The triggers of one pack.

    Args:
        triggers: in the order of their file.
    """

    def __init__(self, triggers: Sequence[Trigger]) -> None:
        self._hards = tuple(_Hard(trigger, compile_rule(trigger.id, trigger.any)) for trigger in triggers)
        self.offers = frozenset(trigger.id for trigger in triggers if trigger.action is Action.OFFER)
        """Ids of those that offer something."""

    @property
    def compiled(self) -> tuple[Rule, ...]:
        """What they ask of words, in the order of their file."""
        return tuple(hard.words for hard in self._hards)

    def verdict(self, facts: Facts) -> Verdict:
        """What they say of a message.

        A hand-off wins over a refusal, since a person may still refuse, and both over an offer; then the more urgent rule wins,
        then the one that stands first in the file.
        """
        pieces = tuple(windows(normalise(facts.text)))
        fired = [hard for hard in self._hards if hard.holds(pieces, facts) and hard.is_enough(facts) and not hard.is_said(facts)]
        return _first([*(hard.verdict for hard in fired), *self._accepted(facts)])

    def by_number(self, facts: Facts) -> Verdict:
        """The same of the numbers alone: what the message says is not looked at."""
        fired = [hard for hard in self._hards if hard.counts(facts) and not hard.is_said(facts)]
        return _first([hard.verdict for hard in fired])

    def waiting(self, facts: Facts) -> tuple[Trigger, ...]:
        """The triggers that count messages, and this one is of the kind."""
        pieces = tuple(windows(normalise(facts.text)))
        counting = (hard for hard in self._hards if hard.trigger.after is not None and not hard.is_said(facts))
        return tuple(hard.trigger for hard in counting if hard.holds(pieces, facts))

    def counted(self, facts: Facts, before: Sequence[str], read: Callable[[str], Facts]) -> Facts:
        """The facts with `held`. Earlier messages are read again only if this one is of a kind that is counted.

        Args:
            facts: of the message.
            before: what the same customer wrote before, oldest first.
            read: gives the facts of one of these: text, language and likeness.
        """
        far = {trigger.id: looked_back(trigger.after or 1) - 1 for trigger in self.waiting(facts)}
        if not far or not before:
            return facts
        earlier = [read(text) for text in before[: -max(far.values()) - 1 : -1]]
        pieces = [tuple(windows(normalise(one.text))) for one in earlier]
        hards = (hard for hard in self._hards if hard.trigger.id in far)
        held = {hard.trigger.id: sum(map(hard.holds, pieces[: far[hard.trigger.id]], earlier)) for hard in hards}
        return replace(facts, held=held)

    def _accepted(self, facts: Facts) -> list[Verdict]:
        rules = (hard.trigger for hard in self._hards if hard.trigger.id == facts.accepted and hard.trigger.id in self.offers)
        return [Verdict(Action.HANDOFF, rule.id, rule.queue, rule.priority, HANDED_OVER) for rule in rules]


def _first(verdicts: Sequence[Verdict]) -> Verdict:
    if not verdicts:
        return Verdict(Action.ALLOW)
    return min(verdicts, key=lambda verdict: (_FIRST[verdict.action], _URGENCY[verdict.priority]))
