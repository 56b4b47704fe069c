"""The frame of a job's spec: a closed, versioned Pydantic schema that imports no torch.

Every other part of the project validates jobs with it; the dashboard's form, the OpenAPI document and the docs are
drawn from the same schema. What belongs to one task stands in that task's folder, `core.tasks`.
"""
