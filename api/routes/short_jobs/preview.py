"""Previews: the inputs that a job's networks would get, before it runs."""

from api.short_jobs import Texts

TEXTS = Texts(
    tag="The inputs that a job's networks would get, shown before it runs.",
    create="""Have a worker show the network inputs of a few samples, as pictures or text: the same crops, masks and
    rotations that a step of the run would draw. Get it with `GET /v1/previews/{id}?wait=30`. It is kept for a
    day after its end.""",
    get="A preview: its progress, and its pictures and texts once it succeeded.",
    cancel="Cancel a preview that is not over.",
    delete="Delete a preview that is over, with its pictures and texts.",
    file="The picture or the text (UTF-8) itself. It never changes under this id.",
    file_example="model",
)
