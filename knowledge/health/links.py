"""Links in articles: which article of the knowledge base each leads to, or that there is none. Pure; nothing is fetched.

A link can only be called broken if the knowledge base would have what it leads to: a relative path to an article, an
anchor in a known article, or a URL beside the known articles' own URLs. All others are counted by host.
"""

import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from markdown_it import MarkdownIt

from knowledge.health.report import Finding, Kind, LinkHost, Severity
from knowledge.health.shelf import Article
from knowledge.markdown_parser import markdown_parser
from knowledge.types import Audience, Passage

SIBLINGS = 3
"""So many articles must have URLs in one folder of a site before a URL there that none has counts as broken."""
_ARTICLE_SUFFIXES = frozenset(["", ".md", ".markdown", ".html", ".htm", ".txt"])
_BARE_URL = re.compile(r"https?://[^\s<>()\[\]\"'`|]+", re.IGNORECASE)
_FILE_SUFFIXES = frozenset([".md", ".markdown"])
_ELSEWHERE = frozenset(["mailto", "tel", "sms", "javascript", "data", "ftp"])
_EXPLICIT_ID = re.compile(r"(?:\bid|\bname)\s*=\s*[\"']([^\"']+)[\"']|\{#([\w-]+)\}")
_BOLD_LINE = re.compile(r"^\s*\*\*(.+?)\*\*\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Link:
    """A link in a passage; `text` is what a reader clicks on."""

    article: Article
    passage: Passage
    target: str
    text: str
    reached: tuple[Article, ...] | None
    """The articles that it leads to; () if there should be one and is none; None if that can't be known."""


class Directory:
    """Finds articles by path, id and URL."""

    def __init__(self, articles: Sequence[Article]) -> None:
        self._by_name: dict[str, list[Article]] = {}
        self._by_url: dict[str, list[Article]] = {}
        self._names_by_end: dict[str, list[str]] = {}
        self._anchors: dict[tuple[str, str], frozenset[str]] = {}
        folders: Counter[str] = Counter()
        for article in articles:
            for name in {_bare(article.source), _bare(str(article.doc_id))}:
                self._by_name.setdefault(name, []).append(article)
            for url in {u for u in (article.url, article.source) if u and "://" in u}:
                self._by_url.setdefault(_url_key(urlsplit(url)), []).append(article)
            if article.url and "://" in article.url:
                folders[posixpath.dirname(_url_key(urlsplit(article.url)))] += 1
        for name in self._by_name:
            self._names_by_end.setdefault(posixpath.basename(name), []).append(name)
        self._known_folders = {folder for folder, count in folders.items() if count >= SIBLINGS}

    def at_url(self, url: SplitResult) -> list[Article]:
        """The articles of this URL."""
        return self._by_url.get(_url_key(url), [])

    def should_know(self, url: SplitResult) -> bool:
        """True if the URL stands where the articles stand."""
        return posixpath.dirname(_url_key(url)) in self._known_folders

    def at_path(self, article: Article, path: str) -> list[Article]:
        """The articles that a relative path in an article leads to, from its file, its id, or the root of the site."""
        path = unquote(path)
        starts = [article.source, str(article.doc_id)] if "://" not in article.source else [str(article.doc_id)]
        joined = [posixpath.join(posixpath.dirname(start), path) for start in starts]
        for name in (_bare(one) for one in (*joined, path.lstrip("/"))):
            if found := self._by_name.get(name) or self._by_name.get(posixpath.join(name, "index")):
                return found
        return [one for name in self._names_by_end.get(posixpath.basename(_bare(path)), []) for one in self._rooted(name, path)]

    def has_anchor(self, article: Article, anchor: str) -> bool:
        """True if a heading of the article, or an id that it sets, gives this anchor."""
        key = (article.doc_id, article.audience)
        if key not in self._anchors:
            self._anchors[key] = _anchors(article)
        return anchor.casefold() in self._anchors[key]

    def _rooted(self, name: str, path: str) -> list[Article]:
        """For `/articles/pets`, whose root nobody knows. A bare word could be anything."""
        tail = _bare(path.lstrip("/"))
        return self._by_name[name] if path.startswith("/") and "/" in tail and name.endswith("/" + tail) else []


def find_links(articles: Sequence[Article], directory: Directory) -> Iterator[Link]:
    """Every Markdown link and every bare URL, in reading order. Images are no links."""
    for article in articles:
        for passage in article.passages:
            if "](" in passage.text or "://" in passage.text or "]:" in passage.text:
                for target, text in _targets(passage.text):
                    yield Link(article, passage, target, text, resolve(target, article, directory))


def broken_links(links: Sequence[Link], directory: Directory) -> Iterator[Finding]:
    """Links to articles, and to headings in them, that don't exist."""
    for link in links:
        if link.reached is None:
            continue
        if not link.reached:
            seen = f"The link {link.target} leads to no article of the knowledge base."
            severity, action = Severity.MEDIUM, "Correct the link, remove it, or ingest what it leads to."
        elif not any(directory.has_anchor(article, _anchor(link)) for article in link.reached):
            where = "in this article" if link.target.startswith("#") else f"in “{link.reached[0].title}”"
            seen = f"The link {link.target} leads to a heading that does not exist {where}."
            severity, action = Severity.LOW, "Correct the part after #, or leave it out."
        else:
            continue
        yield Finding(Kind.LINK, severity, seen, action, (link.article.place(link.passage, link.text),))


def leaking_links(links: Sequence[Link]) -> Iterator[Finding]:
    """Public articles that link to what only agents may read."""
    for link in links:
        if link.article.audience is not Audience.PUBLIC or not link.reached:
            continue
        if all(article.audience is Audience.INTERNAL for article in link.reached):
            target = link.reached[0]
            yield Finding(
                Kind.AUDIENCE,
                Severity.HIGH,
                f"A public article links to the internal article “{target.title}” ({link.target}).",
                "Remove the link, or make the article it leads to public if it may be.",
                (link.article.place(link.passage, link.text), target.place()),
            )


def unchecked_hosts(links: Sequence[Link]) -> tuple[LinkHost, ...]:
    """External links by host, the most linked first."""
    hosts = (_host(link) for link in links if link.reached is None)
    counts = Counter(host for host in hosts if host)
    return tuple(LinkHost(host, count) for host, count in sorted(counts.items(), key=lambda row: (-row[1], row[0])))


def resolve(target: str, article: Article, directory: Directory) -> tuple[Article, ...] | None:
    """What `Link.reached` says of a link in an article."""
    try:
        url = urlsplit(target)
    except ValueError:
        return ()
    if url.scheme in _ELSEWHERE:
        return None
    if target.startswith("#"):
        return (article,)
    if url.scheme or url.netloc:
        return tuple(directory.at_url(url)) or (() if directory.should_know(url) else None)
    if found := directory.at_path(article, url.path):
        return tuple(found)
    return _resolve_on_site(target, url, article, directory)


def _resolve_on_site(target: str, url: SplitResult, article: Article, directory: Directory) -> tuple[Article, ...] | None:
    """A relative link that no file answers, seen from the article's own URL."""
    base = _base(article)
    suffix = posixpath.splitext(url.path)[1].lower()
    # No site serves Markdown: such a link means a file beside the article's own.
    if base and suffix not in _FILE_SUFFIXES:
        absolute = urlsplit(urljoin(base, target))
        if found := directory.at_url(absolute):
            return tuple(found)
        if not directory.should_know(absolute):
            return None
    is_article = suffix in _ARTICLE_SUFFIXES and bool(url.path.strip("/"))
    return () if is_article else None


def _targets(text: str) -> Iterator[tuple[str, str]]:
    for block in _parser().parse(text):
        target, label = "", ""
        for token in block.children or ():
            if token.type == "link_open":
                target, label = str(token.attrGet("href") or ""), ""
            elif token.type == "link_close":
                if target:
                    yield target, label
                target = ""
            elif target:
                label += token.content
            elif token.type == "text":
                yield from ((url := match[0].rstrip(".,;:!?"), url) for match in _BARE_URL.finditer(token.content))


@cache
def _parser() -> MarkdownIt:
    return markdown_parser(html=False)


def _host(link: Link) -> str:
    try:
        return urlsplit(urljoin(_base(link.article), link.target)).hostname or ""
    except ValueError:
        return ""


def _base(article: Article) -> str:
    return next((url for url in (article.url, article.source) if url and "://" in url), "")


def _anchor(link: Link) -> str:
    return unquote(urlsplit(link.target).fragment)


def _url_key(url: SplitResult) -> str:
    """Scheme, query and fragment don't tell articles apart, nor does a slash or a suffix at the end."""
    path = unquote(url.path).rstrip("/")
    return f"{(url.hostname or '').removeprefix('www.')}{_bare(path) if path else ''}"


def _bare(path: str) -> str:
    """A path without the suffix of an article, `.` and `..`."""
    path = posixpath.normpath(path) if path else ""
    stem, suffix = posixpath.splitext(path)
    return (stem if suffix.lower() in _ARTICLE_SUFFIXES else path).casefold()


def _anchors(article: Article) -> frozenset[str]:
    """Every anchor that the headings of an article could have, and those that it names itself."""
    found: set[str] = {"", "top"}
    for passage in article.passages:
        found.update(id_ or other for id_, other in _EXPLICIT_ID.findall(passage.text))
        titles = (article.title, *passage.heading_path, *_BOLD_LINE.findall(passage.text))
        # Small sections are joined to their neighbour under all their headings in bold.
        for title in (part for whole in titles for part in (whole, *whole.split(" – "))):
            found |= {_slug(title), re.sub(r"-+", "-", _slug(title))}
    numbered = {f"{anchor}-{n}" for anchor in found for n in range(1, 4)}
    return frozenset(anchor.casefold() for anchor in found | numbered)


def _slug(title: str) -> str:
    """As GitHub and most static sites make it: lower case, hyphens for spaces, no punctuation."""
    return re.sub(r"[^\w\- ]", "", title.strip().casefold()).replace(" ", "-")
