"""What all report pages have in common: how their templates are read, and their head, `page_head.html`.

A page is one file that needs nothing else: no script, no outside resource, all text escaped.
"""

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined


def page_environment(package: str) -> Environment:
    """The templates of a package, which may import `page_head.html`."""
    return Environment(
        loader=ChoiceLoader([PackageLoader(package, ""), PackageLoader("knowledge", "")]),
        autoescape=True,  # questions, titles, quotes and replies are other people's text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
