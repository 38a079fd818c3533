"""A model server that is never the bottleneck: `python -m tests.bench.scripted_model PORT [--seconds 0]`.

It speaks the part of OpenAI's API that Innkeeper uses, answers any number of calls at a time, each after the same time, and
writes as its draft what the first passage of the prompt says first. So all but the model's own work is done in full.
"""

import argparse
import asyncio
import json
import re
from typing import Any

_PASSAGE = re.compile(r'<passage n="1"[^>]*>\n(.*?)\n</passage>', re.DOTALL)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def draft(body: dict[str, Any]) -> str:
    """The draft for a prompt of the style `chat`; any other prompt has no passage, and gets one that says nothing."""
    found = _PASSAGE.search(body["messages"][-1]["content"])
    sentences = _SENTENCE_END.split(" ".join(found[1].split())) if found else []
    return json.dumps({"answerable": True, "sentences": [{"text": text[:400], "passage": 1} for text in sentences[:2]]})


def answer(path: str, body: dict[str, Any], calls: int) -> dict[str, Any]:
    """What is sent back. `/asked` tells how many completions were asked for."""
    if path == "/asked":
        return {"calls": calls}
    if path.endswith("/models"):
        return {"object": "list", "data": [{"id": "innkeeper-chat", "object": "model"}]}
    prompt_tokens = sum(len(message["content"]) for message in body["messages"]) // 4
    message = {"role": "assistant", "content": draft(body)}
    usage = {"prompt_tokens": prompt_tokens, "completion_tokens": len(message["content"]) // 4}
    return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}


async def serve(port: int, seconds: float) -> None:
    """Until it is ended."""
    calls = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            found = re.search(r"content-length: *(\d+)", head, re.IGNORECASE)
            body = json.loads(await reader.readexactly(int(found[1]))) if found else {}
            path = head.split(" ", 2)[1]
            if path.endswith("/completions"):
                calls += 1
                await asyncio.sleep(seconds)
            content = json.dumps(answer(path, body, calls)).encode()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n")
            writer.write(f"content-length: {len(content)}\r\n\r\n".encode() + content)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", port, backlog=1024) as server:
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--seconds", type=float, default=0.0)
    given = parser.parse_args()
    asyncio.run(serve(given.port, given.seconds))


if __name__ == "__main__":
    main()
