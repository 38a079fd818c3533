"""`privacy.yaml`: who may see what, how long it is kept, and what becomes of personal data. The shape alone; pure."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints, field_validator

from knowledge.types import Audience
from policies.condition import Strict

Days = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,4}d$")]


def days_s(days: str) -> int:
    """Of a time such as `90d`, the seconds."""
    return int(days.removesuffix("d")) * 24 * 3600


class PersonalData(StrEnum):
    """The classes of personal data that code can tell by their form. Names and addresses have none."""

    PAYMENT_CARD = "payment_card"
    IBAN = "iban"
    NATIONAL_ID = "national_id"
    EMAIL = "email"
    PHONE = "phone"
    IP_ADDRESS = "ip_address"


class Inbound(StrEnum):
    """What happens to a message before it is stored. `MASK` leaves the end of a number, by which people know it again."""

    KEEP = "keep"
    MASK = "mask"
    REDACT = "redact"


class InLogs(StrEnum):
    """What a log line shows. `HASHED` is the same for the same value, within one process; `NEVER` names the class alone."""

    NEVER = "never"
    MASKED = "masked"
    HASHED = "hashed"


class Shown(StrEnum):
    """What the model, or a record that outlives the conversation, gets. `NEVER` names the class alone."""

    ALLOW = "allow"
    MASKED = "masked"
    NEVER = "never"


class InReplies(StrEnum):
    """What a reply may hold.

    `ONLY_OWN`: what this customer has written in this conversation, what the cited passage says, and approved texts. `FORBID`:
    nothing of the kind, whoever wrote it. A reply that holds more goes to a person.
    """

    ALLOW = "allow"
    ONLY_OWN = "only_own"
    FORBID = "forbid"


class Handling(Strict):
    """What becomes of one class of personal data."""

    inbound: Inbound
    log: InLogs
    model: Shown
    index: Shown
    reply: InReplies


_SECRET = Handling(inbound=Inbound.REDACT, log=InLogs.NEVER, model=Shown.NEVER, index=Shown.NEVER, reply=InReplies.FORBID)
_CONTACT = Handling(inbound=Inbound.KEEP, log=InLogs.HASHED, model=Shown.MASKED, index=Shown.MASKED, reply=InReplies.ONLY_OWN)
CAREFUL: dict[PersonalData, Handling] = {
    PersonalData.PAYMENT_CARD: _SECRET,
    PersonalData.IBAN: _CONTACT.model_copy(update={"inbound": Inbound.MASK, "log": InLogs.NEVER}),
    PersonalData.NATIONAL_ID: _SECRET,
    PersonalData.EMAIL: _CONTACT,
    PersonalData.PHONE: _CONTACT,
    PersonalData.IP_ADDRESS: _CONTACT,
}
"""What counts for a class that a pack says nothing about."""


class AudiencesByIdentity(Strict):
    """What a customer may see, by how surely the channel knows who it is."""

    anonymous: tuple[Audience, ...]
    claimed: tuple[Audience, ...]
    verified: tuple[Audience, ...]

    @field_validator("anonymous", "claimed", "verified")
    @classmethod
    def _never_internal(cls, audiences: tuple[Audience, ...]) -> tuple[Audience, ...]:
        if Audience.INTERNAL in audiences:
            raise ValueError("`internal` is for agents alone and can't be given to a customer; remove it")
        return audiences


class Retention(Strict):
    """How long things are kept, e.g. `90d`. `logs` is promised of logs that you collect: nothing here deletes one."""

    messages: Days
    audit: Days
    logs: Days


class Classes(Strict):
    """What becomes of each class; one that is left out is handled with care (`CAREFUL`)."""

    payment_card: Handling = CAREFUL[PersonalData.PAYMENT_CARD]
    iban: Handling = CAREFUL[PersonalData.IBAN]
    national_id: Handling = CAREFUL[PersonalData.NATIONAL_ID]
    email: Handling = CAREFUL[PersonalData.EMAIL]
    phone: Handling = CAREFUL[PersonalData.PHONE]
    ip_address: Handling = CAREFUL[PersonalData.IP_ADDRESS]

    def of(self, kind: PersonalData) -> Handling:
        """What becomes of one class."""
        found: Handling = getattr(self, kind.value)
        return found


class PrivacyFile(Strict):
    """`privacy.yaml`: who may see what, for how long it is kept, and what becomes of personal data."""

    audiences: AudiencesByIdentity
    retention: Retention
    classes: Classes = Field(default_factory=Classes)
