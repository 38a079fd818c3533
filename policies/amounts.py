"""Amounts of money and spans of time, as a support lead writes them. Pure."""

import re
from typing import Annotated

from pydantic import BeforeValidator, StringConstraints

from policies.expressions import cents

_SPAN = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_SECONDS = {"m": 60, "h": 3600, "d": 86400}


def _read_cents(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("write an amount with at most two decimals, e.g. 100 or 99.50")
    try:
        found = cents(str(value))
    except ValueError as error:
        raise ValueError(f"{value} is no amount; write one with at most two decimals, e.g. 100 or 99.50") from error
    if found < 0:
        raise ValueError(f"{value} is below zero; write how much is allowed at most")
    return found


Cents = Annotated[int, BeforeValidator(_read_cents, json_schema_input_type=str | int | float)]
"""Written in whole units with at most two decimals, kept in cents."""

Span = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,4}[mhd]$")]
"""Minutes, hours or days: `30m`, `4h`, `30d`."""


def seconds(span: str) -> int:
    """How long a span is."""
    found = _SPAN.fullmatch(span)
    if found is None:
        raise ValueError(f"{span} is no span of time")
    return int(found[1]) * _SECONDS[found[2]]
