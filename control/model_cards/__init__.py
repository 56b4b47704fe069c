"""Model cards of checkpoints: a README.md in the format of the Hugging Face Hub, written when it is asked for."""
