"""The tasks, which are what models can learn, as their specs describe them."""
