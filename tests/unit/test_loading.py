"""While modules load nothing looks for garbage, and afterwards it does again, whatever has happened."""

import gc

import pytest

from agent.cli.frame import loading


def test_the_collector_rests_while_modules_load() -> None:
    with loading():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_works_again_though_a_module_is_missing() -> None:
    with pytest.raises(ImportError), loading():
        import no_such_module  # noqa: F401
    assert gc.isenabled()
