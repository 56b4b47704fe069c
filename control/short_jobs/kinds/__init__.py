"""One module a kind of short job, each with its schemas and its description `KIND`; `control.short_jobs.registry` finds them."""
