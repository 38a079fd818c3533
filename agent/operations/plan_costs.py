"""What a turn costs on a model's GPUs, and beside a price for each resolution or token.

A roofline estimate: reading a prompt is bound by arithmetic, writing an answer by memory, each at a share of the card's
peak. Measured speeds take its place where there are some.
"""

from dataclasses import dataclass

from agent.operations.plan import Fit, Turn
from agent.operations.plan_cards import CardFigures
from agent.operations.serving import ServingProfile

PREFILL_EFFICIENCY = 0.4
"""Share of the peak arithmetic that prompts are read at: an assumption, nothing was measured on a GPU here."""
DECODE_EFFICIENCY = 0.5
"""Share of the peak memory bandwidth that answers are written at: an assumption as well."""
HOURS_PER_MONTH = 730.0


@dataclass(frozen=True, slots=True)
class Measured:
    """Speeds of one replica under load, over all its calls together; None is estimated."""

    prefill_tokens_per_s: float | None = None
    decode_tokens_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class Speed:
    """Of one replica at full load. `estimated`: which of the two are not measured."""

    prefill_tokens_per_s: float
    decode_tokens_per_s: float
    estimated: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prices:
    """What the user pays, in one currency of theirs; None is left out of the comparison.

    Attributes:
        per_gpu_hour: of a GPU of their own, with power, room and people as they reckon.
        per_resolution: what a service asks for a ticket that it resolves.
        resolved: share of the tickets that such a service would resolve, and charge for.
        per_million_in: for tokens of prompts, at a service that sells tokens.
        per_million_out: for tokens of answers.
    """

    per_gpu_hour: float | None = None
    per_resolution: float | None = None
    resolved: float = 1.0
    per_million_in: float | None = None
    per_million_out: float | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """A service beside the own GPUs.

    Attributes:
        per_thousand: what it asks for a thousand tickets.
        break_even_tickets: from so many a month on the own GPUs, paid for all month, are cheaper; None without their price.
        in_reach: whether these GPUs answer that many a month.
    """

    name: str
    per_thousand: float
    break_even_tickets: float | None
    in_reach: bool | None


@dataclass(frozen=True, slots=True)
class Cost:
    """What tickets cost on these GPUs.

    Attributes:
        gpu_seconds_per_thousand: tickets, at full load; those of all GPUs of a replica count.
        tickets_per_month: the most that all replicas answer, at full load day and night.
        per_month: of all GPUs, used or not.
        per_thousand_busy: a thousand tickets, if every GPU second is used.
    """

    speed: Speed
    gpu_seconds_per_thousand: float
    tickets_per_month: float
    per_month: float | None
    per_thousand_busy: float | None
    offers: tuple[Offer, ...]


def cost(
    profile: ServingProfile, card: CardFigures, fit: Fit, turn: Turn, turns_per_ticket: float, measured: Measured, prices: Prices
) -> Cost:
    """What a thousand tickets cost; `fit` must fit."""
    speed = _speed(profile, card, fit, turn, measured)
    unread = turn.prompt_tokens - turn.shared_tokens
    turn_s = unread / speed.prefill_tokens_per_s + turn.answer_tokens / speed.decode_tokens_per_s
    ticket_s = turn_s * turns_per_ticket
    gpu_s = 1000 * ticket_s * fit.parallel
    gpus = fit.parallel * fit.replicas + fit.spare_gpus
    per_month = None if prices.per_gpu_hour is None else gpus * HOURS_PER_MONTH * prices.per_gpu_hour
    most = fit.replicas * HOURS_PER_MONTH * 3600 / ticket_s
    return Cost(
        speed=speed,
        gpu_seconds_per_thousand=gpu_s,
        tickets_per_month=most,
        per_month=per_month,
        per_thousand_busy=None if prices.per_gpu_hour is None else gpu_s / 3600 * prices.per_gpu_hour,
        offers=tuple(_offer(name, asked, per_month, most) for name, asked in _asked(turn, turns_per_ticket, prices)),
    )


def _speed(profile: ServingProfile, card: CardFigures, fit: Fit, turn: Turn, measured: Measured) -> Speed:
    prefill, decode = measured.prefill_tokens_per_s, measured.decode_tokens_per_s
    batch = max(1, fit.at_once // fit.replicas)
    return Speed(
        prefill_tokens_per_s=prefill or prefill_tokens_per_s(profile, card, fit.parallel),
        decode_tokens_per_s=decode or batch / step_s(profile, card, fit.parallel, turn, batch),
        estimated=tuple(name for name, given in (("prefill", prefill), ("decode", decode)) if given is None),
    )


def prefill_tokens_per_s(profile: ServingProfile, card: CardFigures, parallel: int) -> float:
    """How fast one replica reads prompts.

    Two operations a parameter and token; attention's own are few at these lengths and left out.
    """
    flops = card.tflops(profile) * 1e12 * parallel * PREFILL_EFFICIENCY
    return flops / (2 * profile.size.active_b * 1e9)


def step_s(profile: ServingProfile, card: CardFigures, parallel: int, turn: Turn, batch: int) -> float:
    """Seconds in which one replica writes a token of each of `batch` answers.

    A step reads the weights once, and the cache and state of every call.
    """
    size = profile.size
    # Of a mixture of experts a step reads those that any of its tokens is sent to, here as if each were drawn by chance.
    touched = 1 - (1 - size.active_b / size.parameters_b) ** batch
    per_call = turn.sequence_tokens * size.kv_bytes_per_token + 2 * size.state_mb_per_sequence * 1e6  # state is read and written
    read_s = (size.weights_gb * 1e9 * touched + batch * per_call) / (card.bandwidth_gb_s * 1e9 * parallel * DECODE_EFFICIENCY)
    return max(read_s, batch / prefill_tokens_per_s(profile, card, parallel))


def _asked(turn: Turn, turns_per_ticket: float, prices: Prices) -> list[tuple[str, float]]:
    """Each service that a price was given for, with what a thousand tickets cost there."""
    asked = []
    if prices.per_resolution is not None:
        asked.append(("resolution", 1000 * prices.per_resolution * prices.resolved))
    if prices.per_million_in is not None and prices.per_million_out is not None:
        tokens = turn.prompt_tokens * prices.per_million_in + turn.answer_tokens * prices.per_million_out
        asked.append(("tokens", 1000 * turns_per_ticket * tokens / 1e6))
    return asked


def _offer(name: str, per_thousand: float, per_month: float | None, most: float) -> Offer:
    if per_month is None or per_thousand == 0:
        return Offer(name, per_thousand, None, None)
    tickets = per_month / per_thousand * 1000
    return Offer(name, per_thousand, tickets, tickets <= most)
