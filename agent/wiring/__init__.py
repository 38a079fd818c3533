"""Puts the parts together, one file for each way of running. The only importer of adapters."""
