"""The chat widget: what a browser on a customer's site talks to."""
