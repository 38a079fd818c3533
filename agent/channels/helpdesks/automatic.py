"""Which messages a machine has sent by itself: they are never answered, or two machines would write to each other for ever. Pure.

Source: RFC 3834, sections 2 and 5; RFC 3464 (delivery reports); the other headers are those that mail systems are known
to set.
"""

import re
from collections.abc import Mapping

AUTOMATIC_PRECEDENCE = frozenset({"bulk", "junk", "list", "auto_reply"})
_PRESENT = ("list-id", "list-unsubscribe", "x-autoreply", "x-autorespond", "x-auto-response-suppress")
_SENDERS = re.compile(r"^(mailer-daemon|postmaster|no-?reply|do-?not-?reply|bounces?)([+._-].*)?@", re.IGNORECASE)
# A customer, too, writes of an undelivered parcel or asks for something out of office hours: a message taken for a machine's is
# answered by nobody. So the words count only as mail programs put them: alone, or before a colon or the like.
_SUBJECTS = re.compile(
    r"^(\s*\[[^\]]{0,40}\])*\W*("
    r"(auto(matic)?[- ]?(reply|response|answer)|out of (the )?office( (auto[- ]?)?(reply|response|message))?"
    r"|abwesenheit|abwesenheits(notiz|nachricht|meldung)|automatische (antwort|r[üu]ckmeldung)"
    r"|respuesta autom[áa]tica|fuera de (la )?oficina|r[ée]ponse automatique|absen(ce|t|te) du bureau"
    r"|resposta autom[áa]tica|ausente do escrit[óo]rio|balasan otomatis|di luar kantor|自动回复|自動回覆|رد تلقائي)"
    r"\s*([:：(\[–—-]|$)"
    r"|(undeliverable|unzustellbar|delivery failure|mail delivery failed|returned mail|delivery status notification)\s*[:：(]"
    r"|undelivered mail returned|delivery status notification\s*$|mail delivery (failed|failure|subsystem)\s*$)",
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
