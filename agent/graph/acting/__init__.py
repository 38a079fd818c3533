"""Actions in a turn: what the customer names, what they agree to, and how a call is made once. No model decides here."""
