"""Copies of a job's metrics for other programs: TensorBoard, Weights & Biases, MLflow."""
