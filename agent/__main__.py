"""The first lines of every process: switches off telemetry, puts the egress guard on, then loads the rest."""

from agent.privacy.egress import install
from agent.privacy.environment import lock_down


def main() -> None:
    """The command `innkeeper`."""
    lock_down()
    install()
    from agent.cli import app

    app()


if __name__ == "__main__":
    main()
