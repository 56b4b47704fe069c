"""What the HTTP interface says about outlines."""

from api.short_jobs import Texts

TEXTS = Texts(
    tag="What checkpoints hold.",
    create="Have a worker list a checkpoint's tensors.",
    create_example={"order": "size"},
    list="Outlines of the job's checkpoints.",
    get="An outline.",
    cancel="Nobody needs it any more.",
    delete="Delete an outline that is over.",
    file="One file of an outline.",
    file_example="tensors.txt",
    archive="The whole outline as one zip.",
)
