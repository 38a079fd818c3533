"""What the widget's routes need, in one frozen value."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable

from agent.channels.widget.events import Streams
from agent.ports import PersonRequests
from agent.privacy.handling import PersonalRules
from agent.widget_ports import WidgetConversations, WidgetSessions


def web_files() -> Traversable:
    """Where the browser's part is."""
    return files("agent").joinpath("web")


@dataclass(frozen=True, slots=True)
class WidgetDeps:
    """Everything behind the widget.

    Attributes:
        streams: the open event streams of this process.
        disclosure: that a machine answers, in the language of a locale.
        clean: a customer's words as they are stored and shown again.
        clock: seconds since 1970.
        web: the folder of `widget.js`.
    """

    sessions: WidgetSessions
    conversations: WidgetConversations
    person: PersonRequests
    streams: Streams
    disclosure: Callable[[str | None], str]
    clean: Callable[[str], str] = field(default_factory=lambda: PersonalRules().at_the_door)
    clock: Callable[[], float] = time.time
    web: Traversable = field(default_factory=web_files)
