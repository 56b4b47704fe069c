"""Losses of the image tasks as pure functions: sums over samples, to be divided once by the batch's count."""
