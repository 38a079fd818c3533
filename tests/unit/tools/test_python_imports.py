"""Functions of a package that can't be imported are told of one by one, whatever goes wrong."""

from pathlib import Path

import pytest

from agent.tool_settings import OperationSettings, PythonSettings
from agent.tools.python_functions import PythonFunctions
from agent.tools.systems import Offer

SETTINGS = PythonSettings(
    kind="python",
    operations={
        "good": OperationSettings(operation="shop_that_loads:good"),
        "bad": OperationSettings(operation="shop_without_its_key:bad"),
        "none": OperationSettings(operation="shop_that_is_no_python:bad"),
    },
)


async def test_a_package_that_breaks_while_it_is_imported_takes_no_other_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "shop_that_loads.py").write_text("def good(a: int) -> int:\n    return a\n")
    (tmp_path / "shop_without_its_key.py").write_text("KEY = {}['SHOP_KEY']\ndef bad() -> None: ...\n")
    (tmp_path / "shop_that_is_no_python.py").write_text("def bad(:\n")
    functions = PythonFunctions("shop", SETTINGS)
    offers = await functions.offers()
    await functions.aclose()
    assert isinstance(offers["good"], Offer)
    assert "shop.bad can't be used: KeyError" in str(offers["bad"])
    assert "shop.none can't be used: SyntaxError" in str(offers["none"])
