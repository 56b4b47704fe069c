"""Previews: what a job's networks would see, before it runs."""

from api.short_jobs import Texts

TEXTS = Texts(
    tag="What a job's networks would see, shown before it runs.",
    create="""Have a worker show what the job's networks would see of a handful of samples, as pictures or text: the very crops,
    masks and turns that a step of the run would draw. Ask `GET /v1/previews/{id}?wait=30` for it. It is kept for a
    day after its end.""",
    get="A preview: how far it is, and what it shows once it succeeded.",
    cancel="Nobody needs it any more.",
    delete="Delete a preview that is over, and what it shows.",
    file="The picture or the text (UTF-8) itself. It never changes under this id.",
    file_example="model",
)
