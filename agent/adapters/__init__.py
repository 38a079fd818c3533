"""The vendor libraries behind the ports. Only `agent.wiring` imports from here."""
