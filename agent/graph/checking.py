"""Who checks a draft: the built-in verifier always, the others where a topic that claims the turn lists them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agent.graph.state import TurnContext
from agent.grounding.second import OpenClaim, revised
from agent.grounding.types import Judgement
from agent.types import Usage
from knowledge.types import Passage
from policies.types import Facts


@dataclass(frozen=True, slots=True)
class Checked:
    """A judgement for each sentence, in order, and what the second verifiers cost. A `Verifier` that knows these alone."""

    sentences: tuple[str, ...] = ()
    judgements: tuple[Judgement, ...] = ()
    usage: Usage = field(default_factory=Usage)
    timings_ms: Mapping[str, float] = field(default_factory=dict)

    def verify(self, question: str, sentences: Sequence[str], passages: Sequence[Passage]) -> list[Judgement]:
        """What was found of these sentences before. See `Verifier`."""
        known = dict(zip(self.sentences, self.judgements, strict=True))
        return [known[sentence] for sentence in sentences]


async def check(
    context: TurnContext, facts: Facts, spent: Usage, question: str, sentences: Sequence[str], passages: Sequence[Passage]
) -> Checked:
    """Judge sentences by every verifier that their topics list, cheap first; each is asked about what is still open.

    The topics are those of the message and of the articles that the sentences would cite.

    Args:
        context: the verifiers, and the policies that choose among them.
        facts: of the turn.
        spent: what the turn has cost at the model server so far.
        question: what was asked.
        sentences: what may be sent.
        passages: what it may rest on, best first.

    Raises:
        EmbeddingUnavailable: the built-in verifier can't work.
    """
    judged = await context.in_thread(context.verifier.verify, question, sentences, passages)
    articles = tuple(dict.fromkeys(passages[one.passage].doc_id for one in judged if one.supported or one.is_open))
    usage, timings_ms = Usage(), dict[str, float]()
    for name in context.policies.topic(facts, articles).verifiers:
        second = context.second.get(name)
        places = [n for n, one in enumerate(judged) if one.is_open]
        if second is None or not places:
            continue
        claims = [OpenClaim(sentences[n], passages[judged[n].passage], judged[n]) for n in places]
        review = await second.review(claims, spent + usage)
        for n, opinion in zip(places, review.opinions, strict=True):
            judged[n] = revised(judged[n], opinion)
        usage += review.usage
        timings_ms |= review.timings_ms
    return Checked(tuple(sentences), tuple(judged), usage, timings_ms)
