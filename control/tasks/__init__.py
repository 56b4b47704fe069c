"""What models can learn, as the tasks' specs tell of themselves."""
