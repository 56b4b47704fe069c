"""Estimates: what a job would take."""

from api.short_jobs import Texts

TEXTS = Texts(
    tag="What a job would take, found out by a few of its real steps.",
    create="""Have a worker take a few real steps of a job, and tell what all of it would take: throughput, memory, time,
    utilisation. Nothing is kept but the answer; ask `GET /v1/estimates/{id}?wait=30` for it.""",
    get="An estimate: how far it is, and its `result` once it succeeded.",
    cancel="Nobody needs the answer any more.",
    delete="Delete an estimate that is over.",
)
