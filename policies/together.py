"""What no file of a policy folder can know alone: locales, texts that are named, ids that are used twice. Pure.

A file that can't be read has its own problem, and no other file is blamed for what might stand in it.
"""

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TypeVar

from pydantic import BaseModel

from policies.actions import Action, placeholder_problems
from policies.canned import CannedFile
from policies.cases import NONE, CasesFile, PackCase
from policies.guidelines import NOUNS, GuidelinesFile, unknown_names
from policies.hours import HoursFile
from policies.knowledge import KnowledgeFile
from policies.pages import Location, Page
from policies.schema import REQUIRED_TEXTS, DisclosureFile, EscalationFile, PolicyFile
from policies.topics import TopicsFile

_Model = TypeVar("_Model", bound=BaseModel)
_RULES_OF = {EscalationFile: "triggers", GuidelinesFile: "guidelines", TopicsFile: "topics"}
"""The list of rules in a file, each with an id that no other rule of the folder has."""


def together_problems(pages: Mapping[str, Page], models: Mapping[str, BaseModel | None]) -> list[str]:
    """A line for each problem. `pages` and `models` are by the file's name; the model of one that could not be read is None."""
    policy = models.get("policy.yaml")
    locales = policy.locales if isinstance(policy, PolicyFile) else None
    problems: list[str] = []
    for name, model in models.items():
        if model is None:
            continue
        page = pages[name]
        match model:
            case DisclosureFile():
                problems += _locale_problems(page, ("text",), model.text, locales)
            case EscalationFile() | CannedFile():
                for key, by_locale in model.texts.items():
                    problems += _locale_problems(page, ("texts", key), by_locale, locales)
            case Action():
                problems += [page.problem(place, what) for place, what in model.problems()]
    return [*problems, *_text_problems(pages, models), *_duplicate_ids(pages, models), *_case_problems(pages, models)]


def _case_problems(pages: Mapping[str, Page], models: Mapping[str, BaseModel | None]) -> Iterator[str]:
    """Cases that can't be run, or that expect what there isn't. A rule folder with problems of its own is put right first."""
    if any(model is None for model in models.values()):
        return
    actions = {action.id: action for _, action in _all(models, Action)}
    known = {
        "guidelines": {rule.id for _, model in _all(models, GuidelinesFile) for rule in model.guidelines},
        "topic": {"otherwise", *(topic.id for _, model in _all(models, TopicsFile) for topic in model.topics)},
        "action": {NONE, *actions},
    }
    known["not_guidelines"] = known["guidelines"]
    triggers = {trigger.id for _, model in _all(models, EscalationFile) for trigger in model.triggers}
    known["rule"] = {NONE, *triggers, *known["topic"], *(rule for action in actions.values() for rule in action.rules)}
    once = sorted({*triggers, *known["guidelines"]})
    for name, model in _all(models, CasesFile):
        for index, case in enumerate(model.root):
            placed = list(case.problems(actions)) or [*_unknown_expected(case, known), *_unknown_used(case, once)]
            yield from (pages[name].problem((index, *place), what) for place, what in placed)


def _unknown_used(case: PackCase, known: Sequence[str]) -> Iterator[tuple[Location, str]]:
    for one in case.given.used:
        if one not in known:
            near = difflib.get_close_matches(one, known, n=1, cutoff=0.5)
            yield ("given", "used"), f"there is no `{one}`; {f'did you mean {near[0]}?' if near else 'see `policy explain`'}"


def _unknown_expected(case: PackCase, known: Mapping[str, Collection[str]]) -> Iterator[tuple[Location, str]]:
    for what, ids in known.items():
        expected = getattr(case.expect, what)
        for one in (expected,) if isinstance(expected, str) else expected or ():
            if one not in ids:
                near = difflib.get_close_matches(one, sorted(ids), n=1, cutoff=0.5)
                hint = f"did you mean {near[0]}?" if near else "see `policy explain`"
                yield ("expect", what), f"there is no `{one}`; {hint}"


