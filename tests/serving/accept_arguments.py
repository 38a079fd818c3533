"""Runs in vLLM's environment: gives argument lists to vLLM's own parser.

Standard input: JSON, name -> arguments after `vllm serve`, and `env:NAME` for what the environment holds. Standard output:
JSON, name -> what is wrong, empty if nothing is. vLLM's parser refuses arguments that it doesn't know, but takes any name of
a tool-call or reasoning parser, and any JSON for speculative decoding: those are looked up where vLLM will do so at start.
"""

import argparse
import contextlib
import dataclasses
import io
import json
import os
import sys
import typing


def wrong(given: list[str]) -> str:
    from vllm import envs
    from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
    from vllm.exceptions import VLLMValidationError
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    for variable in (word.removeprefix("env:") for word in given if word.startswith("env:")):
        if variable.startswith("VLLM_") and variable not in envs.environment_variables:
            return f"{variable} is none of vLLM's"
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            arguments = [word for word in given if not word.startswith("env:")]
            parsed = make_arg_parser(FlexibleArgumentParser()).parse_args(arguments)
            validate_parsed_serve_args(parsed)
    except SystemExit:
        return said.getvalue().strip()[-500:]
    except (TypeError, ValueError, VLLMValidationError) as error:
        return str(error)
    return unknown_parser(parsed) or wrong_guessing(parsed.speculative_config or {})


def unknown_parser(parsed: argparse.Namespace) -> str:
    from vllm.reasoning import ReasoningParserManager
    from vllm.tool_parsers import ToolParserManager

    for name, registry in (("tool_call_parser", ToolParserManager), ("reasoning_parser", ReasoningParserManager)):
        value = getattr(parsed, name)
        if value and value not in registry.list_registered():
            return f"{name}: {value!r} is not registered"
    return ""


def wrong_guessing(config: dict[str, object]) -> str:
    from vllm.config.speculative import SpeculativeConfig, SpeculativeMethod

    fields = {field.name for field in dataclasses.fields(SpeculativeConfig)}
    unknown = sorted(set(config) - fields)
    if unknown:
        return f"speculative_config: unknown {', '.join(unknown)}"
    if config and config.get("method") not in literals(SpeculativeMethod):
        return f"speculative_config: unknown method {config.get('method')!r}"
    return ""


def literals(kind: object) -> set[object]:
    """All values of a Literal, or of a union of such."""
    found: set[object] = set()
    for argument in typing.get_args(kind):
        found |= literals(argument) if typing.get_args(argument) else {argument}
    return found


if __name__ == "__main__":
    answers, sys.stdout = sys.stdout, sys.stderr  # what libraries print must not get between
    json.dump({name: wrong(arguments) for name, arguments in json.load(sys.stdin).items()}, answers)
    answers.flush()
    os._exit(0)
