"""What each operation of the OpenAPI document asks of its caller, written down by hand: a new operation has no row here
until somebody has thought about who may use it, and the tests fail until then."""

from control.keys.schemas import Scope

PUBLIC = {"signIn", "signOut", "isAlive", "isReady", "getPrometheusMetrics"}
"""Answered without a key."""

SCOPES: dict[str, Scope] = {
    "getSession": "read",
    "createKey": "admin",
    "listKeys": "admin",
    "revokeKey": "admin",
    "createDataset": "write",
    "listDatasets": "read",
    "getDataset": "read",
    "deleteDataset": "write",
    "completeDataset": "write",
    "previewDataset": "read",
    "getContactSheet": "read",
    "uploadFile": "write",
    "deleteFile": "write",
    "estimateJob": "write",
    "getEstimate": "read",
    "cancelEstimate": "write",
    "deleteEstimate": "write",
    "previewJob": "write",
    "getPreview": "read",
    "cancelPreview": "write",
    "deletePreview": "write",
    "getPreviewFile": "read",
    "submitJob": "write",
    "listJobs": "read",
    "getJobSchema": "read",
    "validateJob": "read",
    "getJob": "read",
    "cancelJob": "write",
    "deleteJob": "write",
    "pauseJob": "write",
    "resumeJob": "write",
    "retryJob": "write",
    "forkJob": "write",
    "getLineage": "read",
    "getMetrics": "read",
    "listEvents": "read",
    "getLogs": "read",
    "listCheckpoints": "read",
    "listSamples": "read",
    "getSampleContent": "read",
    "streamJob": "read",
    "getCheckpoint": "read",
    "deleteCheckpoint": "write",
    "downloadCheckpointFile": "read",
    "headCheckpointFile": "read",
    "downloadCheckpoint": "read",
    "exportCheckpoint": "write",
    "listExports": "read",
    "getExport": "read",
    "cancelExport": "write",
    "deleteExport": "write",
    "downloadExportFile": "read",
    "headExportFile": "read",
    "downloadExport": "read",
    "listWorkers": "read",
    "getSystem": "admin",
}

UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
"""Methods that change something: with the session cookie they also need the CSRF header."""
