"""The state of a hand-off as the widget tells it, with an honest line about what happens next."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from agent.widget_ports import Event, WidgetConversation

NOTED = "noted"
"""The request is on record; nobody has been told."""
UNKNOWN = "unknown"
"""The same, of a question that the knowledge base does not answer."""
NEEDS_ADDRESS = "needs_address"
"""A ticket can be opened only once the customer has left an e-mail address."""
PASSED_ON = "passed_on"
"""A helpdesk has taken the request by its webhook; whether a person sees it there can't be known."""
TOLD = "told"
"""A ticket is open in the helpdesk."""
JOINED = "joined"
DISCLOSURE = "disclosure"
"""That a machine answers, in languages that the policies have no text in."""


def state_of(conversation: WidgetConversation) -> dict[str, Any]:
    """The protocol's `<state>`."""
    return {
        "person": conversation.person.value if conversation.person else None,
        "person_name": conversation.person_name,
        "closed": conversation.closed,
        "note": conversation.note,
    }


def state_event(name: str, conversation: WidgetConversation) -> Event:
    """An event that carries the state."""
    return Event(name, json.dumps(state_of(conversation)))


def note(key: str, locale: str | None) -> str:
    """The line for what has happened, in the customer's language or else English.

    Args:
        key: one of the constants above.
        locale: e.g. `pt-BR`.
    """
    texts = _notes()[key]
    return texts.get(language_of(locale or "en"), texts["en"])


def language_of(locale: str) -> str:
    """`pt` of `pt-BR`."""
    return locale.replace("_", "-").split("-")[0].lower()


@cache
def _notes() -> Mapping[str, Mapping[str, str]]:
    found: dict[str, dict[str, str]] = json.loads(files("agent").joinpath("channels/widget/notes.json").read_text("utf-8"))
    return found
