"""What of a network is trained: freezing, low-rank updates and factors by `peft`, bottleneck adapters."""
