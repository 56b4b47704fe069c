"""Inspections as the service sees them: what each may take, the server that forks them, and one under way.

Nothing here opens a file that somebody uploaded: `core.inspection` does, in processes of its own.
"""
