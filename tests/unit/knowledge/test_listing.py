import re
from datetime import timedelta
from pathlib import Path

import pytest

from knowledge.errors import ListingInvalid
from knowledge.sources.kinds import KINDS, FolderSource, GitSource
from knowledge.sources.listing import EXAMPLE, parse_listing
from knowledge.sources.opening import READERS
from knowledge.types import Audience, Trust

FILE = Path("/etc/innkeeper/sources.yaml")


def parse(text: str, kinds=tuple(KINDS)):
    return parse_listing(FILE, text.encode(), kinds)


def problems(text: str, kinds=tuple(KINDS)) -> list[str]:
    with pytest.raises(ListingInvalid) as refused:
        parse(text, kinds)
    assert "nothing was changed" in str(refused.value)
    return list(refused.value.problems)


def test_a_source_has_defaults_and_paths_relative_to_the_file():
    (source,) = parse("sources:\n- {name: help, kind: folder, path: docs}\n")
    assert source == FolderSource(name="help", path=Path("/etc/innkeeper/docs"))
    assert (source.audience, source.trust, source.refresh) == (Audience.PUBLIC, Trust.NORMAL, timedelta(days=1))
    assert (source.root, source.reaches) == ("/etc/innkeeper/docs", ())


def test_everything_can_be_said():
    (source,) = parse(
        "sources:\n- name: book\n  kind: git\n  url: https://git.local/a.git\n  ref: main\n  subfolder: docs\n"
        "  token_env: BOOK_TOKEN\n  audience: internal\n  language: de\n  owner: Team A\n  refresh: 6h\n  trust: low\n"
        "  id_prefix: book/\n"
    )
    assert isinstance(source, GitSource)
    assert (source.audience, source.language, source.owner) == (Audience.INTERNAL, "de", "Team A")
    assert (source.refresh, source.trust, source.id_prefix) == (timedelta(hours=6), Trust.LOW, "book/")
    assert source.reaches == ("https://git.local/a.git",)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("15m", timedelta(minutes=15)), ("2 d", timedelta(days=2)), ("hourly", timedelta(hours=1)), ("never", None)],
)
def test_refresh(written: str, meant: timedelta | None):
    (source,) = parse(f"sources:\n- {{name: a, kind: folder, path: a, refresh: {written}}}\n")
    assert source.refresh == meant


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ": is empty; write `sources:` and a list under it, or see `innkeeper ingest --example`"),
        ("sources: []", ":1: sources: is empty; `innkeeper ingest --forget NAME` removes the last one's documents"),
        ("sources:", ":1: sources: is no list; write an entry with `- name: …` for each source"),
        ("- name: a", ":1: holds no `sources:`; write it, and a list of sources under it"),
        ("# x\nsource:\n- name: a", ":2: source: unknown key; did you mean sources?"),
        ("sources: [", ":1: is not valid YAML"),
        ("sources: []\nsources: []", "is not valid YAML"),
        ("sources:\n- just text", ":2: sources[0]: is no source; write `name:`, `kind:` and its settings"),
    ],
)
def test_a_file_that_is_no_listing(text: str, line: str):
    (problem,) = problems(text)
    assert problem.startswith(str(FILE))
    assert line in problem


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        ("kind: folder\n  path: a", ":2: sources[0]: `name` is missing; a source of kind folder needs it"),
        ("name: a\n  path: a", ":2: sources[0]: `kind` is missing; write one of confluence, files"),
        ("name: a\n  kind: foldr\n  path: a", ":3: sources[0].kind: `foldr` can't be read; did you mean folder?"),
        ("name: a\n  kind: folder", ":2: sources[0]: `path` is missing; a source of kind folder needs it"),
        ("name: a\n  kind: folder\n  pth: a\n  path: a", ":4: sources[0].pth: unknown key; did you mean path?"),
        ("name: A b\n  kind: folder\n  path: a", ":2: sources[0].name: write small letters, digits"),
        (
            "name: a\n  kind: folder\n  path: a\n  audience: pubic",
            ":5: sources[0].audience: Input should be 'public'",
        ),
        ("name: a\n  kind: folder\n  path: a\n  refresh: 15", ":5: sources[0].refresh: write how often, e.g. 15m"),
        ("name: a\n  kind: folder\n  path: a\n  refresh: 0m", ":5: sources[0].refresh: write how often, e.g. 15m"),
        ("name: a\n  kind: folder\n  path: a\n  trust: total", ":5: sources[0].trust: Input should be 'high', 'normal' or 'low'"),
        ("name: a\n  kind: website\n  url: ftp://x", ":4: sources[0].url: write an address that starts with https://"),
        (
            "name: a\n  kind: website\n  url: https://u:p@x/",
            ":4: sources[0].url: has a password in it; name an",
        ),
        (
            "name: a\n  kind: website\n  url: https://x\n  allowed_hosts: [https://y]",
            "allowed_hosts[0]: write a host alone",
        ),
        ("name: a\n  kind: git\n  url: x\n  subfolder: ../y", ":5: sources[0].subfolder: write a path within the source"),
        ("name: a\n  kind: files\n  paths: []", ":4: sources[0].paths: Tuple should have at least 1 item"),
    ],
)
def test_a_bad_entry_is_told_with_its_line(entry: str, line: str):
    (problem,) = problems(f"sources:\n- {entry}\n")
    assert line in problem


def test_a_secret_in_the_file_is_refused_and_not_repeated():
    (problem,) = problems("sources:\n- name: a\n  kind: zammad\n  url: https://x\n  token_env: s3cret-hush\n")
    assert ":5: sources[0].token_env: write the NAME of an environment variable" in problem
    assert "hush" not in problem


def test_two_sources_of_one_name_and_all_problems_at_once():
    entry = "- {name: a, kind: folder, path: a}\n"
    found = problems(f"sources:\n{entry}{entry}- {{name: b, kind: folder, way: c}}\n")
    assert any(":3: sources[1].name: `a` is the name of sources[0] too; rename one" in problem for problem in found)
    assert any("sources[2].way: unknown key" in problem for problem in found)
    assert len(found) == 3


def test_a_kind_that_this_version_can_not_read_is_an_error():
    (problem,) = problems("sources:\n- {name: a, kind: website, url: https://x}\n", ("folder", "files"))
    assert "sources[0].kind: `website` can't be read; this version reads files, folder" in problem


def test_the_example_is_valid_as_it_is_and_with_all_of_it_uncommented():
    text = EXAMPLE.read_text(encoding="utf-8")
    assert [source.name for source in parse(text, tuple(READERS))] == ["help-centre"]
    everything = re.sub(r"^#(- |  (?=[a-z_]+: [^ ].*$))", r"\1", text.split("sources:\n", 1)[1], flags=re.MULTILINE)
    assert {source.kind_name for source in parse("sources:\n" + everything)} == set(KINDS)
