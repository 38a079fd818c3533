"""One operation, ready to be called: what its caller may pass, and what the conversation's customer fills in. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator

from agent.errors import ToolRefused
from agent.ports.tools import Effect, ToolCall, ToolSpec
from agent.tool_settings import Bound, OperationSettings
from agent.tools.schemas import closed, problem, validator_of, without
from agent.tools.systems import Offer
from agent.types import Customer, Identity

_SURENESS = (Identity.ANONYMOUS, Identity.CLAIMED, Identity.VERIFIED)


@dataclass(frozen=True, slots=True)
class Tool:
    """One operation of the settings that its system has.

    Attributes:
        whole: checks what is sent, bound values included.
        open: checks what a caller may pass.
    """

    spec: ToolSpec
    settings: OperationSettings
    types: Mapping[str, Any]
    whole: Draft202012Validator
    open: Draft202012Validator

    def fill(self, call: ToolCall) -> dict[str, Any]:
        """What is sent: the arguments, who the customer is, and the key where it is a parameter.

        Raises:
            ToolRefused: the arguments don't fit, or the customer isn't known enough. The message holds none of the values.
        """
        name = self.spec.name
        if told := problem(self.open, call.arguments):
            raise ToolRefused(f"{name} can't be called like this: {told}")
        filled = dict(call.arguments)
        for parameter, what in self.settings.bind.items():
            filled[parameter] = self._fitting(parameter, _known(name, self.settings, call.customer, what))
        if self.settings.key_parameter is not None and self.settings.writes:
            filled[self.settings.key_parameter] = call.key
        if told := problem(self.whole, filled):
            raise ToolRefused(f"{name} can't be called for this customer: {told}")
        return filled

    def _fitting(self, parameter: str, value: str) -> str | int:
        """Systems that number their customers want a number. One that it would be written otherwise by, as 007, is another's."""
        is_number = self.types.get(parameter) == "integer" and value.isascii() and value.isdigit() and str(int(value)) == value
        return int(value) if is_number else value


def ready(name: str, settings: OperationSettings, offer: Offer) -> Tool:
    """An operation, put together. Raises `SchemaUnusable` if arguments can't be checked or bound."""
    whole = closed(offer.schema)
    hidden = frozenset(settings.bind) | ({settings.key_parameter} if settings.key_parameter else frozenset())
    shown = without(whole, hidden)
    effect = Effect.WRITE if settings.writes else Effect.READ
    types = {one: known.get("type") for one, known in whole.get("properties", {}).items() if isinstance(known, Mapping)}
    spec = ToolSpec(name, offer.description, shown, effect, settings.repeats_safely)
    return Tool(spec, settings, types, validator_of(whole), validator_of(shown))


def _known(name: str, settings: OperationSettings, customer: Customer, what: Bound) -> str:
    if _SURENESS.index(customer.identity) < _SURENESS.index(settings.identity):
        raise ToolRefused(f"{name} is for customers who are {settings.identity}; this one is {customer.identity}")
    value = customer.customer_id if what == "customer.id" else customer.email
    if not value:
        raise ToolRefused(f"{name} needs {what}, which the channel didn't give")
    return value
