"""A follow-up put as one question by a real model on a real llama.cpp server, and searched with in a real knowledge base."""

from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from agent.graph.build import build_graph
from agent.model_profiles import load_profile
from agent.model_routes import NamedModel, plan
from agent.settings import Settings
from agent.thinking import think
from agent.types import Author, Decision, RunId
from agent.wiring import parts, rules, shelf
from tests.samples import message

pytestmark = pytest.mark.slow
ARTICLES = {
    "pets.md": "# Pet fee\n\nThe fee for a dog is €12 per night. The fee for a cat is €5 per night. A guide dog is free.\n",
    "parking.md": "# Parking\n\nA place in the garage costs €8 per day and must be booked in advance.\n",
}
TALK = (
    message("1", text="How much is the fee for a dog?"),
    message("2", Author.ASSISTANT, "The fee for a dog is €12 per night."),
    message("3", text="and the other one, for three of them?"),
)
RESULTS = ("used", "unused", "ignored", "failed")


def asked() -> float:
    return sum(REGISTRY.get_sample_value("innkeeper_query_rewrites_total", {"result": r}) or 0.0 for r in RESULTS)


async def test_a_turn_asks_a_real_model_once_and_ends_well(llama: str, tmp_path: Path) -> None:
    folder = tmp_path / "articles"
    folder.mkdir()
    for name, text in ARTICLES.items():
        (folder / name).write_text(text, encoding="utf-8")
    settings = Settings(data_dir=tmp_path / "data", llm_base_url=llama, llm_timeout_s=120)
    profile = load_profile("smollm2").model_copy(update={"rewrites_queries": True})
    knowledge = shelf.build_knowledge(settings)
    knowledge.sync([folder])
    before = asked()
    routes = plan([NamedModel("default", profile, llama, timeout_s=120, concurrency=2)], {})
    async with parts.open_chat(routes) as chat:
        context = parts.build_context(chat, profile, knowledge, rules.build_policies(settings), {})
        outcome = await think(build_graph(), context, TALK, RunId("r"), "t")
    knowledge.close()
    assert asked() == before + 1
    assert outcome.decision in {Decision.ANSWER, Decision.HANDOFF}
    assert outcome.answer
    assert "rewrite" in outcome.timings_ms
    assert 1 <= outcome.usage.llm_calls <= 2
