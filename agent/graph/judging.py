"""The verifier that asks the chat model: one call a turn for all claims that are still unsure, and nothing on trust.

The model says which claims are supported and copies the words that say so. A "supported" counts only if these words are in
the passage and the claim agrees with the sentences that they stand in (`agent.grounding.span`). Whatever else comes back,
or nothing in time, confirms nothing.
"""

import asyncio
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated

import structlog
from pydantic import BaseModel, ConfigDict, Field

from agent.completions import IN_TIME, Completion, Prompt, Task
from agent.errors import ModelOutputInvalid, ModelUnavailable
from agent.graph.prompting import PROMPT_TOKENS, fence, fill, read_template
from agent.grounding.passages import heading, passage_sentences
from agent.grounding.second import OpenClaim, Opinion, Review
from agent.grounding.span import contradiction, find_span, other_limits
from agent.model_profiles import ModelProfile, estimate_tokens
from agent.ports import ChatModel
from agent.telemetry import JUDGED_CLAIMS
from agent.types import Usage

log = structlog.get_logger()

MAX_CALLS = 3
"""Of the chat model in a turn: a question to search with, a draft, a judgement."""
JUDGE_TOKENS = 1_600
"""Most of `PROMPT_TOKENS` that a judgement takes, and no more than the calls before it have left."""
JUDGE_S = 10.0
"""Most that a turn waits for verdicts, a free place at the server included."""
LOW = 0.3
"""A claim that the verifiers before give less is not asked about. Of free replies to sample articles (129 true sentences that
the rules leave open, 83 wrong ones) 2 true and 30 wrong ones have less; the forests had learnt from these."""
SURE = 0.95
"""What a judge's yes counts for. Chosen, not measured: pooled with what the claim has so far, which is less than 0.95, it
stays below that, so that no judge makes an answer 99% sure."""
MAX_CLAIMS = 8
MAX_QUOTE_CHARS = 600
_OUTPUT_TOKENS = 900
_FENCE = re.compile(r"^```\w*\s*|\s*```$")
_SPACE = re.compile(r"\s+")

