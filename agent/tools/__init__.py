"""The company's systems as tools: MCP servers, OpenAPI documents and Python functions behind one port. Knows no policy."""
