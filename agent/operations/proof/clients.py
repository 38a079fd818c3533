"""A helpdesk of every system in the settings, so that each client of the product makes its calls, though nobody answers.

The stand-ins know no ticket: what this shows is where the clients go, not that they answer.
"""

from collections.abc import Mapping
from typing import Any

from agent.operations.proof.upstream import DOMAIN, PORT

_OF_EACH: Mapping[str, Mapping[str, Any]] = {
    "zammad": {"secrets": ["s3cr3t-of-the-run"]},
    "chatwoot": {"account": 1, "secrets": ["s3cr3t-of-the-run"]},
    "zendesk": {"email": "assistant@example.com", "secrets": ["s3cr3t-of-the-run"]},
    "freshdesk": {"secrets": ["s3cr3t-of-the-run"]},
    "jira": {"project": "SUP", "secrets": ["s3cr3t-of-the-run"]},
    "freescout": {"user": 7, "handoff_user": 3, "secrets": ["s3cr3t-of-the-run"]},
    "glpi": {"default_queue": "1", "secrets": ["s3cr3t-of-the-run"]},
    "django-helpdesk": {"user": "assistant", "user_id": 7, "poll_s": 2, "secrets": ["s3cr3t-of-the-run"]},
    "request-tracker": {"watched": ["General"], "handoff_owner": "sam", "poll_s": 2, "token": "1-7-0123456789abcdef"},
}
MAIL = f"mail.{DOMAIN}"


def hosts() -> tuple[str, ...]:
    """The names under which they are reached."""
    return (*(f"{system}.{DOMAIN}" for system in _OF_EACH), MAIL)


def settings() -> dict[str, dict[str, Any]]:
    """Their entries in the settings, by source name."""
    desks = {
        system: {"system": system, "url": f"http://{system}.{DOMAIN}:{PORT}", "token": "t0ken-of-the-run", **more}
        for system, more in _OF_EACH.items()
    }
    mail = {
        "imap": f"imap://{MAIL}:143",
        "smtp": f"smtp://{MAIL}:587",
        "address": "help@example.com",
        "password": "pa55-of-the-run",
    }
    return desks | {"mailbox": {"system": "email", "poll_s": 2, **mail}}
