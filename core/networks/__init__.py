"""Neural networks: encoders, decoders, generators, discriminators and heads."""
