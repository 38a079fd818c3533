"""Figures on a company's own examples: how well replies are checked. Knows no channel and no store."""
