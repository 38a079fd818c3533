"""`innkeeper models …`: which models can be served, with which command, and what fits on which GPUs."""

from typing import Annotated

import typer
from rich.table import Column, Table

from agent.cli import show
from agent.cli.frame import reports_errors
from agent.operations.plan_cards import Card
from agent.operations.serving import (
    ServingProfile,
    command,
    environment,
    load_serving,
    serving_names,
    shell_lines,
)

app = typer.Typer(help="Models to serve on your own GPUs with vLLM.", no_args_is_help=True, rich_markup_mode=None)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_models(json: Json = False) -> None:
    """Every checkpoint with a file in `deploy/models`: what it is for, its size and licence."""
    reports_errors(_list)(json)


@app.command("show")
def show_model(
    name: Annotated[str, typer.Argument(help="As `innkeeper models list` gives it.")],
    shell: Annotated[bool, typer.Option("--shell", help="Only the command, ready to paste.")] = False,
    path: Annotated[str | None, typer.Option(metavar="DIR", help="Folder of the weights; /models/NAME if not given.")] = None,
    speculative: Annotated[
        bool, typer.Option("--speculative", help="With speculative decoding: quicker answers while few are asked for.")
    ] = False,
    json: Json = False,
) -> None:
    """One model: its needs, its licence, where the figures come from, and the whole `vllm serve` command."""
    if shell and json:
        raise typer.BadParameter("give one of --shell and --json")
    reports_errors(_show)(name, shell, path, speculative, json)


@app.command()
def plan(
    gpu: Annotated[int | None, typer.Option(metavar="GB", help="Memory of each GPU: 24, 48 or 80.", show_default=False)] = None,
    card: Annotated[Card | None, typer.Option(help="Which card; the slowest of that size if not given.")] = None,
    count: Annotated[int, typer.Option(min=1, max=64, help="How many such GPUs.")] = 1,
    model: Annotated[
        list[str] | None, typer.Option(help="Only this one; may be repeated. Every chat model if not given.")
    ] = None,
    with_embedding: Annotated[bool, typer.Option("--with-embedding", help="Beside Qwen3-Embedding-0.6B, on every GPU.")] = False,
    with_reranker: Annotated[bool, typer.Option("--with-reranker", help="Beside Qwen3-Reranker-0.6B, on every GPU.")] = False,
    turns: Annotated[float, typer.Option(min=0.1, help="Turns a ticket takes.")] = 1.0,
    prompt_tokens: Annotated[int | None, typer.Option(min=1, help="Of a turn; as measured if not given.")] = None,
    answer_tokens: Annotated[int | None, typer.Option(min=1, help="Of a turn; as measured if not given.")] = None,
    tokens_per_second: Annotated[
        float | None, typer.Option(min=0.1, help="Answer tokens a second that you measured, of one server under load.")
    ] = None,
    prefill_tokens_per_second: Annotated[
        float | None, typer.Option(min=0.1, help="Prompt tokens a second that you measured, likewise.")
    ] = None,
    price_per_gpu_hour: Annotated[float | None, typer.Option(min=0.0, help="Of your own GPU, all told.")] = None,
    price_per_resolution: Annotated[float | None, typer.Option(min=0.0, help="Of a service that charges by ticket.")] = None,
    resolved: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of the tickets that it charges for.")] = 1.0,
    price_per_million_tokens: Annotated[
        str | None, typer.Option(metavar="IN[/OUT]", help="Of a service that sells tokens, e.g. 0.4/1.6; one figure for both.")
    ] = None,
    json: Json = False,
) -> None:
    """What fits on your GPUs, how many turns at once, and what a thousand tickets cost, beside prices that you name.

    An estimate from the models' sizes and the cards' data sheets; nothing is started. Prices are in one currency of yours.
    """
    from agent.cli.plan import Request, run, token_prices

    speeds = (prefill_tokens_per_second, tokens_per_second)
    if any(speeds) and len(model or ()) != 1:
        raise typer.BadParameter("a measured speed is one model's: name it with --model")
    million_in, million_out = token_prices(price_per_million_tokens)
    request = Request(
        gpu=gpu,
        card=card,
        count=count,
        models=tuple(model or ()),
        beside=(*(["qwen3-embedding-0.6b"] if with_embedding else []), *(["qwen3-reranker-0.6b"] if with_reranker else [])),
        turns_per_ticket=turns,
        prompt_tokens=prompt_tokens,
        answer_tokens=answer_tokens,
        prefill_tokens_per_s=prefill_tokens_per_second,
        decode_tokens_per_s=tokens_per_second,
        per_gpu_hour=price_per_gpu_hour,
        per_resolution=price_per_resolution,
        resolved=resolved,
        per_million_in=million_in,
        per_million_out=million_out,
        json=json,
    )
    reports_errors(run)(request)


