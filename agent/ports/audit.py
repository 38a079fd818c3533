"""The audit log: what was done to or for a customer, by which rule, on whose word."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from agent.types import PolicyTrace


class AuditKind(StrEnum):
    """What happened."""

    ASKED = "action_asked"
    """The customer wants an action, and was asked to confirm it or for what is missing."""
    CONFIRMED = "action_confirmed"
    DECLINED = "action_declined"
    DENIED = "action_denied"
    """A rule says no, or who asks isn't known well enough."""
    APPROVAL_ASKED = "approval_asked"
    APPROVED = "approval_given"
    REFUSED = "approval_refused"
    TIMED_OUT = "approval_timed_out"
    """Nobody has decided in time."""
    ABOUT_TO = "action_begun"
    """Written before the call in the company's system."""
    DONE = "action_done"
    FAILED = "action_failed"
    """The system has refused, or couldn't be asked: nothing has happened there."""
    UNCERTAIN = "action_uncertain"
    EXPORTED = "customer_exported"
    ERASING = "customer_erasure_begun"
    ERASED = "customer_erased"
    PACK = "policies_swapped"


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One thing that happened. Who and where it was is kept as a pseudonym, what it was judged on as a hash.

    Attributes:
        event_id: the same when the step is done again after a crash: it is written once.
        customer: the company's own name for them, or their address; "" for nobody.
        conversation_id: "" for none.
        turn: id of the run.
        action: id of the rule file.
        decision: how it was decided, e.g. `require_approval`.
        rules: ids of the rules that decided.
        facts: what was judged.
        pseudonym: stands for the customer, where theirs is forgotten by now.
        who: on whose word, if it wasn't the customer's; never a customer.
    """

    kind: AuditKind
    event_id: str
    customer: str = ""
    conversation_id: str = ""
    turn: str = ""
    action: str = ""
    decision: str = ""
    rules: tuple[str, ...] = ()
    policy: PolicyTrace | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    who: str = ""
    pseudonym: str = ""


class AuditLog(Protocol):
    """Only ever grows, but for what is older than entries are kept."""

    async def record(self, event: AuditEvent) -> None:
        """Write it, once.

        Raises:
            QueueUnavailable: it is not written, or too few replicas have it.
        """
        ...
