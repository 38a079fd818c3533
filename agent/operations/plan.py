"""What fits on the GPUs of an installation: memory, context, and turns at the same time.

The figures are sums over a model's file in `deploy/models`, nothing is started or measured. vLLM's own word, in its log at
start ("GPU KV cache size"), is the truth.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from agent.model_profiles import load_profile
from agent.operations.plan_cards import CardFigures
from agent.operations.serving import Role, ServingProfile

UTILISATION = 0.92
"""Share of a GPU's memory that vLLM takes. Source: its default for --gpu-memory-utilization."""
OVERHEAD_GB = 2.0
"""CUDA's context, activations and graphs of one vLLM process on one GPU: an assumption, on the safe side for these sizes."""
LEAST_CONTEXT = 8192
"""A turn's call is at most 4,000 tokens of prompt and 700 of answer; below this there is no room for it and its thoughts."""
PARALLEL = (1, 2, 4, 8)
"""Over how many GPUs a model is split: the heads must divide."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn of a conversation asks of the chat model.

    Source of the defaults: `python -m tests.bench.bench_tokens`, the sample questions with Qwen3's tokenizer; of 150 turns
    95 ask the model, and only those count here. The articles of the sample help centre are short.

    Attributes:
        calls: draft, rewritten question, judge; at most three.
        prompt_tokens: of all its calls together.
        shared_tokens: of these, those that a prefix cache has, since every prompt of the kind begins with them.
        answer_tokens: of all its calls together, thoughts included.
        longest_tokens: what one call may hold of the cache at most: the limits of a prompt and of an answer together.
    """

    calls: float = 1.1
    prompt_tokens: int = 750
    shared_tokens: int = 280
    answer_tokens: int = 110
    longest_tokens: int = 4700

    @property
    def sequence_tokens(self) -> int:
        """How long a call is on average, once it is answered."""
        return math.ceil((self.prompt_tokens + self.answer_tokens) / self.calls)


@dataclass(frozen=True, slots=True)
class Share:
    """Of each GPU's memory: what `--gpu-memory-utilization` must say when several servers are on it."""

    name: str
    utilisation: float


@dataclass(frozen=True, slots=True)
class Fit:
    """How a model goes onto the GPUs.

    Attributes:
        parallel: `--tensor-parallel-size`.
        replicas: so many servers, with `parallel` GPUs each.
        shares: of each GPU, the chat model's first.
        kv_tokens: of one replica; 0 if the weights don't fit.
        context_tokens: what `--max-model-len` must say, since vLLM starts only if one whole sequence fits; 0 if too little.
        at_once: calls that all replicas together work on at the same time.
        spare_gpus: left over, since they don't make a whole replica.
        unpacks: whether the card is older than the number format.
    """

    model: str
    parallel: int
    replicas: int
    shares: tuple[Share, ...]
    kv_tokens: int
    context_tokens: int
    at_once: int
    spare_gpus: int
    unpacks: bool

    @property
    def fits(self) -> bool:
        """Whether vLLM would start, with room for a turn."""
        return self.context_tokens > 0


def fit(profile: ServingProfile, card: CardFigures, count: int, beside: Iterable[ServingProfile], turn: Turn) -> Fit:
    """Split a chat model over as few of `count` GPUs as hold it, and repeat it on the rest.

    `beside` are embedding and reranking models that share every GPU with it.
    """
    extra = tuple(Share(other.name, _share_beside(other, card)) for other in beside)
    own = round(UTILISATION - sum(share.utilisation for share in extra), 2)
    shares = (Share(profile.name, own), *extra)
    tried = [_fit(profile, card, count, parallel, shares, turn) for parallel in PARALLEL if parallel <= count]
    whole = (found for found in tried if found.context_tokens == profile.context_tokens)
    return next(whole, None) or next((found for found in tried if found.fits), tried[0])


def with_thoughts(turn: Turn, profile: ServingProfile) -> Turn:
    """The same turn for a model that can't but think: the room that its thoughts have, in every call, counted as used."""
    thoughts = load_profile(profile.profile or "").thinking_tokens
    return replace(
        turn,
        answer_tokens=turn.answer_tokens + round(thoughts * turn.calls),
        longest_tokens=turn.longest_tokens + thoughts,
    )


def kv_tokens(profile: ServingProfile, memory_gb: float, utilisation: float, parallel: int = 1) -> int:
    """Tokens that the cache of one server holds on `parallel` GPUs, weights and overhead taken off; 0 if nothing is left."""
    left_gb = parallel * (memory_gb * utilisation - OVERHEAD_GB) - profile.size.weights_gb
    return max(0, int(left_gb * 1e9 / profile.size.kv_bytes_per_token))


def _fit(profile: ServingProfile, card: CardFigures, count: int, parallel: int, shares: tuple[Share, ...], turn: Turn) -> Fit:
    tokens = kv_tokens(profile, card.memory_gb, shares[0].utilisation, parallel)
    replicas = count // parallel
    context = _context(profile, tokens)
    state_tokens = profile.size.state_mb_per_sequence * 1e6 / profile.size.kv_bytes_per_token
    one = min(profile.sequences, int(tokens / (turn.longest_tokens + state_tokens))) if context else 0
    return Fit(
        model=profile.name,
        parallel=parallel,
        replicas=replicas,
        shares=shares,
        kv_tokens=tokens,
        context_tokens=context,
        at_once=one * replicas,
        spare_gpus=count - replicas * parallel,
        unpacks=card.is_old_for(profile),
    )


def _context(profile: ServingProfile, tokens: int) -> int:
    """The served context, halved until one sequence of it fits."""
    context = profile.context_tokens
    while context > tokens:
        context //= 2
    return context if context >= LEAST_CONTEXT else 0


def _share_beside(profile: ServingProfile, card: CardFigures) -> float:
    """What a small model needs: weights, overhead, and the cache of its longest input; up to a whole percent."""
    assert profile.role is not Role.CHAT
    cache_gb = profile.context_tokens * profile.size.kv_bytes_per_token / 1e9
    return math.ceil((profile.size.weights_gb + OVERHEAD_GB + cache_gb) / card.memory_gb * 100) / 100
