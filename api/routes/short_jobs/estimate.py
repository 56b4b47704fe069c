"""Estimates: the throughput, memory and time that a job would need."""

from api.short_jobs import Texts

TEXTS = Texts(
    tag="The resources that a job would need, measured by a few of its real steps.",
    create="""Have a worker run a few real steps of a job, and estimate what the whole job would need: throughput, memory, time,
    utilisation. Only the result is kept; get it with `GET /v1/estimates/{id}?wait=30`.""",
    get="An estimate: its progress, and its `result` once it succeeded.",
    cancel="Cancel an estimate that is not over.",
    delete="Delete an estimate that is over.",
)
