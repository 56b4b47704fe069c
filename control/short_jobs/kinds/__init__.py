"""One module for each kind of short job, with its schemas and its description `KIND`; `control.short_jobs.registry` finds them."""
