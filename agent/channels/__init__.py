"""Where messages come in and outcomes go out. No channel knows the graph."""
