"""The errors of the agent room, grouped by who must act.

AgentError
  SettingsInvalid, KnowledgeEmpty      -> the operator; refuse to start
  InstallationIncomplete               -> the operator; set it up again
  ServiceFailed                        -> an embedded service did not start or died
  ProofImpossible                      -> this machine doesn't let us look on; the operator allows it, or proves it elsewhere
  RequestRejected                      -> 4xx to the sender, nothing is queued
    SignatureInvalid, PayloadInvalid, SourceUnknown, BodyTooLarge, BodyTooSlow, JsonInvalid,
    Unauthorized, ContentTypeUnsupported
    OriginRefused, SiteUnknown, SessionInvalid, IdentityInvalid, MessageMissing, ConversationClosed,
    TooManyRequests, TooManyStreams (the widget)
  TransientError                       -> try again with backoff
    ModelUnavailable, QueueUnavailable, HelpdeskUnavailable, ToolUnavailable, DraftRuled
  PermanentError                       -> hand off, don't try again
    ModelOutputInvalid, ConversationMissing, HelpdeskRefused (TicketMissing), ReplyWithheld,
    ToolRefused, ToolUncertain
  EgressRefused                        -> a bug or an attack: logged and counted
  BundleFailed (BundleInvalid)         -> the operator: an air-gap bundle can't be made, read or loaded
  AuditBroken                          -> the operator: the audit log is not what was written
  ErasureFailed, CustomerUnknown       -> the operator: a customer's data can't be exported or erased now
"""


class AgentError(Exception):
    """Root of the room. The message says what happened, what was tried and what to do."""


class SettingsInvalid(AgentError):
    """A setting is unknown or has a bad value."""


class KnowledgeEmpty(AgentError):
    """Nothing has been ingested."""


class InstallationIncomplete(AgentError):
    """A part of the installation is missing."""


class ServiceFailed(AgentError):
    """An embedded service did not start or died."""


class ProofImpossible(AgentError):
    """No place can be made on this machine where every attempt to leave would be seen."""


class RequestRejected(AgentError):
    """A sender's request that must not be queued. `code` is stable, for programs."""

    code = "request_rejected"
    status = 400


class SignatureInvalid(RequestRejected):
    """Missing, wrong or stale signature."""

    code = "signature_invalid"
    status = 401


class PayloadInvalid(RequestRejected):
    """The body is not what the channel expects."""

    code = "payload_invalid"
    status = 422


class SourceUnknown(RequestRejected):
    """No helpdesk of that name is configured."""

    code = "source_unknown"
    status = 404


class BodyTooLarge(RequestRejected):
    """The body is over the limit."""

    code = "body_too_large"
    status = 413


class BodyTooSlow(RequestRejected):
    """The body did not arrive in time."""

    code = "body_too_slow"
    status = 408


class JsonInvalid(RequestRejected):
    """The body is not JSON."""

    code = "json_invalid"
    status = 400


class Unauthorized(RequestRejected):
    """The API key is missing or wrong."""

    code = "unauthorized"
    status = 401


class ContentTypeUnsupported(RequestRejected):
    """The body is not declared as JSON."""

    code = "content_type_unsupported"
    status = 415


class OriginRefused(RequestRejected):
    """A page that the site's list of origins does not name, or a request that doesn't say where it comes from."""

    code = "origin_refused"
    status = 403


class SiteUnknown(RequestRejected):
    """No site of that name is configured."""

    code = "site_unknown"
    status = 404


class SessionInvalid(RequestRejected):
    """The widget's session is unknown or over; the widget begins a new one."""

    code = "session_invalid"
    status = 401


class IdentityInvalid(RequestRejected):
    """What is to prove who the customer is doesn't."""

    code = "identity_invalid"
    status = 401


class MessageMissing(RequestRejected):
    """No such reply in the conversation."""

    code = "message_missing"
    status = 404


class ConversationClosed(RequestRejected):
    """A person has ended the conversation; the widget begins a new one."""

    code = "conversation_closed"
    status = 409


class TooManyRequests(RequestRejected):
    """Over a limit. `retry_after_s`: whole seconds until there is room again."""

    code = "too_many_requests"
    status = 429

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class TooManyStreams(TooManyRequests):
    """No more event streams are taken here."""

    code = "too_many_streams"
    status = 503


class TransientError(AgentError):
    """May work later."""


class ModelUnavailable(TransientError):
    """The model server is down, too slow or over its limits."""


class QueueUnavailable(TransientError):
    """Redis can't be reached."""


class HelpdeskUnavailable(TransientError):
    """The helpdesk did not take a reply now."""


class ToolUnavailable(TransientError):
    """A system of the company could not be asked, and nothing has happened there."""


class DraftRuled(TransientError):
    """What was decided about a draft is being carried out; a turn comes after that."""


class PermanentError(AgentError):
    """Won't work later either."""


class ModelOutputInvalid(PermanentError):
    """The model server answered with something that is not a completion."""


class ConversationMissing(PermanentError):
    """There is no such conversation."""


class HelpdeskRefused(PermanentError):
    """The helpdesk refused a reply for good."""


class TicketMissing(HelpdeskRefused):
    """The helpdesk has no such ticket (any more)."""


class ReplyWithheld(PermanentError):
    """A person has spoken since, so a reply is not sent. Nothing is wrong; it is kept aside."""


class ToolRefused(PermanentError):
    """A system of the company says no to a call, and nothing has happened there."""


class ToolUncertain(PermanentError):
    """A change in a system of the company was begun, and nobody knows whether it has happened."""


class EgressRefused(AgentError, PermissionError):
    """A connection to an address that is not on the allow-list."""


class BundleFailed(AgentError):
    """An air-gap bundle can't be made or loaded."""


class BundleInvalid(BundleFailed):
    """An air-gap bundle is not what was signed."""


class AuditBroken(AgentError):
    """The audit log is not what was written."""


class ErasureFailed(AgentError):
    """What is kept of a customer could not all be erased. Run again, it goes on."""


class CustomerUnknown(AgentError):
    """Nothing is kept of a customer."""
