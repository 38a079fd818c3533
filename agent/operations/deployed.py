"""Where the data of `deploy/` lies, in a checkout and in an installed wheel."""

from importlib.resources import files
from importlib.resources.abc import Traversable

from agent.errors import InstallationIncomplete


def deployed() -> Traversable:
    """The folder.

    Raises:
        InstallationIncomplete: this environment was set up without it.
    """
    try:
        return files("deploy")
    except ModuleNotFoundError as error:
        raise InstallationIncomplete(
            "the data of deploy/ isn't part of this installation, which is older than that: "
            "set it up again with `make install`, or install the wheel anew"
        ) from error
