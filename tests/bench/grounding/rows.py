"""Claims with their sources and people's or made-up judgements of them, from every set that the check learns from."""

import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from agent.grounding.claims import is_courtesy, is_unknowing
from agent.grounding.evidence import evidence
from agent.grounding.passages import heading, passage_sentences
from agent.grounding.source import Source, source_of, source_of_texts
from agent.grounding.wording import Kind, read
from knowledge.chunk import split
from knowledge.sentences import split_sentences
from knowledge.sources.files import read_sources
from knowledge.types import Audience, Document, Embedder, Passage
from tests.bench.grounding.corruptions import capital, corrupted, promises

SAMPLES = Path(__file__).parents[3] / "knowledge" / "samples"
DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
NOT_ONE_WORD = ("promise", "invented", "article", "relation")
NEAREST = 4
SURELY_KNOWN = 0.8
SOME_WRONG = "some of it is not supported"
"""Kind of a claim in a reply that people judged unsupported as a whole: it may itself be true."""


@dataclass(frozen=True)
class Row:
    """One claim. `group` never stands on both sides of a split; `item` is the reply; `original` what a corruption was made of."""

    corpus: str
    group: str
    item: str
    claim: str
    supported: bool
    kind: str
    source: Source
    question: str = ""
    original: str = ""
    contexts: tuple[str, ...] = ()
    """Title and headings of each passage of the source, if they are known."""
    reply: str = ""
    """All that the claim is from as it was written, if that is known."""


def claims(reply: str) -> list[str]:
    """The sentences of a reply that need a source."""
    return [s for s in split_sentences(reply, "en") if not is_courtesy(s) and not is_unknowing(s)]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def people_s_targets(data: Path, embedder: Embedder, dice: random.Random, most: int = 2) -> Iterator[Row]:
    """mtrag_un_decisions: replies written by people, as they are, corrupted, and another conversation's sentences."""
    passages = {p["id"]: p for p in lines(data / "mtrag_un_decisions" / "passages.jsonl")}
    told: list[tuple[dict[str, Any], Source, str]] = []
    for task in lines(data / "mtrag_un_decisions" / "tasks.jsonl"):
        if task["answerability"] in ("answerable", "partial") and task["contexts"]:
            source = source_of_texts([split_sentences(passages[c]["text"], "en") for c in task["contexts"]])
            told += [(task, source, sentence) for sentence in claims(task["target"])]
    vectors = embedder.embed([sentence for _, _, sentence in told])
    for n, (task, source, sentence) in enumerate(told):
        common = {"corpus": "targets", "group": task["group"], "item": task["id"], "source": source}
        common |= {"question": task["conversation"][-1]["text"], "original": sentence, "reply": task["target"]}
        yield Row(claim=sentence, supported=True, kind="true", **common)
        for kind, wrong in corrupted(sentence, source, dice, most):
            yield Row(claim=wrong, supported=False, kind=kind, **common)
        near = np.argsort(-(vectors @ vectors[n]), kind="stable")
        other = next(told[j][2] for j in near if told[j][0]["group"] != task["group"])
        yield Row(claim=other, supported=False, kind="article", **{**common, "original": ""})


def agents_turns(data: Path, dice: random.Random) -> Iterator[Row]:
    """mtrag_un: what agents said earlier in those conversations, where the nearest passages have its words; and corrupted."""
    passages = lines(data / "mtrag_un" / "corpus.jsonl")
    tasks = lines(data / "mtrag_un_decisions" / "tasks.jsonl")
    targets = {sentence for task in tasks for sentence in claims(task["target"])}
    told = {
        (task["group"], sentence)
        for task in tasks
        for turn in task["conversation"]
        if turn["role"] == "agent"
        for sentence in claims(turn["text"])
        if sentence not in targets and 5 <= len(sentence.split()) <= 45
    }
    finder = TfidfVectorizer(sublinear_tf=True, stop_words="english")
    index = finder.fit_transform([f"{p['title']} {p['text']}" for p in passages])
    for group, sentence in sorted(told):
        near = np.argsort(-(index @ finder.transform([sentence]).T).toarray()[:, 0], kind="stable")[:NEAREST]
        source = source_of_texts([split_sentences(passages[n]["text"], "en") for n in near])
        if share_known(sentence, source) < SURELY_KNOWN:
            continue
        common = {"corpus": "turns", "group": group, "item": f"{group}:{sentence}", "source": source, "original": sentence}
        yield Row(claim=sentence, supported=True, kind="true", **common)
        for kind, wrong in corrupted(sentence, source, dice, 1):
            yield Row(claim=wrong, supported=False, kind=kind, **common)


