"""Exports of other systems, in the structure that these systems write."""

import json
from pathlib import Path
from typing import Any

ANSWERS = {
    # published_at, internal_at, archived_at
    1: (None, "2025-03-12T14:52:38.014Z", None),
    2: (None, None, None),
    3: ("2025-03-12T14:52:21.767Z", None, None),
    4: ("2025-01-01T00:00:00.000Z", None, "2025-02-01T00:00:00.000Z"),
    5: ("2099-01-01T00:00:00.000Z", None, None),
    6: ("2099-01-01T00:00:00.000Z", "2025-01-01T00:00:00.000Z", None),
    7: ("2025-01-01T00:00:00.000Z", None, None),
}


def zammad_assets() -> dict[str, dict[str, Any]]:
    category = {"knowledge_base_id": 1, "permission_ids": []}
    titles = {1: "Answer 1", 3: "Answer B"}
    body = "<h2>Dogs</h2><p>Two dogs.</p>( widget: video, provider: youtube, id: vTTzwJsHpU8 )"
    return {
        "KnowledgeBase": {"1": {"id": 1, "active": True}},
        "KnowledgeBaseLocale": {"1": {"id": 1, "system_locale_id": 1, "primary": True}},
        "KnowledgeBaseCategory": {
            "1": {"id": 1, "parent_id": None, "translation_ids": [1], **category},
            "2": {"id": 2, "parent_id": 1, "translation_ids": [2], **category},
        },
        "KnowledgeBaseCategoryTranslation": {
            "1": {"id": 1, "title": "House", "kb_locale_id": 1, "category_id": 1},
            "2": {"id": 2, "title": "Pets", "kb_locale_id": 1, "category_id": 2},
        },
        "KnowledgeBaseAnswer": {
            str(key): {
                "id": key,
                "category_id": 2,
                "published_at": published,
                "internal_at": internal,
                "archived_at": archived,
                "updated_at": "2025-03-12T14:52:21.778Z",
                "translation_ids": [key],
                "tags": ["dogs"],
            }
            for key, (published, internal, archived) in ANSWERS.items()
        },
        "KnowledgeBaseAnswerTranslation": {
            str(key): {
                "id": key,
                "title": titles.get(key, f"Answer {key}"),
                "kb_locale_id": 1,
                "answer_id": key,
                "content_id": key,
                "updated_at": "2025-03-13T14:52:05.925Z",
            }
            for key in ANSWERS
        },
        "KnowledgeBaseAnswerTranslationContent": {
            str(key): {"id": key, "body": body, "attachments": []} for key in ANSWERS if key != 7
        },
    }


def zendesk_article(key: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": key,
        "title": f"Article {key}",
        "body": "<p>Two dogs.</p>",
        "locale": "en-us",
        "html_url": f"https://help.example/hc/en-us/articles/{key}",
        "draft": False,
        "section_id": 11,
        "user_segment_id": None,
        "updated_at": "2026-02-03T04:05:06Z",
        "label_names": ["pets"],
        **changes,
    }


