"""Changes of samples on the way into a network: batched, on the device, each a function of (key, sample)."""
