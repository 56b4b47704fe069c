"""Exports: checkpoints in other formats, and their files."""

from api.short_jobs import Texts

TEXTS = Texts(
    tag="Checkpoints in other formats.",
    create="""Have a worker write the checkpoint in another format and check it against the original. One that was exported
    already is not exported again. The formats of a task's checkpoints are in its `exports`.""",
    refusals=("export_unsupported",),
    create_example={"format": "onnx"},
    list="Exports of the job's checkpoints, newest first; at most 200.",
    get="An export: its progress, and its files once it succeeded.",
    cancel="Cancel an export that is not over.",
    delete="Delete an export that is over, and the files that it made.",
    file="One file of an export. `Range` resumes a download, and the `ETag` is the hash to check it by.",
    file_example="model.onnx",
    archive="The whole export as one zip, in a folder of its own.",
)
