"""Makes django-helpdesk show words as they are: it takes a comment for a Django template, for Markdown and for HTML. Pure.

The customer's page shows a comment as plain text, the staff's renders it as Markdown, and the HTML part of a mail takes it for
HTML, whose lines end where a form's do.

Source: django-helpdesk 2.6.1, `update_ticket.py` (the comment is rendered as a template, with parts of the ticket in its reach),
`models.py`, `get_markdown`, and `templated_email.py` (nothing of the comment is escaped); Django, "The Django template
language"; Python-Markdown, "Syntax"; HTML Standard, "Tag open state".
"""

import re

_BEGINS = re.compile(r"\{(?=[{%#])")
_ENDS = re.compile(r"%\}")
_LINK = re.compile(r"\](?=\()")
_DEFINITION = re.compile(r"^([ \t>]*)\[(?=[^\]\n]*\]:)", re.MULTILINE)
_TAG = re.compile(r"<(?=[A-Za-z/!?]|[^\s<>]*[:@][^\s<>]*>)")
_LINE_END = re.compile(r"\r?\n")


def literal(text: str) -> str:
    """What `no_links` leaves, with nothing in it that is a template's variable, tag or comment, and with the lines of a form."""
    return _LINE_END.sub("\r\n", _no_template(no_links(text)))


def no_links(text: str) -> str:
    r"""Without `[x](y)`, `![x](y)`, `[x]: y`, `<y>` and tags: what a model writes must not lead or load anything anywhere."""
    text = _LINK.sub(r"]\\", text)
    text = _DEFINITION.sub(r"\1\\[", text)
    return _TAG.sub("< ", text)


def _no_template(text: str) -> str:
    # django-helpdesk itself puts `verbatim` around tags, which fails where one isn't closed. So no tag is left to it: a brace
    # becomes a variable that is a brace.
    return _ENDS.sub('%{{ "}" }}', _BEGINS.sub('{{ "{" }}', text))
