"""What must be set before any library is imported: no telemetry, no downloads, no tracing; threads that wait politely."""

import os

SWITCHES = {
    "ANONYMIZED_TELEMETRY": "False",  # chromadb
    "DO_NOT_TRACK": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "LANGCHAIN_TRACING_V2": "false",
    "LANGSMITH_TRACING": "false",  # LangGraph calls out when this is true
    "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime looks up a host of its maker from native code, where no audit hook sees it
    "OTEL_SDK_DISABLED": "true",
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


def lock_down() -> None:
    """Force every switch, whatever the environment said before, and fill in preferences. Child processes inherit them."""
    os.environ.update(SWITCHES)
    for name, value in PREFERENCES.items():
        os.environ.setdefault(name, value)
