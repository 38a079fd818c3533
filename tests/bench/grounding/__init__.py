"""What `tests.bench.train_grounding` learns from and measures on.

`paraphrases.jsonl` holds replies to passages of tau_banking (tau2-bench, MIT) and mtrag_un (MTRAG-UN, Apache-2.0), which it
names by their ids, each with four corrupted variants.
"""
