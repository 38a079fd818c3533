"""A title for what has none."""

import re
from pathlib import Path


def title_from_name(source: str) -> str:
    """The name of a file, as words."""
    words = re.sub(r"[-_]+", " ", Path(source).stem).strip()
    return words[:1].upper() + words[1:] if words else source
