"""The errors of the policy room.

PolicyError
  RulesInvalid   the policy folder can't be used; refuse to start
"""


class PolicyError(Exception):
    """Root of the room. The message says what happened, where, and what to do."""


class RulesInvalid(PolicyError):
    """The policy folder can't be used. `problems` are one line each: `file:line: what; what to do`."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("the policies can't be used:\n" + "\n".join(f"  {p}" for p in problems))
        self.problems = problems
