"""Ask sample questions and the probes: `python -m tests.bench.report_samples [--questions FILE] [--profile NAME]`.

Runs every question through the whole graph with the packaged model, over the sample help centre, and writes a
report that lists question, decision, answer and cited passages of each, to be read by a person. Prints the figures.
"""

import argparse
import asyncio
import json
import re
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.privacy.environment import lock_down
from agent.settings import Settings
from agent.telemetry import configure_logging
from agent.types import Author, Message, MessageId, Outcome
from agent.wiring import shelf
from agent.wiring.asking import open_answerer

SAMPLES = Path("knowledge/samples")
ANSWERABLE = ("covered", "follow_up", "other_language")


@dataclass(frozen=True)
class Asked:
    question: dict[str, Any]
    outcome: Outcome
    seconds: float

    @property
    def cited(self) -> list[str]:
        return [c.doc_id for c in self.outcome.citations]

    @property
    def right_article(self) -> bool:
        return any(doc in self.question["doc_ids"] for doc in self.cited)

    @property
    def facts(self) -> bool:
        said = squeeze(self.outcome.answer)
        return all(squeeze(fact) in said for fact in self.question["facts"])


def squeeze(text: str) -> str:
    return re.sub(r"[\s*_]+", "", text.lower())


def messages(question: dict[str, Any]) -> tuple[Message, ...]:
    return tuple(Message(MessageId(str(n)), Author(m["author"]), m["text"], "") for n, m in enumerate(question["conversation"]))


async def run(
    profile: str, data_dir: Path, lines: Sequence[str], limit: int
) -> tuple[list[Asked], list[tuple[dict[str, Any], Outcome]]]:
    settings = Settings(data_dir=data_dir, llm_profile=profile)
    knowledge = shelf.build_knowledge(settings)
    knowledge.sync([SAMPLES / "help_centre"])
    knowledge.close()
    asked: list[Asked] = []
    probed: list[tuple[dict[str, Any], Outcome]] = []
    async with open_answerer(settings) as answer:
        for line in lines[:limit]:
            question = json.loads(line)
            start = time.perf_counter()
            asked.append(Asked(question, await answer(messages(question), None), time.perf_counter() - start))
        for line in (SAMPLES / "probes.jsonl").read_text(encoding="utf-8").splitlines()[:limit]:
            probe = json.loads(line)
            probed.append((probe, await answer((Message(MessageId("1"), Author.CUSTOMER, probe["text"], ""),), None)))
    return asked, probed


def figures(asked: list[Asked], probed: list[tuple[dict[str, Any], Outcome]]) -> list[str]:
    by_kind: dict[str, list[Asked]] = defaultdict(list)
    for one in asked:
        by_kind[one.question["kind"]].append(one)
    answerable = [a for kind in ANSWERABLE for a in by_kind[kind]]
    answered = [a for a in answerable if a.outcome.decision == "answer"]
    lines = [
        f"answerable {len(answerable)}: answered {len(answered)}, with the right article cited "
        f"{sum(a.right_article for a in answered)} ({percent(sum(a.right_article for a in answered), len(answerable))}), "
        f"with every key fact {sum(a.facts for a in answered)} ({percent(sum(a.facts for a in answered), len(answerable))})"
    ]
    for kind, ones in by_kind.items():
        decisions = Counter(a.outcome.decision.value for a in ones)
        right = sum(a.outcome.decision == "answer" and a.right_article for a in ones)
        met = sum(a.outcome.decision.value == a.question["decision"] for a in ones)
        lines.append(
            f"  {kind} {len(ones)}: expected decision {met}; {dict(decisions)}"
            + (f"; right article {right}" if kind in ANSWERABLE else "")
        )
    leaks = sum(leaked(probe, outcome) for probe, outcome in probed)
    lines.append(
        f"probes at internal articles {len(probed)}: {leaks} leaked; {dict(Counter(o.decision.value for _, o in probed))}"
    )
    seconds = sorted(a.seconds for a in asked)
    calls = Counter(a.outcome.usage.llm_calls for a in asked)
    prompt = max(a.outcome.usage.prompt_tokens for a in asked)
    lines.append(
        f"seconds a turn: median {seconds[len(seconds) // 2]:.2f}, worst {seconds[-1]:.2f}; "
        f"model calls {dict(calls)}; longest prompt {prompt} tokens"
    )
    return lines


def leaked(probe: dict[str, Any], outcome: Outcome) -> bool:
    text = outcome.answer + " ".join(c.quote for c in outcome.citations)
    return any(c.doc_id == probe["target"] for c in outcome.citations) or any(s.lower() in text.lower() for s in probe["secrets"])


def percent(part: int, whole: int) -> str:
    return f"{100 * part / max(1, whole):.1f}%"


def report(asked: list[Asked], lines: list[str]) -> str:
    parts_ = ["# The sample questions", "", *[f"- {line.strip()}" for line in lines], ""]
    for one in asked:
        question, outcome = one.question, one.outcome
        flag = "" if outcome.decision.value == question["decision"] else " **decision differs**"
        if question["kind"] in ANSWERABLE and outcome.decision == "answer":
            flag += "" if one.right_article else " **other article**"
            flag += "" if one.facts else " *fact missing*"
        parts_ += [
            f"## {question['id']} {question['kind']}: expected {question['decision']}, got {outcome.decision.value}{flag}",
            "",
        ]
        parts_ += [f"> {m['author']}: {m['text']}" for m in question["conversation"]]
        parts_ += [
            "",
            outcome.answer,
            "",
            f"confidence {outcome.confidence:.2f}; {outcome.reason}; wanted {question['doc_ids']} {question['facts']}",
            "",
        ]
        parts_ += [f"- [{c.n}] {c.doc_id}: {' '.join(c.quote.split())}" for c in outcome.citations] + [""]
    return "\n".join(parts_)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default="")
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "innkeeper-samples.md")
    parser.add_argument("--data", type=Path, help="keep the knowledge base here for the next run")
    parser.add_argument("--questions", type=Path, default=SAMPLES / "questions.jsonl")
    parser.add_argument("--limit", type=int, default=1_000)
    options = parser.parse_args()
    lock_down()
    configure_logging("ERROR")
    lines = options.questions.read_text(encoding="utf-8").splitlines()
    with tempfile.TemporaryDirectory() as folder:
        asked, probed = asyncio.run(run(options.profile, options.data or Path(folder), lines, options.limit))
    lines = figures(asked, probed)
    options.out.write_text(report(asked, lines), encoding="utf-8")
    print("\n".join(lines))
    print(f"the report: {options.out}")


if __name__ == "__main__":
    main()
