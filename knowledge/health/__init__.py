"""Looks at the knowledge base as a whole and says what a support lead should mend.

`shelf` is what the checks read, `report` what they give; one file per group of checks, all pure; `run` reads the
knowledge base and calls them; `page` draws the report.
"""
