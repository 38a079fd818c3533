"""What do we do next? The agent, its channels and its processes."""