def put_zendesk(folder: Path, articles: list[dict[str, Any]], count: int | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    page = {"articles": articles, "count": len(articles) if count is None else count, "next_page": None}
    (folder / "articles.json").write_text(json.dumps(page))
    sections = [
        {"id": 10, "name": "Animals", "category_id": 1, "parent_section_id": None},
        {"id": 11, "name": "Dogs", "category_id": 1, "parent_section_id": 10},
    ]
    (folder / "sections.json").write_text(json.dumps({"sections": sections}))
    (folder / "categories.json").write_text(json.dumps({"categories": [{"id": 1, "name": "House"}]}))
    return folder


def _page(key: int, title: str, parent: int | None = None, status: str = "current", original: int | None = None) -> str:
    package = 'package="com.atlassian.confluence.pages"'
    links = "".join(
        f'<property name="{name}" class="Page" {package}><id name="id">{value}</id></property>'
        for name, value in (("parent", parent), ("originalVersion", original))
        if value is not None
    )
    return f"""<object class="Page" {package}><id name="id">{key}</id>
<property name="hibernateVersion">5</property><property name="title"><![CDATA[{title}]]></property>
<collection name="bodyContents" class="java.util.Collection"><element class="BodyContent" package="com.atlassian.confluence.core">
<id name="id">{key + 1000}</id></element></collection><property name="version">3</property>{links}
<property name="lastModificationDate">2026-01-0{key % 9 + 1} 16:07:42.492</property>
<property name="versionComment"><![CDATA[]]></property>
<property name="contentStatus"><![CDATA[{status}]]></property></object>"""


def _body(key: int, text: str, body_type: int = 2) -> str:
    return f"""<object class="BodyContent" package="com.atlassian.confluence.core"><id name="id">{key + 1000}</id>
<property name="body"><![CDATA[{text}]]></property>
<property name="content" class="Page" package="com.atlassian.confluence.pages"><id name="id">{key}</id></property>
<property name="bodyType">{body_type}</property></object>"""


def _restriction(key: int, kind: str) -> str:
    return f"""<object class="ContentPermissionSet" package="com.atlassian.confluence.security"><id name="id">{key + 5000}</id>
<property name="type"><![CDATA[{kind}]]></property>
<property name="owningContent" class="Page" package="com.atlassian.confluence.pages">
<id name="id">{key}</id></property></object>"""


ENTITIES = f"""<?xml version="1.0" encoding="UTF-8"?>
<hibernate-generic datetime="2026-01-09 16:12:01">
<object class="Space" package="com.atlassian.confluence.spaces"><id name="id">32973</id>
<property name="name"><![CDATA[Guest house]]></property><property name="key"><![CDATA[GH]]></property></object>
{_body(1, "<p>Welcome.</p>")}
{_page(1, "Home")}
{_page(2, "Pets", 1)}{_body(2, '<p>Two&nbsp;dogs.</p><ac:structured-macro ac:name="toc" />')}
{_page(3, "Pets", 1, original=2)}{_body(3, "<p>One dog, long ago.</p>")}
{_page(4, "Plans", 1, status="draft")}{_body(4, "<p>Not yet.</p>")}
{_page(5, "Bin", 1, status="deleted")}{_body(5, "<p>Thrown away.</p>")}
{_page(6, "Goodwill", 1)}{_body(6, "<p>Up to 80 euros.</p>")}{_restriction(6, "View")}
{_page(7, "Goodwill table", 6)}{_body(7, "<p>80 euros after ten nights.</p>")}
{_page(8, "Edited by few", 1)}{_body(8, "<p>All may read.</p>")}{_restriction(8, "Edit")}
{_page(9, "Old markup", 1)}{_body(9, "h1. Old", 0)}
<object class="BlogPost" package="com.atlassian.confluence.pages"><id name="id">20</id>
<property name="title"><![CDATA[News]]></property><property name="contentStatus"><![CDATA[current]]></property></object>
</hibernate-generic>"""

HTML_PAGE = """<!DOCTYPE html><html><head><title>Guest house : Pets</title><link rel="stylesheet" href="styles/site.css" /></head>
<body class="theme-default aui-theme-default"><div id="page"><div id="main" class="aui-page-panel"><div id="main-header">
<div id="breadcrumb-section"><ol id="breadcrumbs"><li class="first"><span><a href="index.html">Guest house</a></span></li>
<li><span><a href="Rules_1.html">Rules</a></span></li></ol></div>
<h1 id="title-heading" class="pagetitle"><span id="title-text">Guest house : Pets</span></h1></div>
<div id="content" class="view"><div class="page-metadata">Created by <span class='author'> Ann</span>,
 last modified by <span class='editor'> Bob</span> on Nov 09, 2025</div>
<div id="main-content" class="wiki-content group"><p>Two dogs.</p><h2>Fees</h2><p>4 euros.</p></div>
<div class="pageSection group"><h2 id="attachments">Attachments:</h2></div></div></div>
<div id="footer" role="contentinfo"><p>Document generated by Confluence on Jan 09, 2026 16:12</p></div></div></body></html>"""
