"""Which messages a machine has sent by itself: they are never answered, or two machines would write to each other for ever. Pure.

Source: RFC 3834, sections 2 and 5; RFC 3464 (delivery reports); the other headers are those that mail systems are known
to set.
"""

import re
from collections.abc import Mapping

AUTOMATIC_PRECEDENCE = frozenset({"bulk", "junk", "list", "auto_reply"})
_PRESENT = ("list-id", "list-unsubscribe", "x-autoreply", "x-autorespond", "x-auto-response-suppress")
_SENDERS = re.compile(r"^(mailer-daemon|postmaster|no-?reply|do-?not-?reply|bounces?)([+._-].*)?@", re.IGNORECASE)
_SUBJECTS = re.compile(
    r"^\W*(auto(matic)?[- ]?(reply|response|answer)|out of (the )?office|undeliver(able|ed)"
    r"|delivery (status notification|failure)|mail delivery (failed|subsystem)|returned mail"
    r"|abwesenheit\w*|automatische (antwort|r[üu]ckmeldung)|unzustellbar"
    r"|respuesta autom[áa]tica|fuera de (la )?oficina|r[ée]ponse automatique|absen(ce|t) du bureau"
    r"|resposta autom[áa]tica|ausente do escrit[óo]rio|balasan otomatis|di luar kantor"
    r"|自动回复|自動回覆|رد تلقائي)",
    re.IGNORECASE,
)


def automatic_mail(headers: Mapping[str, str]) -> str | None:
    """Why a mail with these headers (by lower-case name) must not be answered; None if it may be."""
    if headers.get("auto-submitted", "no").partition(";")[0].strip().lower() != "no":
        return "Auto-Submitted"
    if "return-path" in headers and headers["return-path"].strip() in ("<>", ""):
        return "no return path"
    if headers.get("content-type", "").lower().startswith("multipart/report"):
        return "delivery report"
    if headers.get("precedence", "").strip().lower() in AUTOMATIC_PRECEDENCE:
        return "Precedence"
    if found := next((name for name in _PRESENT if name in headers), None):
        return found
    if _SENDERS.match(headers.get("from-address", "")):
        return "sender"
    return "subject" if automatic_subject(headers.get("subject", "")) else None


def automatic_subject(subject: str | None) -> bool:
    """True if the subject is that of an out-of-office reply or of a delivery report."""
    return bool(subject and _SUBJECTS.match(subject))
