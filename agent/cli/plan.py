"""`innkeeper models plan`: asks for a plan for each model and shows it."""

import math
from dataclasses import asdict, dataclass, replace

import typer
from rich.table import Table

from agent.cli import show
from agent.operations.plan import UTILISATION, Fit, Turn, fit, with_thoughts
from agent.operations.plan_cards import CARDS, CAREFUL, Card, CardFigures
from agent.operations.plan_costs import DECODE_EFFICIENCY, PREFILL_EFFICIENCY, Cost, Measured, Prices, cost
from agent.operations.serving import Role, ServingInvalid, ServingProfile, load_serving, serving_names

WIDE = 100
"""Columns of a terminal in which every figure has its place."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for at the command line."""

    gpu: int | None
    card: Card | None
    count: int
    models: tuple[str, ...]
    beside: tuple[str, ...]
    turns_per_ticket: float
    prompt_tokens: int | None
    answer_tokens: int | None
    prefill_tokens_per_s: float | None
    decode_tokens_per_s: float | None
    per_gpu_hour: float | None
    per_resolution: float | None
    resolved: float
    per_million_in: float | None
    per_million_out: float | None
    json: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A model and what became of it."""

    profile: ServingProfile
    fit: Fit
    cost: Cost | None


def run(request: Request) -> None:
    """Exit code 1 if nothing that was asked for fits."""
    card = _card(request)
    figures = CARDS[card]
    turn = _turn(request)
    prices = Prices(
        request.per_gpu_hour, request.per_resolution, request.resolved, request.per_million_in, request.per_million_out
    )
    measured = Measured(request.prefill_tokens_per_s, request.decode_tokens_per_s)
    rows = []
    for profile in _models(request):
        own = turn if request.answer_tokens else with_thoughts(turn, profile)
        found = fit(profile, figures, request.count, [load_serving(name) for name in request.beside], own)
        spent = cost(profile, figures, found, own, request.turns_per_ticket, measured, prices) if found.at_once else None
        rows.append(Row(profile, found, spent))
    rows.sort(key=lambda row: (row.cost is None, row.cost.gpu_seconds_per_thousand if row.cost else row.profile.size.weights_gb))
    if request.json:
        show.as_json(_body(request, card, figures, turn, rows))
    else:
        _show(request, card, figures, turn, rows)
    if not any(row.cost for row in rows):
        raise typer.Exit(1)


def token_prices(text: str | None) -> tuple[float | None, float | None]:
    """`IN/OUT`, or one figure for both. Raises `typer.BadParameter`."""
    if text is None:
        return None, None
    first, _, second = text.partition("/")
    try:
        prices = float(first), float(second or first)
    except ValueError:
        prices = (-1.0, -1.0)
    if not all(0 <= price < math.inf for price in prices):
        raise typer.BadParameter(f"{text!r}: write IN/OUT, e.g. 0.4/1.6", param_hint="--price-per-million-tokens")
    return prices


def _card(request: Request) -> Card:
    if request.card is None:
        if request.gpu not in CAREFUL:
            sizes = ", ".join(str(size) for size in CAREFUL)
            raise typer.BadParameter(f"name the memory of your GPUs in GB, {sizes}, or a --card", param_hint="--gpu")
        return CAREFUL[request.gpu]
    memory = CARDS[request.card].memory_gb
    if request.gpu not in (None, memory):
        raise typer.BadParameter(f"{request.card.value} has {memory} GB, not {request.gpu}", param_hint="--card")
    return request.card


def _turn(request: Request) -> Turn:
    turn = Turn()
    if request.prompt_tokens is not None:
        turn = replace(turn, prompt_tokens=request.prompt_tokens, shared_tokens=min(turn.shared_tokens, request.prompt_tokens))
    return turn if request.answer_tokens is None else replace(turn, answer_tokens=request.answer_tokens)


def _models(request: Request) -> list[ServingProfile]:
    named = [load_serving(name) for name in dict.fromkeys(request.models)]
    for profile in named:
        if profile.role is not Role.CHAT:
            raise ServingInvalid(
                f"{profile.name} is no chat model; beside one it is planned with --with-embedding and --with-reranker"
            )
    every = (load_serving(name) for name in serving_names())
    return named or [profile for profile in every if profile.role is Role.CHAT]


def _body(request: Request, card: Card, figures: CardFigures, turn: Turn, rows: list[Row]) -> dict[str, object]:
    models = [
        asdict(row.fit) | {"fits": row.fit.fits, "weights_gb": row.profile.size.weights_gb, "cost": row.cost and asdict(row.cost)}
        for row in rows
    ]
    assumed = {"utilisation": UTILISATION, "prefill_efficiency": PREFILL_EFFICIENCY, "decode_efficiency": DECODE_EFFICIENCY}
    turn_body = asdict(turn) | {"turns_per_ticket": request.turns_per_ticket}
    return {
        "card": {"name": card.value, **asdict(figures)},
        "count": request.count,
        "turn": turn_body,
        "assumed": assumed,
        "models": models,
    }


def _show(request: Request, card: Card, figures: CardFigures, turn: Turn, rows: list[Row]) -> None:
    cards = f"[bold]{request.count} x {figures.memory_gb} GB[/]"
    show.out.print(f"{cards}, reckoned as {card.value}: {figures.source}", soft_wrap=True)
    fitting = [row for row in rows if row.cost]
    if fitting:
        _show_table(fitting, with_price=request.per_gpu_hour is not None)
    if others := [f"{row.profile.name} ({row.profile.size.weights_gb:g} GB of weights)" for row in rows if not row.cost]:
        show.out.print(f"\n{'Do' if len(others) > 1 else 'Does'} not fit: {', '.join(others)}")
    if fitting:
        _show_money(fitting)
        _show_shares(fitting[0].fit)
    _show_assumptions(request, turn, fitting)


def _show_table(fitting: list[Row], *, with_price: bool) -> None:
    """A line for each model, in a terminal of 80 columns, too; what only some of them need said stands below."""
    with_cache = not with_price or show.out.width >= WIDE
    heads = ["model", "runs on", "context", *(["KV tokens"] if with_cache else []), "at once", "GPU s for\n1,000"]
    table = Table(box=None, pad_edge=False, collapse_padding=True)
    for head in (*heads, *(["price for\n1,000"] if with_price else [])):
        table.add_column(head, no_wrap=True, justify="left" if head in {"model", "runs on"} else "right")
    for row in fitting:
        assert row.cost
        found = row.fit
        cells = [row.profile.name, f"{found.replicas} x {_gpus(found.parallel)}", f"{found.context_tokens:,}"]
        cells += [f"{found.kv_tokens:,}"] if with_cache else []
        cells += [f"{found.at_once:,}", f"{row.cost.gpu_seconds_per_thousand:,.0f}"]
        cells += [_price(row.cost.per_thousand_busy)] if with_price else []
        table.add_row(*cells)
    show.out.print(table)
    notes = [f"{row.profile.name}: {', '.join(noted)}." for row in fitting if (noted := _notes(row))]
    if any(row.fit.parallel > 1 for row in fitting):
        notes.insert(0, "R x N GPUs: R servers, each with --tensor-parallel-size=N.")
    if notes:
        show.out.print("\n" + "\n".join(notes), soft_wrap=True)


def _gpus(count: int) -> str:
    return f"{count} GPU" if count == 1 else f"{count} GPUs"


def _notes(row: Row) -> list[str]:
    found = row.fit
    notes = []
    if found.context_tokens < row.profile.context_tokens:
        notes.append(f"needs --max-model-len={found.context_tokens}")
    if found.unpacks:
        notes.append(f"made for {row.profile.gpu.value}, this card unpacks its weights")
    if found.spare_gpus:
        notes.append(f"{_gpus(found.spare_gpus)} to spare")
    return notes


def _price(amount: float | None) -> str:
    return "" if amount is None else f"{amount:,.2f}"


def _show_money(fitting: list[Row]) -> None:
    """What doesn't depend on the model: the GPUs' price, and each service's."""
    first = fitting[0].cost
    assert first
    lines = []
    if first.per_month is not None:
        lines.append(
            f"These GPUs cost {first.per_month:,.0f} a month, used or not; the prices above are for GPUs that are never idle."
        )
    for n, offer in enumerate(first.offers):
        line = f"By {offer.name}, 1,000 tickets cost {offer.per_thousand:,.2f}"
        if offer.break_even_tickets is not None:
            line += f": more than these GPUs from {offer.break_even_tickets:,.0f} tickets a month on"
            short = [row.profile.name for row in fitting if row.cost and not row.cost.offers[n].in_reach]
            line += f", which is more than they answer with {', '.join(short)}" if short else ""
        lines.append(line + ".")
    if lines:
        show.out.print("\n" + "\n".join(lines), markup=False, soft_wrap=True)


