"""The training loop and its parts: batches, optimisers, precision, trial steps, probing, memory."""
