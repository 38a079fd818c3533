"""Who wrote a message, as the helpdesk tells it. Pure."""

from email.utils import parseaddr

from agent.types import NOBODY, Customer, Identity

LONGEST = 320
"""Characters of an address. Source: RFC 3696, section 3."""


def address(header: str) -> str:
    """The bare address of a header such as From, lower case; empty if there is none."""
    try:
        found = parseaddr(header)[1].strip().lower()
    except RecursionError:  # comments within comments, a thousand deep
        return ""
    return found if "@" in found else ""


def claimed(told: object) -> Customer:
    """Whose address this is, bare or as a header has it; nobody if it is none.

    Never more than claimed: anybody can write any sender into a mail, and any address into a form.
    """
    found = address(told) if isinstance(told, str) else ""
    return Customer(Identity.CLAIMED, None, found) if found.isprintable() and 0 < len(found) <= LONGEST else NOBODY
