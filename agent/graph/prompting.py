"""The draft prompt, and what comes back. Pure.

Three things hold for each prompt: it stays within its share of `PROMPT_TOKENS`; what a prefix cache can keep comes first,
the part that all turns share and then what was said, which only grows from turn to turn; and the customer's text and the
passages are fenced: nothing in them can end the fence or look like a control token of a chat template.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from agent.completions import Prompt
from agent.model_profiles import BYTES_PER_TOKEN, ModelProfile, estimate_tokens
from agent.types import Author, Message
from knowledge.sentences import split_sentences
from knowledge.types import Passage

PROMPT_TOKENS = 4_000
"""Of all prompts of a turn together."""
REWRITE_TOKENS = 1_100
"""Of them, what is left to the one prompt before the draft: for a question to search with (`agent.graph.rewriting`), or for an
action (`agent.graph.acting.picking`)."""
MAX_SENTENCES = 6
MAX_SENTENCE_CHARS = 400
MAX_DRAFT_CHARS = 2 * MAX_SENTENCES * MAX_SENTENCE_CHARS
"""More of a draft is not read."""
_CONVERSATION_TOKENS = 900
_MESSAGE_TOKENS = 600
_GUIDELINE_TOKENS = 500
_SPACE = re.compile(r"\s+")
_TAG = re.compile(r"<(?=[/|!_｜a-z])|\[(?=/?INST\])", re.IGNORECASE)
_CITED = re.compile(r"\s*\[(\d{1,2})\]")
_CUT_OFF = re.compile(r"(?<=[.!?\n])[^.!?\n]*$|^[^.!?\n]*$")
_FENCE = re.compile(r"^```\w*\s*|\s*```$")
_REFUSAL = re.compile(r"^\W*(that is |it is |this is )?not in the (passage|text)\b|^\W*not answerable\b", re.IGNORECASE)

DRAFT_SCHEMA: Mapping[str, object] = {
    "type": "object",
    "properties": {
        "answerable": {"type": "boolean"},
        "sentences": {
            "type": "array",
            "maxItems": MAX_SENTENCES,
            "items": {
                "type": "object",
                "properties": {
                    "text": {"type": "string", "minLength": 1, "maxLength": MAX_SENTENCE_CHARS},
                    "passage": {"type": "integer", "minimum": 1, "maximum": 20},
                },
                "required": ["text", "passage"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["answerable", "sentences"],
    "additionalProperties": False,
}
"""Everything in it is bounded: a grammar without bounds lets a model write for ever."""


@dataclass(frozen=True, slots=True)
class DraftSentence:
    """One sentence of a draft. `passage_n` counts from 1 in the order of the prompt; None if the model can't tell."""

    text: str
    passage_n: int | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """What the model wrote. `answerable` is its own opinion, None if it gave none; never trust it alone."""

    answerable: bool | None
    sentences: tuple[DraftSentence, ...] = ()


def draft_prompt(
    profile: ModelProfile,
    company: str,
    guidelines: Sequence[str],
    passages: Sequence[Passage],
    conversation: Sequence[Message],
    standing: Sequence[str] = (),
) -> Prompt:
    """Build the prompt for the customer's last message.

    Args:
        profile: decides the style, and how many passages the model can take.
        company: the company's name.
        guidelines: soft rules that apply to this turn, not to all.
        passages: best first; those that don't fit are left out from the end, and the last kept may be cut.
        conversation: oldest first; internal notes are left out.
        standing: soft rules that apply to every turn: the part that all turns share.
    """
    shown = [m for m in conversation if m.visible and m.text.strip()]
    if profile.prompt_style == "chat":
        values = {
            "company": fence(_one_line(company)),
            "standing": _listed(standing),
            "conversation": transcript(shown, _CONVERSATION_TOKENS, _MESSAGE_TOKENS),
            "guidelines": _listed(guidelines),
        }
        return _chat_prompt(profile, values, passages)
    return _small_prompt(profile, passages, shown)


