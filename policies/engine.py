"""Facts in, verdict out. Pure: no disk, no clock, no model.

Hard rules are decided here by code; a model is never asked for permission.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from zoneinfo import ZoneInfo

from knowledge.types import Audience
from policies.cases import PlacedCase
from policies.hard_rules import HANDED_OVER, HardRules
from policies.hours import HoursFile
from policies.judging import Judge
from policies.knowledge import KnowledgeFile
from policies.patterns import normalise, windows
from policies.privacy import PrivacyFile
from policies.rule import BUT_NOT, compile_rule, language_of
from policies.schema import Pack
from policies.soft_rules import SoftRules
from policies.tone import ToneFile
from policies.topics import Dialled
from policies.triggers import Trigger
from policies.types import Action, Dial, Facts, Guideline, Mode, PolicyStamp, Send, TopicVerdict, Verdict, Verifier
from policies.wishes import wishes_of

_CARE = {Send.PERSON: 0, Send.DRAFT: 1, Send.AUTO: 2}


def _care(dialled: Dialled) -> tuple[int, float]:
    """Smaller is more careful."""
    share = dialled.dial.most_wrong
    return _CARE[dialled.dial.kind], 1.0 if share is None else share


class PolicyEngine:
    """The policies of one pack, ready to be asked.

    Args:
        pack: a checked pack (`policies.load.load_pack`).
    """

    def __init__(self, pack: Pack) -> None:
        self._pack = pack
        self._hard = HardRules(pack.escalation.triggers)
        self._soft = SoftRules(pack.guidelines, self._fill)
        self._topics = tuple((topic, compile_rule(topic.id, topic.any)) for topic in pack.topics.topics)
        self._actions = tuple((Judge(action), compile_rule(action.id, action.when)) for action in pack.actions)
        self._texts = {**pack.escalation.texts, **pack.canned}

    @property
    def mode(self) -> Mode:
        """How far an answer may go at most. With `SHADOW` nothing is sent, whatever a verdict says."""
        return self._pack.policy.mode

    @property
    def stamp(self) -> PolicyStamp:
        """What every decision is stamped with."""
        return PolicyStamp(self._pack.policy.version, self._pack.sha256)

    @property
    def locales(self) -> tuple[str, ...]:
        """Languages that every text exists in; the first is the fallback."""
        return self._pack.policy.locales

    @property
    def company(self) -> str:
        """The company's name."""
        return self._pack.policy.company

    @property
    def scope(self) -> str:
        """What the company does, for the prompt."""
        return self._pack.policy.scope

    @property
    def privacy(self) -> PrivacyFile:
        """Who may see what, and what becomes of personal data."""
        return self._pack.privacy

    @property
    def verifiers(self) -> frozenset[Verifier]:
        """All that some topic asks for."""
        topics = self._pack.topics
        return frozenset(verifier for one in (topics.otherwise, *topics.topics) for verifier in one.verifiers)

    @property
    def about(self) -> Mapping[str, str]:
        """What each topic is about, by id in the order of the file; for reports."""
        return {topic.id: topic.about for topic, _ in self._topics}

    @property
    def dials(self) -> Mapping[str, Dial]:
        """How far answers may go by topic id in the order of the file, and `otherwise`; for reports."""
        return {**{topic.id: topic.dial for topic, _ in self._topics}, "otherwise": self._pack.topics.otherwise.dial}

    @property
    def approved(self) -> frozenset[str]:
        """Every text that may be said without a source, in every language."""
        texts = (self._pack.disclosure.text, *self._texts.values())
        return frozenset(self._fill(text) for one in texts for text in one.values())

    def examples(self) -> Mapping[str, tuple[str, ...]]:
        """Texts to embed once, by key. `Facts.similarity` has these very keys.

        A key is the id of a trigger, guideline, topic or action; a rule with look-alikes has a second one.
        """
        found: dict[str, tuple[str, ...]] = {}
        topics, actions = (rule for _, rule in self._topics), (rule for _, rule in self._actions)
        for rule in (*self._hard.compiled, *self._soft.compiled, *topics, *actions):
            if rule.by_example is not None:
                found[rule.id] = rule.by_example.examples
                if rule.by_example.but_not:
                    found[rule.id + BUT_NOT] = rule.by_example.but_not
        return found

    def gate(self, facts: Facts) -> Verdict:
        """What the hard rules say. See `HardRules.verdict`."""
        return self._hard.verdict(facts)

    def by_number(self, facts: Facts) -> Verdict:
        """What the hard rules say of what they count beside messages, whatever this one says."""
        return self._hard.by_number(facts)

    def waiting(self, facts: Facts) -> tuple[Trigger, ...]:
        """The triggers that count messages, and this one is of the kind."""
        return self._hard.waiting(facts)

    def counted(self, facts: Facts, before: Sequence[str], read: Callable[[str], Facts]) -> Facts:
        """The facts with what the hard rules count of messages before. See `HardRules.counted`."""
        return self._hard.counted(facts, before, read)

    @property
    def offers(self) -> frozenset[str]:
        """The triggers that offer something."""
        return self._hard.offers

    def ruling(self, facts: Facts) -> Verdict:
        """What becomes of a message before anything is looked up.

        The hard rules say it; a topic whose dial is `person` is one, if it claims the message.
        """
        verdict, topic = self.gate(facts), self.topic(facts)
        if verdict.action.goes_on and topic.topics and topic.dial.kind is Send.PERSON:
            return Verdict(Action.HANDOFF, topic.topics[0], topic.queue, say=HANDED_OVER)
        return verdict

    @property
    def cases(self) -> tuple[PlacedCase, ...]:
        """What the pack says that it must decide (`policies.testing`)."""
        return self._pack.cases

    @property
    def zone(self) -> ZoneInfo:
        """The company's time zone, whose calendar counts."""
        return self._pack.hours.zone

    @property
    def hours(self) -> HoursFile:
        """When people work, and how soon they answer."""
        return self._pack.hours

    @property
    def voice(self) -> tuple[str, ...]:
        """What the model is told of the tone in every turn."""
        return tuple(self._fill(line) for line in self._pack.tone.lines)

    @property
    def tone(self) -> ToneFile:
        """How answers sound."""
        return self._pack.tone

    @property
    def knowledge(self) -> KnowledgeFile:
        """Which articles answers may rest on."""
        return self._pack.knowledge

    def closed(self, now: dt.datetime, language: str) -> str | None:
        """What a customer who is handed over is told beside that while nobody works; None while somebody does."""
        hours = self._pack.hours
        return None if hours.closed is None or hours.is_open(now) else self.text(hours.closed, language)

    @property
    def actions(self) -> Mapping[str, Judge]:
        """What the agent may do, by id in the order of the files, each ready to be judged."""
        return {judge.action.id: judge for judge, _ in self._actions}

    def wishes(self) -> Mapping[str, tuple[str, ...]]:
        """Texts to embed once, by action: what it is about, and how customers ask for it."""
        return {judge.action.id: wishes_of(judge.action) for judge, _ in self._actions}

    def requested(self, facts: Facts) -> tuple[Judge, ...]:
        """The actions that a message asks for, nearest first; by a pattern counts as nearest."""
        pieces = tuple(windows(normalise(facts.text)))
        found = [(judge, rule) for judge, rule in self._actions if rule.holds(pieces, facts)]
        by_pattern = {rule.id for _, rule in found if rule.is_named(pieces)}
        found.sort(key=lambda one: (one[1].id not in by_pattern, -facts.similarity.get(one[1].id, -1.0)))
        return tuple(judge for judge, _ in found)

    @property
    def standing(self) -> tuple[Guideline, ...]:
        """The soft rules that apply to every turn, in the order of their files."""
        return self._soft.standing

    def guidelines(self, facts: Facts) -> tuple[Guideline, ...]:
        """The soft rules that apply: the standing ones, then those that match, the most important first."""
        return self._soft.applying(facts, self.topic(facts).topics)

    def approved_words(self, facts: Facts) -> tuple[str, ...]:
        """The approved texts that the guidelines of this turn say, each once, in the customer's language."""
        said = dict.fromkeys(one.say for one in self.guidelines(facts) if one.say is not None)
        return tuple(self.text(key, facts.language) for key in said)

    def topic(self, facts: Facts, articles: Sequence[str] = ()) -> TopicVerdict:
        """How far an answer may go, by what the turn is about.

        Of several topics that claim the turn the most careful dial counts, then the one that stands first in the
        file. The mode `draft` turns `AUTO` into `DRAFT`; `shadow` changes no dial, so that what would have been
        sent can be recorded.

        Args:
            facts: of the turn.
            articles: ids of the articles that the answer cites. Before anything is looked up there are none, and
                only messages are claimed: more articles can bring a more careful dial to a claimed turn, never a
                less careful one, but a turn that nothing has claimed yet may still be claimed.
        """
        pieces = tuple(windows(normalise(facts.text)))
        claims = [topic for topic, rule in self._topics if rule.holds(pieces, facts) or topic.is_cited(articles)]
        claims.sort(key=_care)
        dialled: Sequence[Dialled] = claims or [self._pack.topics.otherwise]
        asked = {verifier for one in dialled for verifier in one.verifiers}
        drafted = self.mode is Mode.DRAFT and dialled[0].dial.kind is Send.AUTO
        return TopicVerdict(
            topics=tuple(topic.id for topic in claims),
            dial=Dial(Send.DRAFT) if drafted else dialled[0].dial,
            unsure=dialled[0].unsure,
            queue=dialled[0].queue,
            verifiers=tuple(verifier for verifier in Verifier if verifier in asked),
        )

    def clearance(self, identity: str = "anonymous") -> frozenset[Audience]:
        """What a customer may see, by `anonymous`, `claimed` or `verified`. Anything else counts as anonymous."""
        audiences = self._pack.privacy.audiences
        by_identity = {"claimed": audiences.claimed, "verified": audiences.verified}
        return frozenset(by_identity.get(identity, audiences.anonymous))

    def disclosure(self, facts: Facts) -> str | None:
        """What stands before the first reply; None when it has been said."""
        return self._translate(self._pack.disclosure.text, facts.language) if facts.first_message else None

    def text(self, key: str, language: str) -> str:
        """An approved text, in `language` or else the first locale.

        Raises:
            KeyError: there is no such text. The keys that a verdict names, and those in
                `policies.schema.REQUIRED_TEXTS`, always exist.
        """
        return self._translate(self._texts[key], language)

    def text_in(self, key: str, language: str) -> tuple[str, str]:
        """An approved text, and the locale that it is in. Raises `KeyError`: there is no such text."""
        by_locale = self._texts[key]
        locale = language_of(language) if language_of(language) in by_locale else self.locales[0]
        return self._fill(by_locale[locale]), locale

    def texts(self, key: str) -> tuple[str, ...]:
        """An approved text in every language that it exists in. See `text`."""
        return tuple(self._fill(text) for text in self._texts[key].values())

    def _translate(self, texts: Mapping[str, str], language: str) -> str:
        return self._fill(texts.get(language_of(language), texts[self.locales[0]]))

    def _fill(self, text: str) -> str:
        return text.replace("{company}", self.company)
