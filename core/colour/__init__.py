"""Colour spaces in tensors, and the palette that colorization chooses from."""