def parse_draft(profile: ModelProfile, text: str) -> Draft:
    """Read a completion. Never raises: what can't be read is a draft without sentences."""
    if profile.prompt_style != "chat":
        return _from_prose(text)
    stripped = _FENCE.sub("", text.strip())
    if stripped.startswith("{") or profile.structured == "json_schema":
        return _from_json(stripped)
    return _from_prose(stripped)


def fence(text: str) -> str:
    """Make text harmless inside a fence: no tag and no control token survives, `<` before a space or digit does."""
    return _TAG.sub(lambda found: "‹" if found[0] == "<" else "(", text)


def _chat_prompt(profile: ModelProfile, values: Mapping[str, str], passages: Sequence[Passage]) -> Prompt:
    system, _, user = read_template("draft_chat.md").partition("\n---\n")
    system = fill(system, values)
    rest = estimate_tokens(system + fill(user, {**values, "passages": ""}))
    shown = _numbered(passages[: profile.max_passages], _budget(profile) - rest)
    return Prompt(
        messages=(("system", system), ("user", fill(user, {**values, "passages": shown}))),
        max_tokens=min(profile.max_output_tokens, 700),
        schema=DRAFT_SCHEMA,
    )


def _small_prompt(profile: ModelProfile, passages: Sequence[Passage], shown: Sequence[Message]) -> Prompt:
    """For a model that can't follow rules: worked examples, then the best passage and the last question.

    Text goes in on one line, so that it can't begin a line that looks like the prompt's own.
    """
    question = _cut(_one_line(next((m.text for m in reversed(shown) if m.author is Author.CUSTOMER), "")), 150)
    room = min(_budget(profile), 700) - estimate_tokens(question)
    passage = _cut(" ".join(s for p in passages[: profile.max_passages] for s in split_sentences(_cut(p.text, room), "en")), room)
    turns = [fill(turn, {"passage": fence(passage), "question": fence(question)}) for turn in _small_turns()]
    if profile.prompt_style == "few_shot_completion":
        lines = "\n\n".join(f"{user}\nAnswer: {answer}" for user, answer in zip(turns[1:-1:2], turns[2:-1:2], strict=True))
        text = f"{turns[0]}\n\n{lines}\n\n{turns[-1]}\nAnswer:"
        return Prompt((("user", text),), max_tokens=min(profile.max_output_tokens, 120), stop=("\n",))
    roles = ["system", *("user" if i % 2 == 0 else "assistant" for i in range(len(turns) - 1))]
    return Prompt(tuple(zip(roles, turns, strict=True)), max_tokens=min(profile.max_output_tokens, 120), stop=("\n\n",))


def _listed(rules: Sequence[str]) -> str:
    return fence(_cut("\n".join(f"- {_one_line(rule)}" for rule in rules), _GUIDELINE_TOKENS) or "- none")


def _numbered(passages: Sequence[Passage], budget: int) -> str:
    """As many passages as fit, best first; the first one always, cut if it must be."""
    blocks: list[str] = []
    for n, passage in enumerate(passages, 1):
        place = fence(_one_line(" – ".join(dict.fromkeys((passage.title, *passage.heading_path))))).replace('"', "'")
        opening, closing = f'<passage n="{n}" about="{place}">\n', "\n</passage>"
        room = budget - estimate_tokens(opening + closing) - 1
        text = fence(passage.text.strip())
        if estimate_tokens(text) > room:
            if blocks or room < 20:
                break
            text = _cut(text, room)
        blocks.append(opening + text + closing)
        budget -= estimate_tokens(blocks[-1]) + 1
    return "\n".join(blocks)


def transcript(shown: Sequence[Message], tokens: int, message_tokens: int) -> str:
    """The end of the conversation, oldest first, each message fenced.

    Args:
        shown: what the customer may see.
        tokens: most for all; the newest message is always there.
        message_tokens: a longer message is cut.
    """
    lines: list[str] = []
    left = tokens
    for message in reversed(shown):
        text = _cut(message.text.strip(), message_tokens)
        line = f'<message from="{message.author.value}">\n{fence(text)}\n</message>'
        left -= estimate_tokens(line) + 1
        if lines and left < 0:
            break
        lines.append(line)
    return "\n".join(reversed(lines))


