"""Reads a source of `sources.yaml`, whatever its kind, and says where each document came from."""

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from knowledge.errors import KnowledgeError, SourceUnreadable
from knowledge.sources.confluence import read_confluence_export
from knowledge.sources.crawl import Watchers
from knowledge.sources.files import read_sources
from knowledge.sources.git_checkout import Repository, read_git_checkout
from knowledge.sources.kinds import BaseSource, FilesSource, FolderSource, GitSource, WebsiteSource, ZammadSource
from knowledge.sources.listing import load_listing
from knowledge.sources.web_files import WebFiles
from knowledge.sources.website import Website, read_website
from knowledge.sources.zammad_api import read_zammad
from knowledge.sources.zendesk import read_zendesk_export
from knowledge.types import Document, DocumentId, SourceFailure

_log = logging.getLogger(__name__)


def load_sources(path: Path) -> tuple[BaseSource, ...]:
    """The sources that a listing names. Raises `ListingInvalid`."""
    return load_listing(path, READERS)


def open_source(source: BaseSource, cache_dir: Path) -> Iterator[Document | SourceFailure]:
    """Its documents, and what of it can't be read. A source that can't be opened, or breaks off, is a failure by its name."""
    try:
        for found in READERS[source.kind_name](source, cache_dir):
            yield _labelled(found, source)
    except (KnowledgeError, OSError) as error:
        reason = error.reason if isinstance(error, SourceUnreadable) else str(error)
        yield SourceFailure(source.name, reason, source.name)


def _read_folder(source: FolderSource, cache_dir: Path) -> Iterator[Document | SourceFailure]:
    if not source.path.is_dir():
        what = "is a file; write `kind: files`" if source.path.is_file() else "is no folder, or is not mounted"
        raise SourceUnreadable(str(source.path), f"{source.path} {what}")
    yield from read_sources([source.path], source.audience)


def _read_files(source: FilesSource, cache_dir: Path) -> Iterator[Document | SourceFailure]:
    missing = [path for path in source.paths if not path.exists()]
    yield from (SourceFailure(str(path), "no such file") for path in missing)
    yield from read_sources([path for path in source.paths if path not in missing], source.audience)


def _labelled(found: Document | SourceFailure, source: BaseSource) -> Document | SourceFailure:
    if isinstance(found, SourceFailure):
        return replace(found, origin=source.name)
    return replace(
        found,
        doc_id=DocumentId(source.id_prefix + found.doc_id),
        language=found.language or source.language,
        origin=source.name,
        owner=source.owner,
        trust=source.trust,
    )


def _read_git(source: GitSource, cache_dir: Path) -> Iterator[Document | SourceFailure]:
    remote, host = source.url, urlsplit(source.url).hostname
    if source.token_env and source.url.startswith("https://"):
        remote = source.url.replace("https://", f"https://token:{quote(secret(source.token_env), safe='')}@", 1)
    if host is None and "@" in source.url:
        host = source.url.partition("@")[2].partition(":")[0]
    repository = Repository(remote, source.ref or "HEAD", source.subfolder or "")
    return read_git_checkout(repository, cache_dir, {host} if host else (), source.audience)


def _read_website(source: WebsiteSource, cache_dir: Path) -> Iterator[Document | SourceFailure]:
    site = Website(
        url=source.url,
        allowed_hosts=frozenset({urlsplit(source.url).netloc.rpartition("@")[2], *source.allowed_hosts}),
        max_pages=source.max_pages,
        max_depth=source.max_depth,
        include=source.include,
        exclude=source.exclude,
        ca_file=str(source.ca_file) if source.ca_file else None,
        default_audience=source.audience,
        language=source.language,
    )
    with WebFiles(source.audience, left_out) as files:
        yield from read_website(site, files.convert, Watchers(_broken_link, left_out))


def _read_zammad(source: ZammadSource, cache_dir: Path) -> Iterator[Document | SourceFailure]:
    return read_zammad(source.url, secret(source.token_env), source.locales, left_out)


def left_out(name: str, reason: str) -> None:
    """Say what a source holds and is not for readers, or is no document: it is no failure, and not silent either."""
    _log.info("left out of the knowledge base: %s: %s", name, reason)


def _broken_link(page: str, link: str, status: int) -> None:
    _log.warning("broken link on %s: %s answers %d", page, link, status)


def secret(variable: str) -> str:
    """The value of an environment variable that a source names.

    Raises:
        SourceUnreadable: it isn't set.
    """
    if not (value := os.environ.get(variable, "")):
        raise SourceUnreadable(variable, f"the environment variable {variable} is not set; it holds the token of this source")
    return value


READERS: dict[str, Callable[[Any, Path], Iterator[Document | SourceFailure]]] = {
    "folder": _read_folder,
    "files": _read_files,
    "git": _read_git,
    "website": _read_website,
    "zammad": _read_zammad,
    "confluence": lambda source, cache_dir: read_confluence_export(source.path, source.audience, left_out),
    "zendesk": lambda source, cache_dir: read_zendesk_export(source.path, source.audience, on_skip=left_out),
}
"""Every kind that can be read, with the folder for what is fetched. A kind that is not here is an error in the listing."""
