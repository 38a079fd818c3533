"""Recall and precision of finding personal data, by class. Run: python -m tests.bench.bench_pii FILE

A row of the file is a JSON object with `text` and `spans` of `type`, `start`, `end`. Without a file: the tests' own samples.
Numbers, never an assertion. Names and addresses are reported as what they are: not found, for they have no form.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.privacy.detection import detect, regions_of
from policies.privacy import PersonalData
from tests.personal_data import ROWS, Row

CLASSES = {
    "CREDIT_CARD": PersonalData.PAYMENT_CARD,
    "IBAN_CODE": PersonalData.IBAN,
    "EMAIL_ADDRESS": PersonalData.EMAIL,
    "PHONE_NUMBER": PersonalData.PHONE,
    "IP_ADDRESS": PersonalData.IP_ADDRESS,
    "US_SSN": PersonalData.NATIONAL_ID,
}
NOT_SOUGHT = ("PERSON", "STREET_ADDRESS", "GPE", "ZIP_CODE")
REGIONS = regions_of(("en", "de", "id"))


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one class. `exact` of the wanted spans are found as they are, `touched` by a span that overlaps; `right` of the found
    ones overlap with a wanted one."""

    wanted: int
    found: int
    exact: int
    touched: int
    right: int

    @property
    def recall(self) -> float:
        return self.touched / self.wanted if self.wanted else 1.0

    @property
    def precision(self) -> float:
        return self.right / self.found if self.found else 1.0


def rows_of(path: Path) -> list[Row]:
    rows = []
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        spans = [(CLASSES[s["type"]], s["start"], s["end"]) for s in row["spans"] if s["type"] in CLASSES]
        rows.append(Row(row["text"], tuple(spans)))
    return rows


def measure(rows: Sequence[Row], regions: Sequence[str] = REGIONS) -> dict[PersonalData, Figures]:
    counts: dict[PersonalData, Counter[str]] = {kind: Counter() for kind in PersonalData}
    for row in rows:
        found = [(one.kind, one.start, one.end) for one in detect(row.text, regions)]
        for span in row.spans:
            counts[span[0]].update(wanted=1, exact=span in found, touched=any(_overlap(span, one) for one in found))
        for one in found:
            counts[one[0]].update(found=1, right=any(_overlap(span, one) for span in row.spans))
    return {kind: Figures(**{n: c[n] for n in Figures.__slots__}) for kind, c in counts.items()}


def _overlap(one: tuple[PersonalData, int, int], other: tuple[PersonalData, int, int]) -> bool:
    return one[0] is other[0] and one[1] < other[2] and other[1] < one[2]


def table(figures: dict[PersonalData, Figures]) -> Iterable[str]:
    yield f"{'class':14}{'wanted':>8}{'found':>8}{'recall':>9}{'exact':>9}{'precision':>11}"
    for kind, one in figures.items():
        exact = one.exact / one.wanted if one.wanted else 1.0
        yield f"{kind.value:14}{one.wanted:8}{one.found:8}{one.recall:9.3f}{exact:9.3f}{one.precision:11.3f}"


def not_sought(path: Path) -> Counter[str]:
    rows = (json.loads(line) for line in path.read_text("utf-8").splitlines())
    return Counter(span["type"] for row in rows for span in row["spans"] if span["type"] in NOT_SOUGHT)


def main(arguments: list[str]) -> None:
    path = Path(arguments[0]) if arguments else None
    rows = rows_of(path) if path else list(ROWS)
    print("\n".join(table(measure(rows))))
    begin = time.perf_counter()
    for row in rows:
        detect(row.text, REGIONS)
    spent = (time.perf_counter() - begin) * 1000 / len(rows)
    print(f"{len(rows)} texts of {sum(len(row.text) for row in rows) / len(rows):.0f} characters: {spent:.2f} ms each")
    if path:
        print("not looked for, since no form tells them:", dict(not_sought(path)))


if __name__ == "__main__":
    main(sys.argv[1:])
