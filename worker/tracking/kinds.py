"""The kinds of sinks that the settings ask for."""

from collections.abc import Mapping

from pydantic import SecretStr

from control.settings import Settings
from worker.engine import clean_environment
from worker.tracking.process import Kind


def kinds_of(settings: Settings) -> list[Kind]:
    """One for each sink; a credential is in the environment of its own process alone."""
    found = []
    if settings.tensorboard_directory is not None:
        directory = str(settings.tensorboard_directory.expanduser())
        found.append(_kind("TensorBoard", "to_tensorboard", {"directory": directory}, {}))
    if settings.wandb_project is not None:
        options = {
            "project": settings.wandb_project,
            "entity": settings.wandb_entity,
            "mode": settings.wandb_mode,
            "directory": str(settings.wandb_directory.expanduser()),
        }
        environment = {
            "WANDB_API_KEY": _secret(settings.wandb_api_key),
            "WANDB_BASE_URL": settings.wandb_base_url,
        }
        found.append(_kind("Weights & Biases", "to_wandb", options, environment))
    if settings.mlflow_tracking_uri is not None:
        options = {
            "tracking_uri": settings.mlflow_tracking_uri,
            "experiment": settings.mlflow_experiment,
        }
        environment = {
            "MLFLOW_TRACKING_USERNAME": settings.mlflow_username,
            "MLFLOW_TRACKING_PASSWORD": _secret(settings.mlflow_password),
            "MLFLOW_TRACKING_TOKEN": _secret(settings.mlflow_token),
        }
        found.append(_kind("MLflow", "to_mlflow", options, environment))
    return found


def _secret(value: SecretStr | None) -> str | None:
    return None if value is None else value.get_secret_value()


def _kind(
    name: str, module: str, options: Mapping[str, str | None], environment: Mapping[str, str | None]
) -> Kind:
    return Kind(
        name,
        f"worker.tracking.{module}",
        {key: value for key, value in options.items() if value},
        clean_environment("cpu") | {key: value for key, value in environment.items() if value},
    )
