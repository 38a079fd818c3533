"""What `innkeeper connect` finds out by real calls, one finding each."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from agent.channels.helpdesks.types import Finding
from agent.errors import AgentError
from agent.helpdesk_settings import DeskSettings

T = TypeVar("T")


class Checks:
    """Collects findings; a call that fails is one, too."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    async def ok(self, name: str, call: Callable[[], Awaitable[T]], tell: Callable[[T], str]) -> bool:
        """Make a call; True if it worked. `tell` puts its answer in words."""
        try:
            detail = tell(await call())
        except AgentError as error:
            self.findings.append(Finding(name, ok=False, detail=str(error)))
            return False
        except (LookupError, TypeError, ValueError) as error:
            self.findings.append(
                Finding(name, ok=False, detail=f"the answer is not what is expected: {error}. Is the address right?")
            )
            return False
        self.findings.append(Finding(name, ok=True, detail=detail))
        return True

    async def names(self, name: str, call: Callable[[], Awaitable[Any]], settings: DeskSettings, key: str = "name") -> None:
        """Check that every queue of the settings is in a list of objects, by one of their fields."""
        await self.ok(name, call, lambda found: tell_names(found, settings, key))


def tell_names(found: Iterable[dict[str, Any]], settings: DeskSettings, key: str = "name") -> str:
    """In words that every queue of the settings is among these. Raises `AgentError` if one isn't."""
    wanted = {*settings.queues.values(), *([settings.default_queue] if settings.default_queue else [])}
    there = {str(one[key]): str(one.get("name", one[key])) for one in found}
    if missing := sorted(wanted - set(there)):
        known = ", ".join(f"{one} ({shown})" if shown != one else one for one, shown in sorted(there.items()))
        raise AgentError(f"the settings name {', '.join(missing)}, but there are: {known or 'none'}")
    return f"{', '.join(sorted(wanted))} found" if wanted else "none named: a hand-off stays where the ticket is"
