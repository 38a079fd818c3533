"""One turn as a graph: triage, gate, retrieve, draft, verify, decide."""