VERDICT_SCHEMA: Mapping[str, object] = {
    "type": "object",
    "properties": {
        "verdicts": {
            "type": "array",
            "maxItems": MAX_CLAIMS,
            "items": {
                "type": "object",
                "properties": {
                    "statement": {"type": "integer", "minimum": 1, "maximum": MAX_CLAIMS},
                    "quote": {"type": "string", "maxLength": MAX_QUOTE_CHARS},
                    "supported": {"type": "boolean"},
                },
                "required": ["statement", "quote", "supported"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["verdicts"],
    "additionalProperties": False,
}
"""Everything in it is bounded. The quote comes first: a model that has copied it says what it read."""


class _WireVerdict(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    statement: int
    quote: Annotated[str, Field(max_length=10_000)]
    supported: bool


class _WireVerdicts(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    verdicts: list[_WireVerdict]


class JudgeVerifier:
    """A `SecondVerifier`. Asks only about claims that are not supported yet and have at least `LOW`."""

    def __init__(self, chat: ChatModel, profile: ModelProfile, timeout_s: float = JUDGE_S) -> None:
        self._chat = chat
        self._profile = profile
        self._timeout_s = timeout_s

    async def review(self, claims: Sequence[OpenClaim], spent: Usage) -> Review:
        """See `SecondVerifier`. At most one call, and none if the turn has had its calls or its prompt tokens."""
        none: tuple[Opinion | None, ...] = (None,) * len(claims)
        unsure = [n for n, one in enumerate(claims) if not one.judgement.supported and one.judgement.probability >= LOW]
        if spent.llm_calls >= MAX_CALLS:
            return Review(none)
        room = min(JUDGE_TOKENS, PROMPT_TOKENS - spent.prompt_tokens, self._profile.context_tokens - _OUTPUT_TOKENS)
        asked, prompt = judge_prompt(self._profile, [claims[n] for n in unsure], room)
        prompt = replace(prompt, timeout_s=IN_TIME * self._timeout_s)
        chosen = unsure[:asked]
        if not chosen:
            return Review(none)
        start = time.perf_counter()
        completion = await self._ask(prompt)
        spent_ms = round((time.perf_counter() - start) * 1000, 2)
        about = [claims[n] for n in chosen]
        told = {} if completion is None else read_verdicts(completion.text)
        found = dict(zip(chosen, opinions(about, told, answered=completion is not None), strict=True))
        usage = Usage(llm_calls=1) if completion is None else completion.usage
        return Review(tuple(found.get(n) for n in range(len(claims))), usage, {"judge": spent_ms})

    async def _ask(self, prompt: Prompt) -> Completion | None:
        """The completion; None, and a line in the log, if there is none in time."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._chat.complete(prompt)
        except (ModelUnavailable, ModelOutputInvalid, TimeoutError) as error:
            log.warning("judge_failed", error=type(error).__name__)
            return None


def judge_prompt(profile: ModelProfile, claims: Sequence[OpenClaim], room: int) -> tuple[int, Prompt]:
    """Ask about as many of the claims as fit, in order, each with its whole passage. How many those are, and the prompt.

    Args:
        profile: of the model that is asked.
        claims: what is asked about.
        room: tokens of the prompt, by estimate.
    """
    system, _, user = read_template("judge.md").partition("\n---\n")
    left = room - estimate_tokens(system + fill(user, {"passages": "", "statements": ""}))
    passages: dict[str, str] = {}
    statements: list[str] = []
    for claim in claims[:MAX_CLAIMS]:
        key = claim.passage.passage_id
        number = list(passages).index(key) + 1 if key in passages else len(passages) + 1
        statement = f'<statement n="{len(statements) + 1}" passage="{number}">\n{fence(_one_line(claim.text))}\n</statement>'
        block = "" if key in passages else _passage_block(claim, number)
        left -= estimate_tokens(statement + block) + 2
        if left < 0:
            break
        if block:
            passages[key] = block
        statements.append(statement)
    values = {"passages": "\n".join(passages.values()), "statements": "\n".join(statements)}
    return len(statements), Prompt(
        messages=(("system", system), ("user", fill(user, values).strip())),
        max_tokens=min(profile.max_output_tokens, _OUTPUT_TOKENS),
        schema=VERDICT_SCHEMA,
        temperature=0.0,
        task=Task.JUDGE,
    )


def read_verdicts(text: str) -> dict[int, tuple[bool, str]]:
    """By statement: whether it is supported, and the words that say so. Never raises.

    Empty if any of it is not of that shape. A statement with several verdicts has none, even if they agree: a model that
    repeats itself is not one to rely on.
    """
    try:
        wire = _WireVerdicts.model_validate(json.loads(_FENCE.sub("", text.strip())))
    except (ValueError, RecursionError):  # not JSON, or (ValidationError) not of that shape
        return {}
    numbers = [one.statement for one in wire.verdicts]
    return {one.statement: (one.supported, one.quote) for one in wire.verdicts if numbers.count(one.statement) == 1}


def opinions(claims: Sequence[OpenClaim], told: Mapping[int, tuple[bool, str]], *, answered: bool = True) -> list[Opinion]:
    """What the verdicts on claims 1, 2, … are worth: a yes only with words of the passage that the claim agrees with.

    Args:
        claims: what was asked about, in order.
        told: see `read_verdicts`.
        answered: False if the model was not there.
    """
    found: list[Opinion] = []
    for n, claim in enumerate(claims, 1):
        is_supported, quote = told.get(n, (False, ""))
        opinion = _with_quote(claim, quote) if is_supported else _no("the judge does not find it in the passage")
        result = "confirmed" if opinion.supported else "refused" if n in told else "invalid" if answered else "failed"
        JUDGED_CLAIMS.labels(result).inc()
        found.append(opinion)
    return found


def _with_quote(claim: OpenClaim, quote: str) -> Opinion:
    sentences = passage_sentences(claim.passage)
    place = find_span(quote, sentences)
    if place is None:
        return _no("the judge relies on words that the passage does not have")
    first, end = place
    source = " ".join(sentences[first:end])
    if reason := contradiction(claim.text, source, claim.passage) or other_limits(claim.text, source):
        return _no(f"the judge relies on a sentence that does not agree: {reason}")
    return Opinion(True, SURE, source)


def _no(reason: str) -> Opinion:
    return Opinion(False, 1 - SURE, reason=reason)


def _passage_block(claim: OpenClaim, number: int) -> str:
    about = fence(_one_line(heading(claim.passage))).replace('"', "'")
    return f'<passage n="{number}" about="{about}">\n{fence(claim.passage.text.strip())}\n</passage>'


def _one_line(text: str) -> str:
    return _SPACE.sub(" ", text).strip()
