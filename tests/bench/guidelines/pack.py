"""The pack of 100 guidelines, and the messages that belong to them.

The guidelines are those of a company that rents out holiday homes: `rentals/*.yaml`, in place of those of the pack that
ships, which gives all the rest. `messages_dev.jsonl` has two messages for each of them, in the words that customers may use,
and examples up to the seventh were added where one of these was missed. `messages_held_out.jsonl` has one for each, written
after that, and one limit (`NEAR`, by the development half) was set after a first look at their sum.

`messages_fresh_select.jsonl` and `messages_fresh_check.jsonl` have 150 each, three for each guideline together: two plain ones
and one that tells a situation without the guideline's words. They were written from `about` alone, before the examples were
read; how examples are weighed was chosen on the first, and the second was kept for the end. After that seven more examples
were written for each guideline, at the end of its list, by who had written these messages: of the two sets, only figures with the
first six examples say how messages of other people fare. Four of the seven were written after a look at the sum of the messages
held out, none after a look at a message.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from policies.engine import PolicyEngine
from policies.load import default_folder, load_pack

HERE = Path(__file__).parent
GUIDELINES = 100
SETS = ("dev", "fresh_select", "fresh_check", "held_out")


@dataclass(frozen=True, slots=True)
class Row:
    """What a customer writes, and the id of the guideline that is meant for it."""

    text: str
    guideline: str


def write_pack(folder: Path) -> Path:
    """The whole policy folder, written there."""
    shutil.copytree(default_folder(), folder)
    for part in ("guidelines", "tests"):  # the tests are of the guidelines that ship
        shutil.rmtree(folder / part)
    shutil.copytree(HERE / "rentals", folder / "guidelines")
    return folder


def load_engine(folder: Path) -> PolicyEngine:
    """The engine of the pack, which is written to `folder`."""
    return PolicyEngine(load_pack(write_pack(folder)))


def load_rows(name: str) -> list[Row]:
    """One of `SETS`."""
    lines = (HERE / f"messages_{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [Row(value["text"], value["guideline"]) for value in map(json.loads, lines)]
