"""What `helm test` asks a release: is it ready, and does it answer one question? Standard library alone.

Usage: smoke.py URL QUESTION. The key of POST /v1/answers comes by the environment, as API_KEY; without one it is
only looked at that nobody else gets an answer either.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request

READY_WITHIN_S = 120.0
ANSWERS_WITHIN_S = 180.0
DECISIONS = {"answer", "draft", "clarify", "handoff", "refuse"}


class Failed(Exception):
    """The release doesn't do what it should."""


def call(url: str, body: dict | None = None, key: str = "") -> tuple[int, dict]:
    """Status and JSON body of one request; 0 and what went wrong if there was no answer."""
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
    data = json.dumps(body).encode() if body is not None else None
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, data, headers), timeout=ANSWERS_WITHIN_S) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            text = error.read().decode("utf-8", "replace")
        try:
            return error.code, json.loads(text)
        except json.JSONDecodeError:
            return error.code, {"message": text[:200]}
    except (OSError, ValueError) as error:
        return 0, {"message": str(error)}


def ready(base: str, within_s: float) -> str:
    """The status of /readyz once it says 200: `ready`, or `degraded` while only a model is down."""
    deadline = time.monotonic() + within_s
    while True:
        status, body = call(f"{base}/readyz")
        if status == 200:
            return str(body.get("status"))
        if time.monotonic() >= deadline:
            raise Failed(f"/readyz still says {status}: {body.get('message', body)}")
        time.sleep(2)


def answered(base: str, question: str, key: str) -> str:
    """The decision for one question; or that nobody gets one without the key."""
    if not key:
        status, _ = call(f"{base}/v1/answers", {"question": question})
        if status not in (401, 403):
            raise Failed(f"/v1/answers says {status} to somebody without a key; it should refuse")
        return "refused without a key"
    status, body = call(f"{base}/v1/answers", {"question": question}, key)
    if status != 200 or body.get("decision") not in DECISIONS:
        raise Failed(f"/v1/answers says {status}: {body.get('message', body)}")
    return str(body["decision"])


def main(base: str, question: str, within_s: float = READY_WITHIN_S) -> int:
    """Exit code."""
    try:
        sys.stdout.write(f"readyz: {ready(base, within_s)}\n")
        sys.stdout.write(f"answers: {answered(base, question, os.environ.get('API_KEY', ''))}\n")
    except Failed as failed:
        sys.stderr.write(f"{failed}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
