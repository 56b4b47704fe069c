"""The schema of a job's spec, without the tasks' own fields: closed, versioned Pydantic models that import no torch.

Every other part of the project validates jobs with it; the dashboard's form, the OpenAPI document and the docs are
generated from it. Fields of one task are defined in that task's folder below `core.tasks`.
"""
