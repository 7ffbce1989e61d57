"""What describes the API to its clients: discovery, OpenAPI and tables."""
