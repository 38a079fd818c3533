"""What must be set before any library is imported: no telemetry, no downloads, no tracing; threads that wait politely."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

OTEL_OFF = "OTEL_SDK_DISABLED"
SWITCHES = {
    "ANONYMIZED_TELEMETRY": "False",  # chromadb
    "DO_NOT_TRACK": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "LANGCHAIN_TRACING_V2": "false",
    "LANGSMITH_TRACING": "false",  # LangGraph calls out when this is true
    "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime looks up a host of its maker from native code, where no audit hook sees it
    OTEL_OFF: "true",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
}
PREFERENCES = {
    # torch's threads would wait spinning. With a neighbour that is busy too (the model, a second process) embedding
    # a few sentences then takes a minute instead of seconds.
    "OMP_WAIT_POLICY": "PASSIVE",
}
FOREIGN = ("OTEL_", "CHROMA_OTEL_")
"""Variables of these names would tell libraries where to send what they trace. `INNKEEPER_OTLP_ENDPOINT` alone says that."""


def lock_down() -> None:
    """Force every switch, whatever the environment said before, and fill in preferences. Child processes inherit them."""
    for name in [name for name in os.environ if name.upper().startswith(FOREIGN)]:
        del os.environ[name]
    os.environ.update(SWITCHES)
    for name, value in PREFERENCES.items():
        os.environ.setdefault(name, value)


@contextmanager
def tracing_allowed() -> Iterator[None]:
    """For as long as our own tracer is built. One that a library builds, before or after, stays off."""
    before = os.environ.pop(OTEL_OFF, None)
    try:
        yield
    finally:
        if before is not None:
            os.environ[OTEL_OFF] = before
