"""Presidio's pattern recognisers, and nothing of its engine. The only importer of presidio-analyzer.

Its package imports spaCy, and that torch: seven seconds and 430 MB in a process that only wants a regular expression and a
checksum (2.2.366 on two cores; the modules taken alone: 0.06 s and a few MB). No recogniser used here needs them. So its
packages are entered without running what stands in their `__init__`, which is where the engine comes from.

Its recogniser for e-mail is not used: it asks the network for a list of domain suffixes. Nor is its `analyze`, which compares
every find with every other one, and takes minutes for a text that is made to have many.
"""

import importlib
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import regex

from agent.errors import SettingsInvalid

_PACKAGE = "presidio_analyzer"
_RECOGNIZERS = f"{_PACKAGE}.predefined_recognizers"
_NAMES = {
    # In the order of their imports. They find each other in the package, which its own `__init__` would fill.
    "analysis_explanation": "AnalysisExplanation",
    "recognizer_result": "RecognizerResult",
    "entity_recognizer": "EntityRecognizer",
    "local_recognizer": "LocalRecognizer",
    "pattern": "Pattern",
    "pattern_recognizer": "PatternRecognizer",
}
_entering = threading.Lock()


@dataclass(frozen=True, slots=True)
class Recogniser:
    """One of Presidio's: its patterns, compiled, and its checks."""

    patterns: tuple[Any, ...]
    own: Any

    def is_valid(self, text: str) -> bool:
        """What its checksum says of a value; True where it has none. Its checks of what can't be issued count, too."""
        return self.own.validate_result(text) is not False and not self.own.invalidate_result(text)

    def is_proved(self, text: str) -> bool:
        """True if it has a checksum that fits. Some recognisers say nothing of one that doesn't."""
        return self.own.validate_result(text) is True and not self.own.invalidate_result(text)

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Where values stand that pass its checks; in linear time."""
        for pattern in self.patterns:
            for found in pattern.finditer(text):
                if found.end() > found.start() and self.is_valid(found.group()):
                    yield found.span()


@cache
def recogniser(place: str, name: str) -> Recogniser:
    """One recogniser.

    Args:
        place: its module under `predefined_recognizers`, e.g. `generic.ip_recognizer`.
        name: of its class.

    Raises:
        SettingsInvalid: presidio-analyzer is missing, or not the release that this was written for.
    """
    try:
        own = getattr(_module(f"{_RECOGNIZERS}.{place}"), name)()
    except (ImportError, AttributeError) as error:
        raise SettingsInvalid(
            f"personal data can't be found without {_PACKAGE} ({error}): install Innkeeper with its constraints file."
        ) from error
    return Recogniser(tuple(regex.compile(one.regex, own.global_regex_flags) for one in own.patterns), own)


@cache
def iban_forms() -> dict[str, Any]:
    """The form of an IBAN by country; a match's end is where it ends."""
    found = _module(f"{_RECOGNIZERS}.generic.iban_patterns").regex_per_country
    return {country: regex.compile(pattern) for country, pattern in found.items()}


def _module(name: str) -> ModuleType:
    with _entering:
        if _PACKAGE not in sys.modules:
            _enter()
        return importlib.import_module(name)


def _enter() -> None:
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(f"no package {_PACKAGE}")
    root = spec.submodule_search_locations[0]
    package = _bare(_PACKAGE, root)
    _bare(f"{_PACKAGE}.nlp_engine", f"{root}/nlp_engine").__dict__["NlpArtifacts"] = object  # for annotations alone
    _bare(_RECOGNIZERS, f"{root}/predefined_recognizers")
    _bare(f"{_RECOGNIZERS}.generic", f"{root}/predefined_recognizers/generic")
    for module, name in _NAMES.items():
        setattr(package, name, getattr(importlib.import_module(f"{_PACKAGE}.{module}"), name))


def _bare(name: str, folder: str) -> ModuleType:
    """A package whose modules can be imported, without what it does itself."""
    module = ModuleType(name)
    module.__path__ = [folder]
    sys.modules[name] = module
    return module
