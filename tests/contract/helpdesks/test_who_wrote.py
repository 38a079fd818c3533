"""Whose a message is, as the helpdesk tells: it is found under their address, and never taken for more than a claim."""

from typing import Any

import pytest

from agent.adapters.redis_clients import redis_client
from agent.adapters.redis_customers import conversations_of
from agent.channels.helpdesks.chatwoot_messages import message_of
from agent.channels.helpdesks.senders import claimed
from agent.channels.helpdesks.types import Wrote
from agent.types import NOBODY, ConversationId, Customer, Identity
from tests.contract.helpdesks.fake_chatwoot import FakeChatwoot
from tests.contract.helpdesks.fake_desk import EMAIL, FakeDesk
from tests.contract.helpdesks.fake_glpi import FakeGlpi
from tests.contract.helpdesks.fake_zendesk import FLATMATE, FakeZendesk
from tests.contract.helpdesks.inn import SOURCE, Inn, started_inn

EMILY = Customer(Identity.CLAIMED, None, EMAIL)


async def test_a_customer_is_known_by_their_address_and_nobody_else_is(inn: Inn, desk: FakeDesk) -> None:
    ticket = await inn.write("Where is my order?")
    await inn.write("And when does it arrive?", ticket.id)
    desk.staff_writes(ticket.id, "I'm looking into it.")
    told = (await inn.helpdesk.read(desk.id_of(ticket.id))).messages
    wrote = EMILY if desk.tells_addresses else NOBODY
    assert {one.customer for one in told if one.wrote is Wrote.CUSTOMER} == {wrote}
    assert {one.customer for one in told if one.wrote is not Wrote.CUSTOMER} == {NOBODY}
    assert [one.customer for one in inn.graph.asked[0]] == [wrote]


async def test_a_ticket_is_found_under_its_customers_address(inn: Inn, desk: FakeDesk, redis_url: str) -> None:
    ticket = await inn.write("Where is my order?")
    async with redis_client(redis_url) as redis:
        found = await conversations_of(redis, [Customer(email="Emily@Example.com")])
    place = ConversationId(f"{SOURCE}:{desk.id_of(ticket.id)}")
    assert found == ({place} if desk.tells_addresses else set())


class TestZendesk:
    @pytest.fixture
    def desk(self) -> FakeZendesk:
        return FakeZendesk()

    async def test_somebody_in_copy_is_not_taken_for_the_requester(self, inn: Inn, desk: FakeZendesk) -> None:
        ticket = await inn.write()
        entry = desk.customer_writes("I'm his flatmate. Where is it?", ticket.id)[1]
        desk.copied[entry.id] = FLATMATE
        told = (await inn.helpdesk.read(desk.id_of(ticket.id))).messages
        assert [one.customer.email for one in told if one.wrote is Wrote.CUSTOMER] == [EMAIL, "flatmate@example.com"]


class TestGlpi:
    @pytest.fixture
    def desk(self) -> FakeGlpi:
        return FakeGlpi()

    async def test_a_requester_without_an_account_has_an_address(self, inn: Inn, desk: FakeGlpi) -> None:
        ticket = await inn.write()
        desk.without_account.add(ticket.id)
        told = (await inn.helpdesk.read(desk.id_of(ticket.id))).messages
        assert told[0].customer == EMILY


class TestChatwoot:
    @pytest.fixture
    def desk(self) -> FakeChatwoot:
        return FakeChatwoot()

    @pytest.mark.parametrize(
        ("checked", "trusts", "chat", "customer"),
        [
            (True, True, True, Customer(Identity.VERIFIED, "c-8")),
            (True, True, False, EMILY),  # anybody's mail
            (True, False, True, EMILY),
            (False, True, True, EMILY),
        ],
    )
    async def test_an_identifier_counts_only_if_it_was_signed_and_is_trusted(
        self, desk: FakeChatwoot, redis_url: str, checked: bool, trusts: bool, chat: bool, customer: Customer
    ) -> None:
        settings = desk.settings
        desk.settings = lambda url: settings(url).model_copy(update={"trusts_identifiers": trusts})  # type: ignore[method-assign]
        async with redis_client(redis_url) as redis, started_inn(desk, redis) as inn:
            ticket_id, entry = desk.customer_writes("Where is my order?")
            (desk.checked if checked else desk.claims)[ticket_id] = "c-8"
            desk.chats |= {entry.id} if chat else set()
            await inn.hear(ticket_id, entry)
            await inn.work()
            assert [one.customer for one in inn.graph.asked[0]] == [customer]

    @pytest.mark.parametrize("identifier", [None, "", "c" * 321, "c-8\nc-9", 0])
    def test_a_checked_contact_without_a_usable_identifier_is_only_claimed(self, identifier: Any) -> None:
        contact = {"type": "contact", "email": EMAIL, "identifier": identifier}
        message = {"id": 1, "message_type": 0, "content": "Hello?", "created_at": 1767603600, "sender": contact}
        assert message_of(message, 7, is_bot=True, is_checked=True).customer == EMILY


@pytest.mark.parametrize(
    ("told", "email"),
    [
        ("Emily Adams <Emily@Example.com>", EMAIL),
        (" emily@example.com ", EMAIL),
        ("Emily Adams", None),
        ("", None),
        (None, None),
        (17, None),
        ("x" * 320 + "@example.com", None),
        ("emily\x00@example.com", None),
    ],
)
def test_what_is_no_address_is_nobodys(told: object, email: str | None) -> None:
    assert claimed(told) == (Customer(Identity.CLAIMED, None, email) if email else NOBODY)
