"""Augmentation of images in tensors, batched, on the device; its randomness comes in with the batch."""
