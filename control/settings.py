"""Settings, read from environment variables only. The standalone service sets the same variables for its children."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class Settings(BaseSettings):
    """The settings of the control plane, the API and the workers."""

    model_config = SettingsConfigDict(
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        hide_input_in_errors=True,  # a message would show the secret, or the database's password
    )

    database_url: str = Field(validation_alias="DATABASE_URL")
    """``postgresql+psycopg://user:password@host/database``; ``postgresql://`` is understood as well."""
    redis_url: str = Field(validation_alias="REDIS_URL")
    """``redis://host:6379/0`` or ``unix:///path?db=0``: live metrics. Celery takes the logical database after
    this one, so that neither can flush the other's keys."""
    storage_url: str = Field(validation_alias="STORAGE_URL")
    """``file:///directory`` or ``s3://bucket/prefix`` (credentials as the AWS tools take them)."""
    secret: SecretStr = Field(validation_alias="SEEDBED_SECRET", min_length=32)
    """Keys the HMAC of API keys and signs session cookies; at least 32 characters."""
    previous_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(), validation_alias="SEEDBED_SECRET_PREVIOUS"
    )
    """While the secret is being replaced: those before it, with commas between. Keys and sessions made under them
    stay valid, and a key that is used is stored under the new one."""

    lease_seconds: float = Field(default=30.0, gt=0, validation_alias="SEEDBED_LEASE_SECONDS")
    """Length of a lease in seconds: a running job without a heartbeat for this long returns to the queue."""
    heartbeat_seconds: float = Field(default=5.0, gt=0, validation_alias="SEEDBED_HEARTBEAT_SECONDS")
    """Seconds between two heartbeats, by which a supervisor renews its lease."""
    reaper_seconds: float = Field(default=2.0, gt=0, validation_alias="SEEDBED_REAPER_SECONDS")
    """Seconds between the leader's rounds of maintenance: expired leases, lost wake-up messages, waiting reasons."""
    stop_grace_seconds: float = Field(default=60.0, gt=0, validation_alias="SEEDBED_STOP_GRACE_SECONDS")
    """Grace period in seconds: an engine that was asked to stop must finish its step and write a checkpoint within it."""
    worker_online_seconds: float = Field(default=20.0, gt=0, validation_alias="SEEDBED_WORKER_ONLINE_SECONDS")
    """Seconds without a heartbeat after which a worker counts as offline."""
    checkpoint_seconds: float = Field(default=10.0, ge=0, validation_alias="SEEDBED_CHECKPOINT_SECONDS")
    """Least seconds between two checkpoints that a spec asks for, once an attempt has written 256 MiB of them; 0: no limit."""
    point_seconds: float = Field(default=1.0, ge=0, validation_alias="SEEDBED_POINT_SECONDS")
    """Least seconds between two steps whose metric points are kept, once an attempt has kept those of 10,000; 0: no limit."""
    cache_directory: Path = Field(
        default=Path("~/.cache/seedbed"), validation_alias="SEEDBED_CACHE_DIRECTORY"
    )
    """Directory of a worker's local, content-addressed cache of datasets and prepared data."""
    cache_bytes: int = Field(default=50 * 2**30, gt=0, validation_alias="SEEDBED_CACHE_BYTES")
    """Size of the cache in bytes; above it the least recently used entries are removed."""
    max_upload_bytes: int = Field(default=100 * 2**30, gt=0, validation_alias="SEEDBED_MAX_UPLOAD_BYTES")
    """Largest file that an upload may bring."""
    keep_free_bytes: int = Field(default=2 * 2**30, ge=0, validation_alias="SEEDBED_KEEP_FREE_BYTES")
    """So much of the file system of the storage, and of a worker's cache, stays free, or"""
    keep_free_share: float = Field(default=0.05, ge=0, lt=1, validation_alias="SEEDBED_KEEP_FREE_SHARE")
    """this share of it, whichever is less: uploads are refused and jobs pause before more is taken."""
    quota_datasets_bytes: int | None = Field(
        default=None, ge=0, validation_alias="SEEDBED_QUOTA_DATASETS_BYTES"
    )
    """Quota of a project's datasets in bytes; none: no quota. A project's own quota can only be lower."""
    quota_checkpoints_bytes: int | None = Field(
        default=None, ge=0, validation_alias="SEEDBED_QUOTA_CHECKPOINTS_BYTES"
    )
    """Likewise its checkpoints: a job that would exceed it pauses."""
    quota_samples_bytes: int | None = Field(
        default=None, ge=0, validation_alias="SEEDBED_QUOTA_SAMPLES_BYTES"
    )
    """Likewise its samples: further ones are left out."""
    quota_exports_bytes: int | None = Field(
        default=None, ge=0, validation_alias="SEEDBED_QUOTA_EXPORTS_BYTES"
    )
    """Likewise its exports: one that would exceed it fails."""
    quota_logs_bytes: int | None = Field(default=None, ge=0, validation_alias="SEEDBED_QUOTA_LOGS_BYTES")
    """Likewise the logs of its attempts: of further ones only the last lines are kept."""
    log_bytes: int = Field(default=16 * 2**20, ge=2**17, validation_alias="SEEDBED_LOG_BYTES")
    """Largest log of one attempt; of a longer one the beginning and the end are kept."""
    inspections: int = Field(
        default_factory=lambda: min(8, len(os.sched_getaffinity(0))) + 1,
        ge=2,
        le=256,
        validation_alias="SEEDBED_INSPECTIONS",
    )
    """Uploads that one process of the API has read through at once, 850 MB of memory each at most; of one project one fewer.
    Default: one more than there are processors, 9 at most."""
    predict_memory_bytes: int = Field(
        default=2 * 2**30, ge=2**24, validation_alias="SEEDBED_PREDICT_MEMORY_BYTES"
    )
    """Weights of the models that a worker keeps loaded for predictions, bytes; the least recently used ones are dropped."""
    predict_line: int = Field(default=32, ge=1, le=1000, validation_alias="SEEDBED_PREDICT_LINE")
    """Predictions that wait for one worker or are computed by it; further ones are refused. Of one project three quarters."""
    predict_at_once: int = Field(default=8, ge=1, le=64, validation_alias="SEEDBED_PREDICT_AT_ONCE")
    """Predictions that a worker computes in turns; the others wait in its line."""
    predict_body_bytes: int = Field(default=2**27, ge=2**25, validation_alias="SEEDBED_PREDICT_BODY_BYTES")
    """Bodies of more than 128 KB that one process of the API holds at once for predictions, bytes together, until they are
    answered; further ones wait before they are read. Of one project three quarters. Each takes some four times its bytes."""
    predict_seconds: float = Field(default=60.0, gt=0, le=600, validation_alias="SEEDBED_PREDICT_SECONDS")
    """Seconds that a prediction may take, its place in the line included."""
    tensorboard_directory: Path | None = Field(default=None, validation_alias="SEEDBED_TENSORBOARD_DIRECTORY")
    """Directory in which a worker writes TensorBoard's event files of its jobs while they run; none: it writes none."""
    wandb_project: str | None = Field(default=None, min_length=1, validation_alias="SEEDBED_WANDB_PROJECT")
    """Project of Weights & Biases that gets every job's metrics; none: it gets none."""
    wandb_entity: str | None = Field(default=None, validation_alias="SEEDBED_WANDB_ENTITY")
    """The user or team that the project belongs to."""
    wandb_api_key: SecretStr | None = Field(default=None, validation_alias="SEEDBED_WANDB_API_KEY")
    """Key of Weights & Biases; only a worker needs it, and no engine sees it."""
    wandb_base_url: str | None = Field(default=None, validation_alias="SEEDBED_WANDB_BASE_URL")
    """A Weights & Biases server of one's own."""
    wandb_mode: str = Field(
        default="online", pattern="^(online|offline)$", validation_alias="SEEDBED_WANDB_MODE"
    )
    """``offline`` writes runs to the directory alone, for ``wandb sync``."""
    wandb_directory: Path = Field(
        default=Path("~/.cache/seedbed/wandb"), validation_alias="SEEDBED_WANDB_DIRECTORY"
    )
    """Directory of the files that the client of Weights & Biases writes on a worker."""
    mlflow_tracking_uri: str | None = Field(
        default=None, min_length=1, validation_alias="SEEDBED_MLFLOW_TRACKING_URI"
    )
    """MLflow server that gets every job's metrics, as ``http://host:5000``; none: none gets them."""
    mlflow_experiment: str = Field(
        default="seedbed", min_length=1, validation_alias="SEEDBED_MLFLOW_EXPERIMENT"
    )
    """The experiment of its runs; it is made if it does not exist."""
    mlflow_username: str | None = Field(default=None, validation_alias="SEEDBED_MLFLOW_USERNAME")
    """User of the MLflow server, with ``SEEDBED_MLFLOW_PASSWORD``; only a worker needs them."""
    mlflow_password: SecretStr | None = Field(default=None, validation_alias="SEEDBED_MLFLOW_PASSWORD")
    """The user's password."""
    mlflow_token: SecretStr | None = Field(default=None, validation_alias="SEEDBED_MLFLOW_TOKEN")
    """Bearer token of the MLflow server, instead of user and password."""
    sink_seconds: float = Field(default=60.0, gt=0, validation_alias="SEEDBED_SINK_SECONDS")
    """Seconds that TensorBoard, Weights & Biases or MLflow may take after an attempt's end to finish; the job does not wait."""
    session_seconds: int = Field(default=12 * 3600, gt=0, validation_alias="SEEDBED_SESSION_SECONDS")
    """Life of a dashboard session."""
    secure_cookies: bool = Field(default=False, validation_alias="SEEDBED_SECURE_COOKIES")
    """Whether the session cookie always has the attribute ``Secure``. For a request over HTTPS, also one through a trusted
    proxy, it always has."""
    trusted_proxies: str = Field(default="127.0.0.1,::1", validation_alias="SEEDBED_TRUSTED_PROXIES")
    """Trusted proxies: addresses and networks, separated by commas, whose ``X-Forwarded-For`` and ``X-Forwarded-Proto`` are used."""
    sign_in_attempts: int = Field(default=10, gt=0, validation_alias="SEEDBED_SIGN_IN_ATTEMPTS")
    """Most failed sign-ins in a minute, from one address and with keys that begin with the same characters."""
    metrics_token: SecretStr | None = Field(
        default=None, min_length=16, validation_alias="SEEDBED_METRICS_TOKEN"
    )
    """Bearer token for ``/metrics``; if none is set, only requests from this machine are answered."""
    dashboard_directory: Path | None = Field(default=None, validation_alias="SEEDBED_DASHBOARD_DIRECTORY")
    """The built dashboard, served at ``/``; none where another server does that."""
    log_format: str = Field(
        default="console", pattern="^(console|json)$", validation_alias="SEEDBED_LOG_FORMAT"
    )
    """``console`` for people, ``json`` for programs: one object a line."""
    worker_metrics_port: int | None = Field(
        default=None, ge=1, le=65535, validation_alias="SEEDBED_WORKER_METRICS_PORT"
    )
    """Port at which a worker serves its Prometheus metrics; none: it serves none. Each worker of a machine needs its own."""
    worker_metrics_host: str = Field(default="127.0.0.1", validation_alias="SEEDBED_WORKER_METRICS_HOST")
    """The address that it serves them at. They need no token, so open it to a trusted network only."""

    @field_validator("previous_secrets", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return (
            [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
        )

    @field_validator("metrics_token", mode="before")
    @classmethod
    def _or_none(cls, value: object) -> object:
        return None if value == "" else value  # as a compose file passes on what is not set

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secret, then those before it."""
        return tuple(secret.get_secret_value() for secret in (self.secret, *self.previous_secrets))


@lru_cache
def settings() -> Settings:
    """This process's settings.

    Raises:
        pydantic.ValidationError: naming each variable that is missing or wrong.
    """
    return Settings()
