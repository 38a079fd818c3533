"""Fetches Zammad's knowledge base over its REST API, from the one host that was named and no other.

Source: docs.zammad.org, API, Knowledge Base; zammad/zammad, KnowledgeBasesController#init: contents come
only for the ids that are asked for.
"""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx

from knowledge.errors import SourceUnreadable
from knowledge.sources.conversion import Converter
from knowledge.sources.skipping import OnSkip, unheard
from knowledge.sources.zammad import MAX_BYTES, Assets, assets_of, documents_of_assets
from knowledge.types import Document, SourceFailure

TIMEOUT_S = 30.0
"""To connect, and between two parts of an answer."""
WHOLE_S = 300.0
"""For one answer, or a server that drips would be read from for ever."""
BATCH = 100
"""Contents that are asked for at once."""
_PATH = "/api/v1/knowledge_bases/init"
_CONTENTS = "KnowledgeBaseAnswerTranslationContent"


def read_zammad(
    base_url: str,
    token: str,
    locales: Mapping[int, str] | None = None,
    on_skip: OnSkip = unheard,
    converter: Converter | None = None,
) -> Iterator[Document | SourceFailure]:
    """The answers that someone may read now; see `documents_of_assets`. Every document's source is `base_url`.

    The token needs `knowledge_base.reader`; it sees what its user may see. If a part can't be fetched, the one
    result is a failure, so that nothing is taken for gone. Without a `converter` one is started when it is needed.
    """
    base_url = base_url.rstrip("/")
    client = httpx.Client(
        headers={"Authorization": f"Token token={token}", "Accept": "application/json"},
        timeout=TIMEOUT_S,
        follow_redirects=False,
        # No proxy and no netrc: the request goes to the named host or nowhere.
        trust_env=False,
    )
    with client:
        try:
            assets = _fetched(client, base_url)
        except SourceUnreadable as error:
            yield SourceFailure(error.source, error.reason)
            return
    with converter or Converter() as used:
        yield from documents_of_assets(assets, base_url, locales or {}, datetime.now(UTC), on_skip, used.markdown)


def _fetched(client: httpx.Client, base_url: str) -> Assets:
    assets = dict(_posted(client, base_url, {}))
    translations = assets.get("KnowledgeBaseAnswerTranslation", {}).values()
    ids = sorted({int(one["content_id"]) for one in translations if one.get("content_id")})
    contents: dict[str, Any] = {}
    for start in range(0, len(ids), BATCH):
        answer = _posted(client, base_url, {"answer_translation_content_ids": ids[start : start + BATCH]})
        contents |= answer.get(_CONTENTS, {})
    return {**assets, _CONTENTS: contents}


def _posted(client: httpx.Client, base_url: str, body: Mapping[str, object]) -> Assets:
    try:
        with client.stream("POST", base_url + _PATH, json=body) as response:
            if response.is_redirect:
                target = response.headers.get("location", "")
                raise SourceUnreadable(base_url, f"sends on to {target}, which is not followed; name the right address")
            if response.status_code in {401, 403}:
                raise SourceUnreadable(
                    base_url, f"refused the token (HTTP {response.status_code}); it needs knowledge_base.reader"
                )
            if response.status_code != httpx.codes.OK:
                raise SourceUnreadable(base_url, f"answered HTTP {response.status_code}")
            raw = _body(response, base_url)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SourceUnreadable(base_url, f"can't be reached: {error or type(error).__name__}") from error
    return assets_of(raw.decode("utf-8", "replace"), base_url)


def _body(response: httpx.Response, base_url: str) -> bytes:
    deadline = time.monotonic() + WHOLE_S
    chunks: list[bytes] = []
    size = 0
    for chunk in response.iter_bytes():
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_BYTES:
            raise SourceUnreadable(base_url, f"sent more than {MAX_BYTES:,} bytes")
        if time.monotonic() > deadline:
            raise SourceUnreadable(base_url, f"took longer than {WHOLE_S:g} s to answer")
    return b"".join(chunks)
