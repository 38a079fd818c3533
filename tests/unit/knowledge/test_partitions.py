import re

import pytest

from knowledge.partitions import (
    Kind,
    Partition,
    chosen,
    collection_metadata,
    collection_name,
    home_of,
    primary_language,
    recognise,
    serves,
)
from knowledge.types import Audience, Document, DocumentId

PUBLIC, INTERNAL = Audience.PUBLIC, Audience.INTERNAL
LABELS = [
    None,
    "de",
    "fil",
    "Deutsch (Österreich)",
    "x",
    "中文",
    "a.b",
    "..",
    "-de",
    "zh hant",
    "e" * 41,
    "x" * 9000,
    "\ud800",
    "ß",
]


@pytest.mark.parametrize(
    ("label", "language"),
    [
        ("de", "de"),
        ("DE", "de"),
        ("de-AT", "de"),
        ("de_CH", "de"),
        (" zh-Hant-TW ", "zh"),
        ("Deutsch (Wien)", "deutsch (wien)"),
        ("中文", "中文"),
        ("", None),
        ("  ", None),
        ("-", None),
        (None, None),
        ("und", None),
        ("MUL", None),
    ],
)
def test_a_label_is_taken_by_its_primary_subtag(label: str | None, language: str | None):
    assert primary_language(label) == language


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("audience", Audience)
def test_a_collections_name_is_valid_and_leads_back(kind: Kind, audience: Audience, label: str | None):
    partition = Partition(audience, primary_language(label))
    name = collection_name(kind, partition)
    # Source: Chroma's own check of names.
    assert re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9._-]{1,510}[a-zA-Z0-9]", name)
    assert recognise(name, collection_metadata(partition)) == (kind, partition)


def test_no_two_partitions_share_a_name():
    labels = [*LABELS, "x-1", "X!", "x!", "deutsch (österreich", Partition(PUBLIC, "中文").name.removeprefix("public-")]
    partitions = {Partition(audience, primary_language(label)) for audience in Audience for label in labels}
    assert len({collection_name(kind, one) for one in partitions for kind in Kind}) == 2 * len(partitions)


def test_names_are_plain_where_labels_are():
    assert collection_name(Kind.PASSAGES, Partition(PUBLIC)) == "passages-public"
    assert collection_name(Kind.POINTS, Partition(INTERNAL, "de")) == "points-internal-de"


def test_a_collection_of_before_languages_is_recognised_without_metadata():
    assert recognise("passages-internal", None) == (Kind.PASSAGES, Partition(INTERNAL))
    assert recognise("points-public", {"embedder": "m"}) == (Kind.POINTS, Partition(PUBLIC))


@pytest.mark.parametrize(
    "name", ["other", "passages", "passages-secret", "words-public", "passages-public-de", "passages-public-"]
)
def test_a_collection_that_is_not_ours_is_left_alone(name: str):
    assert recognise(name, {"language": "fr"}) is None
    assert recognise(name, None) is None


@pytest.mark.parametrize(
    ("label", "languages", "does"),
    [
        ("de-AT", {"de"}, True),
        ("de", {"DE-ch"}, True),
        (None, {"de"}, True),
        ("mul", {"de"}, True),
        ("en", {"de"}, False),
        ("en", {"de", "EN"}, True),
        ("en", set(), True),
        ("den", {"de"}, False),
    ],
)
def test_whom_a_text_is_for(label: str | None, languages: set[str], does: bool):
    assert serves(label, languages) is does


def test_partitions_are_chosen_by_audience_and_language():
    all_of_them = [Partition(audience, language) for audience in Audience for language in (None, "de", "en")]
    assert chosen(all_of_them, {PUBLIC}, {"de-AT"}) == [Partition(PUBLIC), Partition(PUBLIC, "de")]
    assert chosen(all_of_them, {INTERNAL}, ()) == [Partition(INTERNAL, language) for language in (None, "de", "en")]
    assert chosen(all_of_them, set(), ()) == []


def test_a_document_is_at_home_by_audience_and_language():
    document = Document(DocumentId("a"), "A", "Text.", INTERNAL, "/a.md", language="pt_BR")
    assert home_of(document) == Partition(INTERNAL, "pt")
