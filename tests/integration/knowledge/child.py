"""A second process on the same data folder.

child.py sync DATA DOCS [LIMIT]   sync, one line per document; LIMIT is the largest file it may write, in bytes
child.py read DATA [LANGUAGE...]  answer each line of stdin with the doc ids that were found, as JSON
"""

import json
import resource
import sys
from pathlib import Path

import knowledge.sync
from knowledge.base import KnowledgeBase, KnowledgeSettings
from knowledge.errors import KnowledgeError
from knowledge.sync import SyncOptions
from knowledge.types import Audience, Query


def main() -> None:
    command, data = sys.argv[1], Path(sys.argv[2])
    base = KnowledgeBase(KnowledgeSettings(data, threads=1))
    if command == "read":
        base.check()
        say("ready")
        for line in sys.stdin:
            hits = base.search(Query(line.strip(), frozenset(Audience), k=50, languages=frozenset(sys.argv[3:])))
            say(json.dumps([[hit.passage.doc_id, hit.passage.text, hit.lexical > 0] for hit in hits]))
        return
    # Small batches, so that there is a middle to be killed in.
    knowledge.sync.BATCH = 6
    if len(sys.argv) > 4:
        limit = int(sys.argv[4])
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        report = base.sync([Path(sys.argv[3])], options=SyncOptions(lambda done, total, title: say(f"{done}/{total}")))
    except KnowledgeError as error:
        say(f"{type(error).__name__}: {error}")
        sys.exit(3)
    say(f"added {len(report.added)}")


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
