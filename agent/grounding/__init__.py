"""Is a sentence supported by the passages? Plain functions; knows nothing of the graph, of channels or of vendors."""
