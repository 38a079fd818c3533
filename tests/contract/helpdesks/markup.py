"""How helpdesks that keep HTML keep a message: as it is, or as the HTML of its plain text."""

import html

import lxml.html

from tests.contract.helpdesks.fake_desk import Entry


def as_html(entry: Entry) -> str:
    if entry.html:
        return entry.text
    return "<div>" + html.escape(entry.text).replace("\n", "<br>") + "</div>"


def as_text(entry: Entry) -> str:
    return str(lxml.html.fromstring(entry.text).text_content()) if entry.html else entry.text
