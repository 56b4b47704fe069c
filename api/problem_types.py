"""Every problem that the API answers with: its stable code, its HTTP status, its title."""

from http import HTTPStatus
from typing import Any

from control.schemas import Problem
from control.short_jobs.registry import kinds

TYPE = "https://seedbed.dev/problems/"

_FILES = {
    "archive_bomb": "The file decompresses to far more than its kind does",
    "archive_encrypted": "The archive is encrypted",
    "archive_link": "The archive holds a link",
    "archive_path_escapes": "The archive holds a path that leads out of it",
    "bad_columns": "The file's columns of words and tags cannot be read",
    "bad_tags": "The file has tags that no scheme allows",
    "bad_csv": "The file is not valid CSV",
    "bad_idx": "The file is not valid IDX",
    "audio_too_long": "The recording is too long",
    "bad_audio": "The recording cannot be decoded",
    "bad_image": "The image cannot be decoded",
    "bad_json": "The file is not valid JSON Lines",
    "bad_label": "A label in the file cannot be read",
    "bad_parquet": "The file is not valid Parquet",
    "bad_tokenizer": "The file is no tokenizer",
    "bad_transcript": "A transcript does not tell its recording",
    "corrupt_archive": "The file does not decompress",
    "empty_file": "The file is empty",
    "image_too_large": "The image is too large",
    "image_too_small": "The image is too small",
    "no_documents": "The file holds no text",
    "no_image_column": "The file has no image column",
    "no_label_column": "The file has no such column of labels",
    "no_audio": "The file holds no recordings",
    "no_images": "The file holds no images",
    "no_text_column": "The file has no text column",
    "not_utf8": "The file is not UTF-8",
    "pattern_too_slow": "A pattern in the file takes too long",
    "truncated_archive": "The file is cut off",
    "truncated_audio": "The recording is cut off",
    "unknown_format": "The file is of no known format",
    "inspection_budget": "Reading the file takes more than a file of its size may take",
    "unreadable_file": "The file ended the process that read it",
}
FILE_PROBLEMS = tuple(_FILES)

_CHECKPOINT_FILES = {
    "bad_file": "The file is not what its name says",
    "bad_name": "A file of a checkpoint cannot be called so",
    "bad_weights": "The file is no whole safetensors file",
    "code_refused": "The checkpoint brings code of its own",
    "pickle_refused": "The file is a pickle",
}
CHECKPOINT_FILE_PROBLEMS = (
    *_CHECKPOINT_FILES,
    "bad_tokenizer",
    "checkpoint_misfit",
    "empty_file",
    "inspection_budget",
    "unknown_format",
    "unreadable_file",
)

