"""OpenAPI descriptions of each kind of short job, one module for each kind; `api.short_jobs` makes the routes."""