def _text_problems(pages: Mapping[str, Page], models: Mapping[str, BaseModel | None]) -> Iterator[str]:
    """Texts that are named and aren't there, and placeholders that nothing fills."""
    escalation = models.get("escalation.yaml")
    if not isinstance(escalation, EscalationFile):
        return
    canned = {key: (name, text) for name, model in _all(models, CannedFile) for key, text in model.texts.items()}
    texts = {**escalation.texts, **{key: text for key, (_, text) in canned.items()}}
    page = pages["escalation.yaml"]
    for key in REQUIRED_TEXTS:
        if key not in escalation.texts:
            yield page.problem(("texts",), f"`{key}` is missing; the agent needs it, add it")
    are_texts_read = _are_read(models, "canned/", "escalation.yaml")
    for index, trigger in enumerate(escalation.triggers if are_texts_read else ()):
        yield from _missing_text(page, ("triggers", index, "say"), trigger.say, texts)
        yield from _filled(page, ("triggers", index, "say"), trigger.say, texts, ())
    for name, place, key, names in _named(models) if are_texts_read else ():
        yield from _missing_text(pages[name], place, key, texts)
        yield from _filled(pages[name], place, key, texts, names)
    yield from _guideline_problems(pages, models, texts)
    said = {key for _, action in _all(models, Action) for key in action.texts.values()}
    for key, (name, _) in canned.items():
        if key not in said and _are_read(models, "actions/"):
            yield from _filled(pages[name], ("texts", key), key, texts, ())
        if key in escalation.texts:
            yield pages[name].problem(("texts", key), f"`{key}` is already used in escalation.yaml; rename one")


def _guideline_problems(
    pages: Mapping[str, Page], models: Mapping[str, BaseModel | None], texts: Mapping[str, Mapping[str, str]]
) -> Iterator[str]:
    """Guidelines that name another, a topic or a text that isn't there."""
    if not _are_read(models, "guidelines/", "topics.yaml", "canned/", "escalation.yaml"):
        return
    known = [rule.id for _, file in _all(models, GuidelinesFile) for rule in file.guidelines]
    topics = [topic.id for _, file in _all(models, TopicsFile) for topic in file.topics]
    for name, file in _all(models, GuidelinesFile):
        for index, rule in enumerate(file.guidelines):
            for place, unknown, there in unknown_names(rule, known, topics, texts):
                near = difflib.get_close_matches(unknown, there, n=1)
                hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(there) or 'none'}"
                what = f"there is no {NOUNS[place[0]]} `{unknown}`; {hint}"
                yield pages[name].problem(("guidelines", index, *place), what)
            if rule.say is not None:
                yield from _filled(pages[name], ("guidelines", index, "say"), rule.say, texts, ())


def _named(models: Mapping[str, BaseModel | None]) -> Iterator[tuple[str, Location, str, tuple[str, ...]]]:
    """Texts that are named outside of escalation.yaml: file, place, id, and what may be filled in."""
    for name, hours in _all(models, HoursFile):
        if hours.closed is not None:
            yield name, ("closed",), hours.closed, ()
    for name, knowledge in _all(models, KnowledgeFile):
        yield name, ("no_answer",), knowledge.no_answer, ()
    for name, action in _all(models, Action):
        yield from ((name, place, key, action.names) for place, key in action.texts.items())


def _missing_text(page: Page, at: Location, key: str, texts: Collection[str]) -> Iterator[str]:
    if key not in texts:
        near = difflib.get_close_matches(key, texts, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(texts)}"
        yield page.problem(at, f"there is no text `{key}`; {hint}")


def _filled(page: Page, at: Location, key: str, texts: Mapping[str, Mapping[str, str]], names: tuple[str, ...]) -> Iterator[str]:
    problems = {what for text in texts.get(key, {}).values() for what in placeholder_problems(text, names)}
    for what in sorted(problems):
        yield page.problem(at, f"the text `{key}` has {what}")


def _are_read(models: Mapping[str, BaseModel | None], *starts: str) -> bool:
    """True if no file whose name begins so is unreadable."""
    return not any(model is None and name.startswith(starts) for name, model in models.items())


def _all(models: Mapping[str, BaseModel | None], kind: type[_Model]) -> Iterator[tuple[str, _Model]]:
    return ((name, model) for name, model in models.items() if isinstance(model, kind))


def _locale_problems(page: Page, at: Location, texts: Mapping[str, str], locales: tuple[str, ...] | None) -> list[str]:
    if locales is None:
        return []
    missing = [page.problem(at, f"locale `{locale}` is missing; add it") for locale in locales if locale not in texts]
    extra = [locale for locale in texts if locale not in locales]
    return missing + [page.problem((*at, locale), "this locale is not in policy.yaml; add it there") for locale in extra]


def _duplicate_ids(pages: Mapping[str, Page], models: Mapping[str, BaseModel | None]) -> Iterator[str]:
    first: dict[str, str] = {}
    for name, model in models.items():
        if isinstance(model, Action):
            placed: list[tuple[Location, str]] = [(("id",), model.id)]
        elif isinstance(model, CannedFile):
            placed = [(("texts", key), f"text {key}") for key in model.texts]
        else:
            list_name = _RULES_OF.get(type(model), "") if model else ""
            placed = [((list_name, n, "id"), rule.id) for n, rule in enumerate(getattr(model, list_name, ()))]
        for at, rule_id in placed:
            if rule_id in first:
                yield pages[name].problem(at, f"`{rule_id}` is already used in {first[rule_id]}; rename one")
            first.setdefault(rule_id, name)
