"""The process in which converters run: one line of JSON in (a path, or HTML), one line out (its text, or why not).

It has no settings, no secrets and no open files of the process that started it, a bound on its memory,
and dies by itself when one file takes too long, also when nobody is left who would stop it.
"""

import importlib
import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from knowledge.errors import SourceUnreadable
from knowledge.sources.converted import Converted, NotConverted

CONVERTERS = {
    ".docx": "knowledge.sources.docx:convert_docx",
    ".pptx": "knowledge.sources.pptx:convert_pptx",
    ".xlsx": "knowledge.sources.xlsx:convert_xlsx",
    ".html": "knowledge.sources.html:convert_html",
    ".htm": "knowledge.sources.html:convert_html",
    ".pdf": "knowledge.sources.pdf:convert_pdf",
}
"""Suffix to `module:function`; a converter is imported with the first file that needs it."""
WORK = {
    "page": "knowledge.sources.html:convert_page",
    "page_facts": "knowledge.sources.page:plain_page_facts",
    "fragment": "knowledge.sources.fragment:markdown_of_fragment",
    "confluence_page": "knowledge.sources.confluence_page:read_page",
}
"""What is made of HTML that is in no file: name to `module:function`, which takes and gives what JSON can hold."""
MAX_TEXT = 5_000_000
"""Characters of one file's text."""


def serve(converters: Mapping[str, str] = CONVERTERS) -> None:
    """Answer requests until the input ends. Arguments: the limits on memory (bytes) and on one file (seconds)."""
    memory, seconds = int(sys.argv[1]), float(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A converter that prints must not garble the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    for request in sys.stdin:
        # SIGALRM's default ends the process also inside C code.
        signal.setitimer(signal.ITIMER_REAL, seconds)
        answer = _answer(json.loads(request), converters)
        signal.setitimer(signal.ITIMER_REAL, 0)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _answer(request: dict[str, Any], converters: Mapping[str, str]) -> dict[str, object]:
    try:
        if "path" in request:
            return {"result": _convert(Path(request["path"]), converters).to_json()}
        return {"result": _function(WORK[request["work"]])(**request["values"])}
    except NotConverted as error:
        return {"reason": str(error)}
    except SourceUnreadable as error:
        return {"reason": error.reason}
    except MemoryError:
        return {"reason": "needs more memory than a file may take; split it"}
    except RecursionError:
        return {"reason": "is nested too deeply"}
    # The libraries raise whatever a damaged file makes them stumble over.
    except Exception as error:  # noqa: BLE001
        return {"reason": f"is damaged or can't be understood ({type(error).__name__}: {' '.join(str(error).split())[:200]})"}


def _convert(path: Path, converters: Mapping[str, str]) -> Converted:
    converted: Converted = _function(converters[path.suffix.lower()])(path)
    size = len(converted.text) + sum(len(value) for sheet in converted.sheets for row in sheet.rows for value in row)
    if size > MAX_TEXT:
        raise NotConverted(f"holds {size:,} characters of text, more than {MAX_TEXT:,}; split it")
    return converted


def _function(name: str) -> Callable[..., Any]:
    module, _, function = name.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found


if __name__ == "__main__":
    serve()