def _show_shares(found: Fit) -> None:
    if len(found.shares) > 1:
        told = ", ".join(
            f"{share.name if n else 'the chat model'} {share.utilisation:.2f}" for n, share in enumerate(found.shares)
        )
        show.out.print(f"\n--gpu-memory-utilization: {told}", soft_wrap=True)


def _show_assumptions(request: Request, turn: Turn, fitting: list[Row]) -> None:
    estimated = {name for row in fitting if row.cost for name in row.cost.speed.estimated}
    lines = [
        f"A ticket: turns {request.turns_per_ticket:g}; tokens of a turn: prompts {turn.prompt_tokens:,}, of them cached "
        f"{turn.shared_tokens:,}, answers {turn.answer_tokens:,} (and thoughts). At once: calls of the longest "
        f"kind, {turn.longest_tokens:,} tokens."
    ]
    if estimated:
        lines.append(
            f"Speeds are estimates: {PREFILL_EFFICIENCY:.0%} of the data sheet's arithmetic for prompts, {DECODE_EFFICIENCY:.0%} "
            "of its bandwidth for answers, at full load. Put measured ones in their place: --tokens-per-second, "
            "--prefill-tokens-per-second."
        )
    if request.per_resolution is not None:
        lines.append(f"By resolution: {request.resolved:.0%} of the tickets are charged for (--resolved).")
    show.out.print("\n" + "\n".join(lines), style="dim", soft_wrap=True, markup=False)
