"""Small records for tests of the figures."""

from agent.evaluation.cases import Expected, Said
from agent.evaluation.records import Cited, Made, Record, Sentence, Spent, judge
from agent.types import Author, Decision


def made(
    decision: Decision | None = Decision.ANSWER,
    *,
    answer: str = "A dog costs **€12** per night [1]",
    cited: str = "dogs",
    confidence: float = 0.9,
    seconds: float = 1.0,
    named: bool = True,
    topics: tuple[str, ...] = (),
) -> Made:
    citations = (Cited(n=1, doc_id=cited, passage_id=f"{cited}:1:0", title="Dogs", quote="A dog costs €12 per night."),)
    spoken = decision in (Decision.ANSWER, Decision.DRAFT)
    sentence = Sentence(
        text="A dog costs €12 per night.", span="A dog costs €12 per night.", doc_id=cited, passage_id="p", place="Dogs"
    )
    return Made(
        decision=decision,
        answer=answer,
        citations=citations if spoken else (),
        sentences=(sentence,) if spoken else (),
        confidence=confidence if spoken else 0.0,
        named=named,
        topics=topics,
        seconds=seconds,
        usage=Spent(llm_calls=1 if spoken else 0, prompt_tokens=300 if spoken else 0),
        timings_ms={"retrieve": 20.0, "draft": 800.0},
    )


ANSWERED = Expected(decision=Decision.ANSWER, doc_ids=("dogs",), facts=("€12",))
HANDED_OVER = Expected(decision=Decision.HANDOFF)


def record(
    case_id: str, ended: Made | None, expected: Expected = ANSWERED, *, asked: str = "What does a dog cost?", failed: str = ""
) -> Record:
    said = (Said(author=Author.CUSTOMER, text=asked),)
    return Record(id=case_id, said=said, expected=expected, made=ended, failed=failed, judgement=judge(expected, ended))