def share_known(text: str, source: Source) -> float:
    """The share of a claim's facts that its evidence has; 0 if a number or name is nowhere."""
    words = read(text)
    facts = [word for word in words if word.is_fact]
    if not facts or any(w.kind in (Kind.NUMBER, Kind.NAME) and w.stem not in source.stems for w in facts):
        return 0.0
    found = evidence(words, source, source.region(words))
    stems = {word.stem for word in read(found.text)}
    return sum(word.stem in stems for word in facts) / len(facts)


def begin(data: Path, dice: random.Random) -> Iterator[Row]:
    """BEGIN: replies of dialogue models that people judged, and the supported ones corrupted."""
    for reply in lines(data / "begin" / "data.jsonl"):
        source = source_of_texts([split_sentences(reply["context"], "en")])
        supported = reply["label"] == "fully_attributable"
        sentences = split_sentences(reply["answer"], "en") or [reply["answer"]]
        kind = "true" if supported else "judged" if len(sentences) == 1 else SOME_WRONG
        common = {"corpus": "begin", "group": f"begin:{reply['context']}", "item": reply["id"], "source": source}
        common |= {"question": reply["question"], "reply": reply["answer"]}
        for sentence in sentences:
            yield Row(claim=sentence, supported=supported, kind=kind, original=sentence, **common)
            if supported and len(sentence.split()) > 4:
                for way, wrong in corrupted(sentence, source, dice, 1):
                    yield Row(claim=wrong, supported=False, kind=way, original=sentence, **common)


def faithful(data: Path, dice: random.Random | None = None) -> Iterator[Row]:
    """mtrag_faithful: replies of large models and of people, with votes from 1 to 4; with dice, the good ones corrupted."""
    for reply in lines(data / "mtrag_faithful" / "data.jsonl"):
        source = source_of_texts([split_sentences(p, "en") for p in reply["passages"]])
        vote = float(np.median([int(v) for v in reply["faithfulness_votes"]]))
        for sentence in claims(reply["answer"]):
            common = {"corpus": "faithful", "group": f"faithful:{reply['group'].split('<')[0]}", "item": reply["id"]}
            common |= {"source": source, "question": reply["conversation"][-1]["text"], "original": sentence}
            common["reply"] = reply["answer"]
            yield Row(claim=sentence, supported=vote > 2, kind="true" if vote > 2 else SOME_WRONG, **common)
            if dice and vote > 2 and share_known(sentence, source) > SURELY_KNOWN:
                for kind, wrong in corrupted(sentence, source, dice, 1):
                    yield Row(claim=wrong, supported=False, kind=kind, **common)


def help_centre() -> dict[str, list[Passage]]:
    """The passages of each public sample article."""
    documents = [d for d in read_sources([SAMPLES / "help_centre"]) if isinstance(d, Document)]
    return {d.doc_id: split(d) for d in documents if d.audience is Audience.PUBLIC}


def articles(embedder: Embedder, dice: random.Random, most: int = 1) -> Iterator[Row]:
    """The sentences of the sample articles as they are or rewritten, corrupted, and of the nearest other article."""
    centre = help_centre()
    flat = [(p, s) for passages in centre.values() for p in passages for s in passage_sentences(p)]
    vectors = embedder.embed([s for _, s in flat])
    for n, (passage, sentence) in enumerate(flat):
        own = [p for p in centre[passage.doc_id] if p is not passage][:2]
        source = source_of([passage, *own])
        common = {"corpus": "articles", "group": passage.doc_id, "item": passage.passage_id, "source": source}
        common["contexts"] = tuple(heading(p) for p in (passage, *own))
        ways = rewritten(sentence)
        chosen = [ways[name] for name in dice.sample(sorted(ways), min(2, len(ways)))]
        for text in chosen:
            yield Row(claim=text, supported=True, kind="true", original=sentence, **common)
        for kind, wrong in corrupted(chosen[0], source, dice, most):
            yield Row(claim=wrong, supported=False, kind=kind, original=chosen[0], **common)
        for wrong in list(promises(sentence))[:1]:
            yield Row(claim=wrong, supported=False, kind="promise", **common)
        near = np.argsort(-(vectors @ vectors[n]), kind="stable")
        other = next(flat[j][1] for j in near if flat[j][0].doc_id != passage.doc_id)
        if all(other != s.text for s in source.sentences):
            yield Row(claim=other, supported=False, kind="article", **common)


