"""Makes django-helpdesk show words as they are: it takes a comment for a Django template and for Markdown. Pure.

Source: django-helpdesk 2.6.1, `update_ticket.py` (the comment is rendered as a template, with parts of the ticket in its reach)
and `models.py`, `get_markdown`; Django, "The Django template language"; Python-Markdown, "Syntax".
"""

import re

_BEGINS = re.compile(r"\{(?=[{%#])")
_ENDS = re.compile(r"%\}")
_LINK = re.compile(r"\](?=\()")
_DEFINITION = re.compile(r"^([ \t>]*)\[(?=[^\]\n]*\]:)", re.MULTILINE)
_ADDRESS = re.compile(r"<(?=[^\s<>]*[:@][^\s<>]*>)")


def literal(text: str) -> str:
    """Markdown whose links and images are text, and in which nothing is a template's variable, tag or comment."""
    return _no_template(no_links(text))


def no_links(text: str) -> str:
    r"""The same, without `[x](y)`, `![x](y)`, `[x]: y` and `<y>`: what a model writes must not lead anywhere."""
    text = _LINK.sub(r"]\\", text)
    text = _DEFINITION.sub(r"\1\\[", text)
    return _ADDRESS.sub("< ", text)


def _no_template(text: str) -> str:
    # django-helpdesk itself puts `verbatim` around tags, which fails where one isn't closed. So no tag is left to it: a brace
    # becomes a variable that is a brace.
    return _ENDS.sub('%{{ "}" }}', _BEGINS.sub('{{ "{" }}', text))
