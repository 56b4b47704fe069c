"""What the HTTP interface says about each kind of short job, one module a kind; `api.short_jobs` makes the routes."""
