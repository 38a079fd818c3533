"""A follow-up as one question that stands alone, in a model's words: the prompt, and what comes back. Pure.

What the model writes is a text to search with and nothing else: no customer and no other prompt ever sees it.
"""

import json
import re
from collections.abc import Mapping, Sequence

from agent.completions import Prompt, Task
from agent.graph.prompting import fill, read_template, transcript
from agent.grounding.names import unknown_names
from agent.model_profiles import ModelProfile
from agent.types import Message
from knowledge.terms import content_terms, words

MAX_WORDS = 60
MAX_CHARS = 400
TIMES_AS_LONG = 3
"""A question may have so many times the words of the request: more is not that request any more."""
ALWAYS_WORDS = 25
"""A question may always be so long: "and cats?" says little, and what it takes for granted has to be said."""
_CONVERSATION_TOKENS = 600
_MESSAGE_TOKENS = 200
_OUTPUT_TOKENS = 160
_FENCE = re.compile(r"^```\w*\s*|\s*```$")

QUESTION_SCHEMA: Mapping[str, object] = {
    "type": "object",
    "properties": {"question": {"type": "string", "maxLength": MAX_CHARS}},
    "required": ["question"],
    "additionalProperties": False,
}


def rewrite_prompt(profile: ModelProfile, conversation: Sequence[Message]) -> Prompt:
    """Ask for the customer's latest request as one question. At most `REWRITE_TOKENS`, by estimate.

    With a schema the call is also one without thoughts and at a low temperature: see `ModelProfile.structured_sampling`.

    Args:
        profile: of the model that is asked.
        conversation: oldest first; internal notes are left out.
    """
    system, _, user = read_template("rewrite.md").partition("\n---\n")
    shown = [m for m in conversation if m.visible and m.text.strip()]
    said = transcript(shown, _CONVERSATION_TOKENS, _MESSAGE_TOKENS)
    return Prompt(
        messages=(("system", system), ("user", fill(user, {"conversation": said}).strip())),
        max_tokens=min(profile.max_output_tokens, _OUTPUT_TOKENS),
        schema=QUESTION_SCHEMA,
        task=Task.REWRITE,
    )


def read_question(text: str) -> str:
    """The question in a completion, on one line and printable. Never raises: empty if there is none."""
    stripped = _FENCE.sub("", text.strip())
    if stripped.startswith("{"):
        try:
            wire = json.loads(stripped)
        except (ValueError, RecursionError):
            return ""
        found = wire.get("question")
        stripped = found if isinstance(found, str) else ""
    return "".join(c for c in " ".join(stripped.split()) if c.isprintable())


def problem_of(question: str, request: str, said: Sequence[str]) -> str | None:
    """Why a question can't stand for a request, in two words for the log; None if it can.

    Args:
        question: what the model wrote.
        request: the customer's latest request.
        said: all messages of the conversation.
    """
    count = len(words(question))
    if not count:
        return "empty"
    most = min(MAX_WORDS, max(ALWAYS_WORDS, TIMES_AS_LONG * len(words(request))))
    if count > most or len(question) > MAX_CHARS:
        return "too long"
    if not set(content_terms(question)) & {term for text in said for term in content_terms(text)}:
        return "another subject"
    return None


def names_only_what_was_said(question: str, said: Sequence[str]) -> bool:
    """False if the question has a name or a number that is in no message: the model has made it up, or has worked it out."""
    known = {word for text in said for word in words(text)}
    numbers = {word for word in words(question) if any(c.isdigit() for c in word)}
    return numbers <= known and not unknown_names(question, said)
