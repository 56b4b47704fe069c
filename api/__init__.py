"""The HTTP interface: parses requests, calls the services in ``control``, and writes responses."""