_CODES: dict[int, dict[str, str]] = {
    400: {
        "invalid_json": "The body is not JSON",
        "invalid_request": "The request is malformed",
    },
    401: {
        "key_missing": "An API key is needed",
        "key_unknown": "The API key is not known",
        "key_revoked": "The API key was revoked",
        "session_expired": "The session is over",
        "metrics_token_missing": "Metrics need their token",
    },
    403: {
        "scope_missing": "The API key may not do this",
        "csrf_missing": "The request does not come from the dashboard",
        "priority_needs_admin": "So high a priority needs an admin key",
        "metrics_closed": "Metrics are served on this machine only",
    },
    404: {
        "route_not_found": "No such route",
        "dataset_not_found": "No such dataset",
        "file_not_found": "No such file",
        "task_not_found": "No such task",
        "job_not_found": "No such job",
        "log_not_found": "No such log",
        "checkpoint_not_found": "No such checkpoint",
        "sample_not_found": "No such sample",
        "lineage_not_found": "No such lineage",
        **{f"{name}_not_found": f"No such {name}" for name in kinds()},
        "key_not_found": "No such key",
        "object_missing": "The stored object is gone",
    },
    405: {"method_not_allowed": "The route does not take this method"},
    408: {
        "body_too_slow": "The body did not arrive in time",
        "head_too_slow": "The head of the request did not arrive in time",
    },
    409: {
        "dataset_not_open": "The dataset is complete",
        "dataset_not_ready": "The dataset is not complete",
        "file_inherited": "The file is one of the dataset's parent",
        "checkpoint_not_open": "The checkpoint is complete",
        "dataset_empty": "The dataset holds nothing to learn from",
        "dataset_in_use": "The dataset is in use",
        "checkpoint_in_use": "The checkpoint is in use",
        "job_in_use": "The job's checkpoints are in use",
        "not_over": "The job or short job is not over",
        "time_limit": "The job has used up its time",
        "wrong_modality": "The dataset holds something else",
        "no_checkpoint": "The job has no checkpoint yet",
        "no_worker_online": "No worker is online that could do it",
        **{
            f"{name}_not_ready": f"The {name} is not finished"
            for name, kind in kinds().items()
            if kind.files == "downloaded"
        },
        "invalid_transition": "The job's state does not allow this",
        "checkpoint_unusable": "The checkpoint cannot answer",
        "dataset_unsearchable": "The dataset cannot be searched",
        "task_unavailable": "The task is not installed",
        "idempotency_in_flight": "The same request is being answered",
    },
    413: {
        "body_too_large": "The body is too large",
        "file_too_large": "The file is too large",
        "quota_exceeded": "The project's quota is exceeded",
        "input_too_large": "The input is too large",
    },
    414: {"url_too_long": "The address is too long"},
    416: {"range_not_satisfiable": "The range lies outside the file"},
    422: {
        "validation_failed": "The request is not valid",
        "invalid_cursor": "The cursor is not valid",
        "invalid_file_name": "The file's name is not valid",
        "invalid_digest": "The digest cannot be read",
        "digest_mismatch": "The bytes are not the declared ones",
        "invalid_idempotency_key": "The idempotency key is not valid",
        "idempotency_mismatch": "The idempotency key belongs to another request",
        "dataset_too_small": "The dataset is too small for the job",
        "data_unreadable": "The dataset does not hold what the job reads",
        "too_many_bad_samples": "Too many of the dataset's samples cannot be used",
        "tokenizer_invalid": "The dataset has no tokenizer for the job",
        "too_few_classes": "The dataset has too few classes for the task",
        "labels_missing": "Samples of the dataset have no label",
        "unknown_class": "The dataset has no such class",
        "modality_mismatch": "The dataset holds something else than is needed",
        "prediction_unsupported": "The checkpoint has no such prediction",
        "export_unsupported": "The format is not for such a checkpoint",
        "input_empty": "The input is empty",
        "input_too_long": "The input is longer than the network takes",
        "mask_missing": "The text has no mask",
        "mask_order": "The masks are not in order",
        "too_many_masks": "The text has too many masks",
        "spec_exceeds_memory": "No worker has memory enough for the job",
        "checkpoint_incomplete": "Files of the checkpoint are missing",
        "checkpoint_misfit": "The files of the checkpoint do not fit each other",
        "checkpoint_unsupported": "The checkpoint is of a network that cannot be trained here",
        **_FILES,
        **_CHECKPOINT_FILES,
    },
    429: {
        "sign_in_throttled": "Too many attempts to sign in failed",
        "predictions_busy": "Too many predictions are waiting",
    },
    431: {"head_too_large": "The head of the request is too large"},
    500: {
        "internal": "Something went wrong in the service",
        "prediction_failed": "The prediction failed",
    },
    503: {
        "no_prediction_worker": "No worker is online that could compute it",
        "prediction_lost": "The process that computed the prediction ended",
        "prediction_memory": "The prediction takes too much memory",
        "predictions_unavailable": "Predictions are not available at the moment",
        "database_unavailable": "The database does not answer",
        "storage_unavailable": "The storage does not answer",
    },
    504: {"prediction_timeout": "The prediction took too long"},
    507: {"storage_full": "The storage is full", "disk_low": "The storage is nearly full"},
}

TITLES = {code: title for codes in _CODES.values() for code, title in codes.items()}
_STATUS = {code: status for status, codes in _CODES.items() for code in codes}

JsonResponses = dict[int | str, dict[str, Any]]


def title(code: str, status: int) -> str:
    """The title of a code; for codes that belong to a file format or a spec, the status' own phrase."""
    return TITLES.get(code) or HTTPStatus(status).phrase


def problems(*codes: str, also: JsonResponses | None = None) -> JsonResponses:
    """The error responses of a route for the OpenAPI document, and the further responses ``also``."""
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(_STATUS[code], []).append(code)
    return (also or {}) | {status: _response(status, listed) for status, listed in by_status.items()}


def _response(status: int, codes: list[str]) -> dict[str, Any]:
    return {
        "description": " · ".join(TITLES[code] for code in codes),
        "content": {
            "application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {
                    code: {"summary": TITLES[code], "value": _example(status, code)} for code in codes
                },
            }
        },
    }


def _example(status: int, code: str) -> dict[str, Any]:
    problem = Problem(
        type=TYPE + code,
        title=TITLES[code],
        status=status,
        code=code,
        detail=f"{TITLES[code]}. What to do about it stands here.",
        request_id="req_5dBq2nTf0vKc",
    )
    return problem.model_dump(mode="json")
