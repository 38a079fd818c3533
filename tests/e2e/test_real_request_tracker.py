"""The real Request Tracker by itself: who sees what in REST2."""

from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.real_request_tracker import CUSTOMER, RequestTracker, has_request_tracker, new_database, request_tracker

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not has_request_tracker(), reason="request-tracker5 is not installed")]


@pytest.fixture(scope="module")
def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RequestTracker]:
    cache = getattr(request.config, "cache", None)
    made = new_database(cache.mkdir("request-tracker") if cache else tmp_path_factory.mktemp("request-tracker"))
    with request_tracker(made, tmp_path_factory.mktemp("desk") / "rt") as running:
        yield running


def test_a_customers_mail_makes_a_ticket(desk: RequestTracker) -> None:
    number = desk.open_ticket("Late parcel", "Where is my order?\n\nGrüße, Emily")

    ticket = desk.api.get(f"/ticket/{number}").json()
    assert (ticket["Status"], ticket["Subject"], ticket["Owner"]["id"]) == ("new", "Late parcel", "Nobody")
    assert [requestor["id"] for requestor in ticket["Requestor"]] == [CUSTOMER]
    [opening] = desk.transactions(number)
    assert (opening["Type"], opening["Creator"]) == ("Create", CUSTOMER)
    assert opening["Content"] == "Where is my order?\n\nGrüße, Emily\n"


def test_each_one_is_told_apart_and_only_what_is_public_goes_out(desk: RequestTracker) -> None:
    number = desk.open_ticket("Late again", "Where is my order?")

    desk.write_by_api(number, "Your parcel left today. {{ as it is }}")
    desk.write_as_customer(number, "And when is it here?")
    desk.write_as_staff(number, "The carrier says Friday.", public=False)
    desk.write_by_api(number, "A summary for colleagues.", public=False)
    desk.write_as_staff(number, "It comes on Friday.")

    seen = [(each["Type"], each["Creator"], each["Content"]) for each in desk.transactions(number) if each["Content"]]
    assert seen == [
        ("Create", CUSTOMER, "Where is my order?\n"),
        ("Correspond", "innkeeper", "Your parcel left today. {{ as it is }}"),
        ("Correspond", CUSTOMER, "And when is it here?\n"),
        ("Comment", "sam", "The carrier says Friday."),
        ("Comment", "innkeeper", "A summary for colleagues."),
        ("Correspond", "sam", "It comes on Friday."),
    ]
    mails = desk.mails()
    assert "Your parcel left today." in mails
    assert "It comes on Friday." in mails
    assert "The carrier says Friday." not in mails
    assert "A summary for colleagues." not in mails
    privileged = {name: desk.api.get(f"/user/{name}").json()["Privileged"] for name in (CUSTOMER, "sam", "innkeeper")}
    assert privileged == {CUSTOMER: 0, "sam": 1, "innkeeper": 1}


def test_the_tag_of_a_ticket_guards_its_fields_and_no_reply(desk: RequestTracker) -> None:
    number = desk.open_ticket("Two at once", "Where is my order?")
    tag = desk.api.get(f"/ticket/{number}").headers["etag"]
    desk.write_as_staff(number, "Mine.")

    taken = desk.api.put(f"/ticket/{number}", json={"Owner": "innkeeper"}, headers={"if-match": tag})
    newest = desk.api.get(f"/ticket/{number}").headers["etag"]
    reply = {"Content": "On its way.", "ContentType": "text/plain"}
    answered = desk.api.post(f"/ticket/{number}/correspond", json=reply, headers={"if-match": newest})

    assert tag != newest
    assert (taken.status_code, answered.status_code) == (412, 412)


def test_a_wrong_token_is_refused(desk: RequestTracker) -> None:
    answer = httpx.get(f"{desk.url}/REST/2.0/tickets", headers={"authorization": "token 1-2-3"}, trust_env=False)

    assert answer.status_code == 401
