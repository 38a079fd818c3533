"""How well the knowledge base finds what a data set asks for."""
