"""Checkpoints in the layout of `transformers`, uploaded by people: their files are checked without torch and without running any
of their content.

`inspection` reads one file, in a process of its own; `checking` compares the reports of all files with each other.
"""