PARAPHRASES = Path(__file__).with_name("paraphrases.jsonl")
MORE = Path(__file__).with_name("paraphrases_more.jsonl")
"""Replies that the reader was trained on as well, and the forests not yet."""


def replies(part: str) -> Iterator[Row]:
    """Replies written for the sample articles, and their corruptions. `part` is `dev`, `test` or `fresh`."""
    centre = help_centre()
    for reply in lines(SAMPLES / ("replies_fresh.jsonl" if part == "fresh" else "replies.jsonl")):
        if reply.get("part", "fresh") == part:
            passages = [p for doc_id in reply["doc_ids"] for p in centre[doc_id]]
            yield from _reply_rows(f"replies_{part}", reply["doc_ids"][0], reply, passages)


def paraphrases(data: Path, path: Path = PARAPHRASES) -> Iterator[Row]:
    """Replies written for passages of public sets, freely, and corrupted by hand."""
    items = list(lines(path))
    texts = {
        (name, row["id"]): _document(row)
        for name in sorted({item["set"] for item in items})
        for row in lines(data / name / "corpus.jsonl")
    }
    for reply in items:
        passages = [p for passage_id in reply["passages"] for p in split(texts[reply["set"], passage_id])]
        yield from _reply_rows("paraphrases", f"{reply['set']}:{reply['passages'][0]}", reply, passages)


def _document(row: dict[str, Any]) -> Document:
    return Document(doc_id=row["id"], title=row["title"], text=row["text"], audience=Audience.PUBLIC, source=row["id"])


def test_articles() -> set[str]:
    """Articles of the replies that nothing may be learnt from."""
    return {doc_id for reply in lines(SAMPLES / "replies.jsonl") if reply["part"] == "test" for doc_id in reply["doc_ids"]}


def _reply_rows(corpus: str, group: str, reply: dict[str, Any], passages: Sequence[Passage]) -> Iterator[Row]:
    common = {"corpus": corpus, "group": group, "source": source_of(passages), "question": reply["question"]}
    common |= {"contexts": tuple(heading(p) for p in passages), "reply": reply["reply"]}
    true = split_sentences(reply["reply"], "en")
    for sentence in claims(reply["reply"]):
        yield Row(claim=sentence, supported=True, kind="true", item=reply["id"], original=sentence, **common)
    for corruption in reply["corruptions"]:
        for sentence in split_sentences(corruption["text"], "en"):
            if sentence not in true:
                original = (
                    "" if corruption["kind"] in ("promise", "invented", "article", "relation") else _nearest(sentence, true)
                )
                yield Row(claim=sentence, supported=False, kind=corruption["kind"], item=reply["id"], original=original, **common)


def _nearest(sentence: str, others: Sequence[str]) -> str:
    words = set(sentence.split())
    return max(others, key=lambda other: len(words & set(other.split())) / max(1, len(words | set(other.split()))))


def rewritten(text: str) -> dict[str, str]:
    """Ways to say the same, by name."""
    found = {"as it is": text}
    if match := re.fullmatch(r"If ([^,]+), ((?:you|the|we|it|all|no)\b[^,]*)\.", text):
        found["if moved"] = f"{capital(match[2])} if {match[1]}."
    short = re.sub(r"\b(is|are|do|does|can) ?not\b", lambda m: {"can": "can't"}.get(m[1], f"{m[1]}n't"), text)
    found["contracted"] = short
    found["no please"] = re.sub(r"\bplease\b,? ?", "", text, flags=re.I)
    found["will"] = re.sub(r"\byou get\b", "you will get", text, flags=re.I)
    found["receive"] = re.sub(r"\bget\b", "receive", text)
    found["courteous"] = re.sub(r"^(You|The|If)\b", lambda m: f"Please note that {m[0].lower()}", text)
    found["words"] = re.sub(r"\b([2-9])\b", lambda m: DIGITS[int(m[1])], text)
    found["other words"] = text.replace("booking", "reservation").replace("refunded", "reimbursed")
    return {name: capital(new) for name, new in found.items() if new and (name == "as it is" or new != text)}
