"""Drafts on questions that the passage doesn't answer: `python -m tests.bench.bench_foreign_drafts [--wanted 100]`.

The packaged model, asked as the product asks it, gets questions of the samples with one passage of the sample help centre that
is not of the articles that answer them: half of the drafts with the passage that the search ranks highest of those, half with
one by chance. A draft is stopped if nothing of it would be sent as an answer. Three counts, each of the product's own code:

    verifier  the built-in verifier alone finds no sentence supported. A sentence of the passage repeated is true to it, and
              the verifier isn't asked whether it answers
    verify    the node `verify`: supported, near to the question, the passage's own words, the sentence that answers best
    turn      a whole turn: no draft is asked for where no passage answers, and what is doubtful isn't told plainly

Drafts in which the model says that it can't answer, or that say nothing, are counted apart. `--show` prints each draft that
the node lets pass. Numbers, never an assertion.
"""

import argparse
import asyncio
import json
import random
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.adapters.embedded_model import embedded_model
from agent.adapters.supervisor import Supervisor
from agent.graph.evidence import weigh
from agent.graph.nodes.draft import choose
from agent.graph.nodes.retrieve import PASSAGES
from agent.graph.nodes.verify import claims_of
from agent.graph.prompting import Draft, draft_prompt, parse_draft
from agent.graph.routes import gives_up
from agent.graph.state import TurnContext, TurnState
from agent.grounding.claims import Claim, is_courtesy
from agent.privacy.environment import lock_down
from agent.settings import Settings
from agent.wiring import parts, rules, shelf
from knowledge.types import Audience, Hit, Query
from tests.bench.report_samples import SAMPLES, messages

HALVES = ("near", "random")
UNSEEN_USED = 75
"""Of the unseen questions so many from the start; nothing is measured here on the others."""
ALL = 1_000


@dataclass(frozen=True)
class Drafted:
    """A question with a passage that doesn't answer it, and what the model made of it."""

    half: str
    question: dict[str, Any]
    state: TurnState
    draft: Draft
    claims: tuple[Claim, ...] = ()
    supported: int = 0
    """How many of its sentences the verifier alone finds supported."""

    @property
    def says_something(self) -> bool:
        return self.draft.answerable is not False and any(not is_courtesy(s.text) for s in self.draft.sentences)

    @property
    def stopped(self) -> dict[str, bool]:
        kept = any(not claim.is_quote for claim in self.claims)
        return {
            "verifier": not self.supported,
            "verify": not kept,
            "turn": not kept or gives_up(self.state) or not self.state["evidence"].sure,
        }


def questions() -> list[dict[str, Any]]:
    """Those that an article answers, each of one message."""
    lines = (SAMPLES / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    lines += (SAMPLES / "questions_unseen.jsonl").read_text(encoding="utf-8").splitlines()[:UNSEEN_USED]
    found = [json.loads(line) for line in lines]
    return [question for question in found if question["kind"] in ("covered", "follow_up")]


def foreign(context: TurnContext, question: dict[str, Any], half: str, dice: random.Random) -> TurnState:
    """What a turn would know if the articles that answer did not exist, and the wrong passage were found first."""
    asked = messages(question)
    text = asked[-1].text
    hits = context.retriever.search(Query(text=text, audiences=frozenset({Audience.PUBLIC}), k=ALL))
    wrong: Sequence[Hit] = [hit for hit in hits if hit.passage.doc_id not in question["doc_ids"]]
    chosen = wrong[0] if half == "near" else dice.choice(wrong)
    found = (chosen, *(hit for hit in wrong if hit is not chosen))[:PASSAGES]
    return {"messages": asked, "asked": (text,), "hits": found, "evidence": weigh(context.embedder, text, found)}


async def drafted(context: TurnContext, wanted: int) -> AsyncIterator[Drafted]:
    """Drafts that say something, half of them of each kind of passage, and those that don't on the way there."""
    dice = random.Random(17)
    for half in HALVES:
        real = 0
        for question in ordered(dice):
            if real == wanted // 2:
                break
            one = await draft_of(context, question, half, dice)
            real += one.says_something
            yield one


def ordered(dice: random.Random) -> Iterator[dict[str, Any]]:
    known = questions()
    yield from dice.sample(known, len(known))


async def draft_of(context: TurnContext, question: dict[str, Any], half: str, dice: random.Random) -> Drafted:
    state = foreign(context, question, half, dice)
    shown = choose(context.embedder, context.profile, state)
    prompt = draft_prompt(context.profile, context.policies.company, (), shown, state["messages"])
    draft = parse_draft(context.profile, (await context.chat.complete(prompt)).text)
    state["draft"] = draft
    trusted = context.profile.prompt_style == "chat"
    claims = claims_of(context.verifier, context.embedder, state, trusted)
    said = [s.text for s in draft.sentences if not is_courtesy(s.text)]
    judged = context.verifier.verify(state["asked"][0], said, [h.passage for h in state["hits"]]) if said else []
    return Drafted(half, question, state, draft, claims, sum(one.supported for one in judged))


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[TurnContext]:
    """What the nodes work with, over the sample help centre and the packaged model."""
    routes = rules.pick_routes(settings)
    knowledge = shelf.build_knowledge(settings)
    knowledge.sync([SAMPLES / "help_centre"])
    async with Supervisor(settings.data_dir) as supervisor:
        service = embedded_model(rules.pick_profile(settings))
        await supervisor.start(service)
        async with parts.open_chat(routes.with_default_at(service.url)) as chat:
            yield parts.build_context(chat, routes.turn_profile, knowledge, rules.build_policies(settings), {})
    knowledge.close()


async def run(settings: Settings, wanted: int) -> list[Drafted]:
    async with opened(settings) as context:
        return [one async for one in drafted(context, wanted)]


def report(found: Sequence[Drafted]) -> Iterator[str]:
    real = [one for one in found if one.says_something]
    yield f"{len(real)} drafts, {len(found) - len(real)} more in which the model says that it can't answer, or nothing"
    for half in (*HALVES, "both"):
        mine = [one for one in real if half in (one.half, "both")]
        counts = Counter(name for one in mine for name, stopped in one.stopped.items() if stopped)
        told = ", ".join(f"{name} {counts[name]}" for name in ("verifier", "verify", "turn"))
        yield f"  {half + ':':8} {len(mine)} drafts; stopped by {told}"


def shown(one: Drafted) -> str:
    passage, evidence = one.state["hits"][0].passage, one.state["evidence"]
    let_pass = ", ".join(name for name, stopped in one.stopped.items() if not stopped)
    said = " ".join(sentence.text for sentence in one.draft.sentences)
    return (
        f"\n{one.question['id']}, {one.half}, passes {let_pass}; evidence {evidence.probability:.2f}{' sure' * evidence.sure}\n"
        f"  asked: {one.state['asked'][0]}\n  draft: {said}\n  of {passage.doc_id}, expected {one.question['doc_ids']}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wanted", type=int, default=100)
    parser.add_argument("--profile", default="smollm2")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--show", action="store_true")
    options = parser.parse_args()
    lock_down()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=options.data or Path(folder), llm_profile=options.profile)
        found = asyncio.run(run(settings, options.wanted))
    print("\n".join(report(found)))
    if options.show:
        print("\n".join(shown(one) for one in found if one.says_something and not one.stopped["verify"]))


if __name__ == "__main__":
    main()
