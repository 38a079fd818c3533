"""A converter child whose converters behave badly."""

import os
import sys
import time
from pathlib import Path

from knowledge.sources.convert_child import serve
from knowledge.sources.converted import Converted


def sleep(path: Path) -> Converted:
    time.sleep(600)
    return Converted("never")


def eat(path: Path) -> Converted:
    return Converted("x" * 3_000_000_000)


def crash(path: Path) -> Converted:
    os.abort()


def say(path: Path) -> Converted:
    sys.stdout.write("noise\n")
    os.write(1, b"more noise\n")
    return Converted(f"{os.environ.get('INNKEEPER_LLM_API_KEY')} {len(os.listdir('/proc/self/fd'))}")


if __name__ == "__main__":
    serve({f".{name}": f"__main__:{name}" for name in ("sleep", "eat", "crash", "say")})
