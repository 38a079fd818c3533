"""Runs in vLLM's environment: the grammar that it makes of a chat request to a gpt-oss model. Standard input and output."""

import json
import os
import sys

if __name__ == "__main__":
    answers, sys.stdout = sys.stdout, sys.stderr
    from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
    from vllm.parser.harmony import _adjust_output_format

    request = _adjust_output_format(ChatCompletionRequest.model_validate(json.load(sys.stdin)))
    assert request.structured_outputs is not None
    assert request.response_format is None
    answers.write(request.structured_outputs.structural_tag or "null")
    answers.flush()
    os._exit(0)
