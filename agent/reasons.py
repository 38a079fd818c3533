"""Why a conversation goes to a person: the sentence that people read, and the code that is counted. Pure."""

from enum import StrEnum

NOT_ANSWERED = "the knowledge base does not answer this"
FOR_PEOPLE = "questions like this go to a person"
NOT_SURE = "not sure enough to answer"
BUTTON = "the customer pressed the button for a person"
REPEATED = "the same message came again and again: perhaps a machine sends it"
TECHNICAL = "the assistant could not work on it in time"
DECLINED = "a person declined the proposed reply"
STALE = "the article that answers this is older than the policies rely on"
PERSONAL_DATA = "the reply would have held personal data that it may not"
NOBODY_APPROVES = "nobody can approve it here"
ACTION_PENDING = "a person approves this action first; approving carries it out"
ACTION_UNCERTAIN = "an action may have happened, or not: look in the system that it belongs to"
ACTION_AND_MORE = "the customer wrote more while an action was carried out"
ACTION_GONE = "an action that a person has approved can't be carried out any more"
ACTION_STILL_PENDING = "an action of the customer's waits for a person's yes"
ACTION_WITHDRAWN = "the customer does not want the action any more"
ACTION_AND_ANOTHER = "somebody else writes where an action of a customer's waits for a person's yes"
APPROVAL_LATE = "nobody has said in time whether an action may be carried out"
ACTION_WITHOUT_WORDS = "the words for an action can't be filled"
_RULE = "rule "


class HandoffReason(StrEnum):
    """The label of `innkeeper_handoffs_total`."""

    RULE = "rule"
    """A hard rule of the policies says so."""
    TOPIC = "topic"
    """The topic's dial says so."""
    NOT_ANSWERED = "not_answered"
    UNSURE = "unsure"
    CUSTOMER = "customer"
    """The customer asked for it by the button; who asks in words meets a rule."""
    REPEATED = "repeated"
    TECHNICAL = "technical"
    DECLINED = "declined"
    NO_APPROVAL = "no_approval"
    """A reply was proposed where nobody can approve one."""
    ACTION = "action"
    """An action came to an end that a person has to look at."""
    PERSONAL_DATA = "personal_data"
    """A reply would have said what the rules of privacy forbid."""
    OTHER = "other"


_CODES = {
    NOT_ANSWERED: HandoffReason.NOT_ANSWERED,
    FOR_PEOPLE: HandoffReason.TOPIC,
    NOT_SURE: HandoffReason.UNSURE,
    STALE: HandoffReason.UNSURE,
    BUTTON: HandoffReason.CUSTOMER,
    REPEATED: HandoffReason.REPEATED,
    TECHNICAL: HandoffReason.TECHNICAL,
    DECLINED: HandoffReason.DECLINED,
    ACTION_UNCERTAIN: HandoffReason.ACTION,
    ACTION_AND_MORE: HandoffReason.ACTION,
    ACTION_GONE: HandoffReason.ACTION,
    ACTION_AND_ANOTHER: HandoffReason.ACTION,
    APPROVAL_LATE: HandoffReason.ACTION,
    ACTION_WITHOUT_WORDS: HandoffReason.ACTION,
    PERSONAL_DATA: HandoffReason.PERSONAL_DATA,
}


def by_rule(rule: str | None) -> str:
    """The sentence for a rule's verdict."""
    return f"{_RULE}{rule}"


def handoff_reason(sentence: str) -> HandoffReason:
    """The code of an outcome's reason."""
    if sentence.endswith(NOBODY_APPROVES):
        return HandoffReason.NO_APPROVAL
    if sentence.startswith(_RULE):
        return HandoffReason.RULE
    return _CODES.get(sentence, HandoffReason.OTHER)