def _budget(profile: ModelProfile) -> int:
    asks_before = profile.rewrites_queries or profile.picks_actions
    ours = PROMPT_TOKENS - (REWRITE_TOKENS if asks_before else 0)
    return min(ours, profile.context_tokens - profile.max_output_tokens)


def _cut(text: str, tokens: int) -> str:
    """The start of a text, to a whole word, so that it is at most so many tokens (estimated)."""
    if len(text) <= BYTES_PER_TOKEN * tokens and estimate_tokens(text) <= tokens:
        return text
    low, high = 0, min(len(text), BYTES_PER_TOKEN * max(tokens, 0))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if estimate_tokens(text[:middle]) <= tokens else (low, middle - 1)
    start, _, _ = text[:low].rpartition(" ")
    return start or text[:low]


def _one_line(text: str) -> str:
    return _SPACE.sub(" ", text).strip()


def fill(template: str, values: Mapping[str, str]) -> str:
    """Put values in for `{name}` in one pass, so that a value can't bring a placeholder of its own."""
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), template)


@cache
def read_template(name: str) -> str:
    """One of `prompts/`."""
    return files("agent.graph").joinpath("prompts", name).read_text(encoding="utf-8").strip()


@cache
def _small_turns() -> tuple[str, ...]:
    """The system line, then user and assistant in turn; the last is the user's, with placeholders."""
    return tuple(turn.strip() for turn in read_template("draft_small.md").split("\n---\n"))


class _WireSentence(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    text: Annotated[str, Field(max_length=10_000)]
    passage: int | None = None


class _WireDraft(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    answerable: bool | None = None
    sentences: list[_WireSentence] = []


def _from_json(text: str) -> Draft:
    try:
        wire = _WireDraft.model_validate(json.loads(text))
    except (ValueError, RecursionError):  # not JSON, or (ValidationError) not of that shape
        return Draft(None)
    drafted = [
        DraftSentence(part, s.passage if s.passage and s.passage > 0 else None)
        for s in wire.sentences[:MAX_SENTENCES]
        for part in _claims(s.text)
    ]
    return Draft(wire.answerable, tuple(drafted[:MAX_SENTENCES]))


def _from_prose(text: str) -> Draft:
    text = _whole_sentences(text.strip().strip('"').strip())
    if not text or _REFUSAL.search(text):
        return Draft(False if text else None)
    # "Words. [1] More words." cites after the full stop: move it before, so that it stays with its sentence
    text = re.sub(r"([.!?])((?:\s*\[\d{1,2}\])+)", r"\2\1", text)
    drafted: list[DraftSentence] = []
    for sentence in split_sentences(text, "en"):
        cited = _CITED.search(sentence)
        bare = _bare(sentence)
        if _usable(bare):
            drafted.append(DraftSentence(bare, int(cited[1]) or None if cited else None))
    return Draft(None, tuple(drafted[:MAX_SENTENCES]))


def _claims(text: str) -> list[str]:
    if len(text) > MAX_DRAFT_CHARS:  # splitting it would take seconds, and nobody would want to read it
        return []
    return [part for part in split_sentences(_bare(text), "en") if _usable(part)]


def _whole_sentences(text: str) -> str:
    """At most `MAX_DRAFT_CHARS` of a text, without the sentence that would be cut in two."""
    if len(text) <= MAX_DRAFT_CHARS:
        return text
    return _CUT_OFF.sub("", text[:MAX_DRAFT_CHARS])


def _bare(text: str) -> str:
    return _SPACE.sub(" ", _CITED.sub("", text)).strip()


def _usable(sentence: str) -> bool:
    return 1 < len(sentence) <= 2 * MAX_SENTENCE_CHARS
