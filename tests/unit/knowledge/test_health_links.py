import pytest

from knowledge.health.links import Directory, broken_links, find_links, leaking_links, unchecked_hosts
from knowledge.health.report import LinkHost
from knowledge.health.shelf import Article
from knowledge.types import Audience
from tests.shelves import article

SITE = "https://help.example.com/articles"
KNOWN = (
    article("pets/rules", "## House training\n\nDogs only.", "Pet rules", url=f"{SITE}/pet-rules"),
    article("pets/fees", "Four euros.", url=f"{SITE}/pet-fees"),
    article("keys", "## Lost keys\n\nCall us. <a id='spare'></a>", url=f"{SITE}/keys"),
    article("codes", "Codes.", "Door codes", audience=Audience.INTERNAL),
)


def links_of(text: str, audience: Audience = Audience.PUBLIC, url: str | None = f"{SITE}/new"):
    articles: tuple[Article, ...] = (*KNOWN, article("pets/new", text, audience=audience, url=url))
    directory = Directory(articles)
    return list(find_links(articles, directory)), directory


@pytest.mark.parametrize(
    "target",
    [
        *("rules.md", "fees", "./rules.html", "../keys.md", "/pets/rules", "#new-home", "rules.md#house-training"),
        *("../keys#spare", "../keys.md#lost-keys", "../keys.md#Lost-Keys"),
        *(f"{SITE}/keys", f"{SITE}/keys/", f"{SITE}/keys?x=1#lost-keys", "http://help.example.com/articles/keys", "pet-rules"),
    ],
)
def test_a_link_to_an_article_is_fine(target: str) -> None:
    links, directory = links_of(f"## New home\n\nSee [this]({target}).")
    assert list(broken_links(links, directory)) == []
    assert links[0].reached


@pytest.mark.parametrize("target", ["rule.md", "../pets/lost.md", f"{SITE}/lost", "/articles/lost"])
def test_a_link_to_an_article_that_is_not_there_is_broken(target: str) -> None:
    links, directory = links_of(f"See [this one]({target}).")
    (found,) = broken_links(links, directory)
    assert target in found.seen
    assert (found.places[0].doc_id, found.places[0].quote) == ("pets/new", "this one")


def test_a_path_from_a_folder_without_urls_is_broken_too() -> None:
    links, directory = links_of("See [this](nowhere.md).", url=None)
    assert len(list(broken_links(links, directory))) == 1


@pytest.mark.parametrize("target", ["#nowhere", "rules.md#nowhere", f"{SITE}/keys#nowhere"])
def test_an_anchor_that_no_heading_gives_is_broken(target: str) -> None:
    links, directory = links_of(f"## Here\n\nSee [this]({target}).")
    assert "heading that does not exist" in next(iter(broken_links(links, directory))).seen


@pytest.mark.parametrize(
    "text",
    [
        "[mail](mailto:a@example.com) and [call](tel:112)",
        "[form](form.pdf) and ![picture](nowhere.png)",
        "`[code](nowhere.md)`",
        "[the shop](https://help.example.com/shop/lost)",
        "[odd](https://[::1)",
    ],
)
def test_what_the_knowledge_base_would_not_have_is_not_broken(text: str) -> None:
    links, directory = links_of(text)
    assert [f for f in broken_links(links, directory) if "[::1" not in f.seen] == []


def test_other_sites_are_counted_and_not_called() -> None:
    links, _ = links_of("[a](https://other.example/x), https://other.example/y. And [b](//third.example/).")
    assert unchecked_hosts(links) == (LinkHost("other.example", 2), LinkHost("third.example", 1))


def test_a_public_article_must_not_link_to_an_internal_one() -> None:
    links, _ = links_of("See [codes](../codes.md).")
    (found,) = leaking_links(links)
    assert [place.doc_id for place in found.places] == ["pets/new", "codes"]
    inside, _ = links_of("See [codes](../codes.md).", Audience.INTERNAL)
    assert list(leaking_links(inside)) == []