def _list(json: bool) -> None:
    found = [load_serving(name) for name in serving_names()]
    if json:
        show.as_json([_facts(profile) for profile in found])
        return
    fixed = (Column(head, no_wrap=True) for head in ("model", "for", "weights", "checked"))
    table = Table(*fixed, Column("licence", overflow="fold"), box=None, pad_edge=False)
    for one in found:
        weights = f"{one.size.weights_gb:.1f} GB {one.quantisation}"
        table.add_row(one.name, one.role.value, weights, one.checked, one.licence.name)
    show.out.print(table)
    show.out.print("served: a test serves a tiny model of its kind with these arguments; parser: vLLM takes them.", style="dim")


def _show(name: str, shell: bool, path: str | None, speculative: bool, json: bool) -> None:
    profile = load_serving(name)
    if shell:
        show.out.file.write(shell_lines(profile, model_path=path, speculative=speculative) + "\n")
        return
    words = command(profile, model_path=path, speculative=speculative)
    if json:
        show.as_json(
            _facts(profile) | {"command": words, "env": environment(profile, model_path=path), "sources": profile.sources}
        )
        return
    for label, told in _told(profile):
        show.out.print(f"{label:12} {told}", markup=False, soft_wrap=True)
    show.out.print("\nSources", style="bold")
    for what, source in profile.sources.items():
        show.out.print(f"  {what}: {source}", markup=False, soft_wrap=True)
    show.out.print("\nCommand", style="bold")
    show.out.file.write(shell_lines(profile, model_path=path, speculative=speculative) + "\n")


def _told(profile: ServingProfile) -> list[tuple[str, str]]:
    size, licence = profile.size, profile.licence
    active = "" if size.active_b == size.parameters_b else f", {size.active_b:g} billion of them a token"
    state = f", and {size.state_mb_per_sequence:g} MB of state a sequence" if size.state_mb_per_sequence else ""
    rows = [
        ("model", profile.name),
        ("checkpoint", profile.checkpoint),
        ("for", profile.role.value),
        ("asked by", f"INNKEEPER_LLM_PROFILE={profile.profile}" if profile.profile else "–"),
        ("size", f"{size.parameters_b:g} billion parameters{active}; {size.weights_gb:g} GB in {profile.quantisation}"),
        ("cache", f"{size.kv_bytes_per_token:,} bytes a token{state}"),
        ("serves", f"{profile.context_tokens:,} tokens of context, {profile.sequences} sequences at a time"),
        (
            "GPU",
            f"{profile.gpu.value} or newer" + ("; an older one unpacks the weights" if profile.quantisation == "fp8" else ""),
        ),
        ("licence", f"{licence.name}, {licence.url}" + (f". {licence.note}" if licence.note else "")),
        ("checked", profile.checked),
    ]
    if profile.speculative:
        rows.append(("guessing", f"off; --speculative adds {profile.speculative}"))
    return rows


def _facts(profile: ServingProfile) -> dict[str, object]:
    body = profile.model_dump(mode="json", exclude={"args", "env", "sources"})
    return body | {"context_tokens": profile.context_tokens, "sequences": profile.sequences, "model_path": profile.model_path}
