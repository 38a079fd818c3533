"""Which passages? Sources in, ranked passages out. Knows nothing of tickets or of models that write text."""
