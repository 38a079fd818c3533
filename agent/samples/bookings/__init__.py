"""The booking system of the sample company: an HTTP API with an OpenAPI document over one SQLite file."""
