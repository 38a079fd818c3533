"""Every kind of helpdesk by its name in the settings."""

from collections.abc import Mapping

from agent.channels.helpdesks import (
    chatwoot,
    django_helpdesk,
    email_desk,
    freescout,
    freshdesk,
    glpi,
    jira,
    request_tracker,
    zammad,
    zendesk,
)
from agent.channels.helpdesks.types import Helpdesk, Receiver, System
from agent.helpdesk_settings import AnyHelpdesk

SYSTEMS: Mapping[str, System] = {
    one.name: one
    for one in (
        zammad.SYSTEM,
        chatwoot.SYSTEM,
        zendesk.SYSTEM,
        glpi.SYSTEM,
        django_helpdesk.SYSTEM,
        request_tracker.SYSTEM,
        freshdesk.SYSTEM,
        freescout.SYSTEM,
        jira.SYSTEM,
        email_desk.SYSTEM,
    )
}


def deciding(helpdesks: Mapping[str, AnyHelpdesk]) -> frozenset[str]:
    """Sources in which an internal note can approve a proposal, or decline it."""
    found = {source: SYSTEMS.get(desk.system) for source, desk in helpdesks.items()}
    return frozenset(source for source, system in found.items() if system and system.notes_decide)


def receivers(helpdesks: Mapping[str, AnyHelpdesk]) -> dict[str, Receiver]:
    """For each source that sends webhooks of a known system."""
    found = {source: (SYSTEMS.get(desk.system), desk) for source, desk in helpdesks.items()}
    return {source: system.receiver(desk) for source, (system, desk) in found.items() if system and system.receiver}


def clients(helpdesks: Mapping[str, AnyHelpdesk]) -> dict[str, Helpdesk]:
    """For each source whose system has an API. Each must be closed."""
    found = {source: (SYSTEMS.get(desk.system), desk) for source, desk in helpdesks.items()}
    return {source: system.helpdesk(source, desk) for source, (system, desk) in found.items() if system}
