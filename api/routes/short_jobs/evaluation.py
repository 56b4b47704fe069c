"""Evaluations: checkpoints measured on datasets."""

from api.short_jobs import Texts

TEXTS = Texts(
    tag="Checkpoints measured on datasets, with confidence intervals, and compared on the same samples.",
    create="""Have a worker measure a checkpoint on a dataset of its modality: the task's own measures over the whole split, perplexity
    and bits per byte of language models, linear probe and k nearest neighbours where there are labels. Text is read with the
    checkpoint's own tokenizer. With `against`, a second checkpoint is measured on the same samples and each measure has the
    difference. One that was done already is not done again; get the result with `GET /v1/evaluations/{id}?wait=30`.""",
    create_example={"checkpoint": "ckpt_01kb3c4d5e6f7g8h9jakbmcnpq", "split": "held_out"},
    list="Evaluations of the job's checkpoints, newest first; at most 200.",
    get="An evaluation: its progress, and its `result` once it succeeded.",
    cancel="Cancel an evaluation that is not over.",
    delete="Delete an evaluation that is over.",
)
