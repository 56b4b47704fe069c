"""Training written out once more in plain torch: what the engine's runs are held against, number by number."""
