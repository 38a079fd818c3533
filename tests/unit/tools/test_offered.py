"""What the conversation's customer fills in."""

import pytest

from agent.errors import ToolRefused
from agent.ports import ToolCall
from agent.tool_settings import OperationSettings
from agent.tools.offered import ready
from agent.tools.systems import Offer
from agent.types import Customer, Identity

SCHEMA = {"type": "object", "properties": {"customer": {"type": "integer"}}, "required": ["customer"]}
TOOL = ready("crm.get", OperationSettings(effect="read", bind={"customer": "customer.id"}), Offer("", SCHEMA))


def test_a_system_that_numbers_its_customers_gets_a_number() -> None:
    assert TOOL.fill(ToolCall("crm.get", {}, Customer(Identity.VERIFIED, "7"))) == {"customer": 7}


@pytest.mark.parametrize("known", ["007", "+7", "7 ", "٧", "7.0", "-7", "c-7"])
def test_who_is_written_otherwise_is_not_that_number(known: str) -> None:
    with pytest.raises(ToolRefused, match="can't be called for this customer"):
        TOOL.fill(ToolCall("crm.get", {}, Customer(Identity.VERIFIED, known)))
