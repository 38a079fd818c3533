"""What an operations engineer asks of an installation: what fits on the GPUs, what is in the bundle, what it reaches.

Reads `deploy/` as data. Knows no tickets and starts no part of the product in its own process.
"""
