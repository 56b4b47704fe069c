"""Runs inspections of uploaded files: their budgets, the server that forks their processes, and the exchange with one.

Nothing here opens an uploaded file: `core.inspection` does, in separate processes.
"""
