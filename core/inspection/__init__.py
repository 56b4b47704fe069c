"""Inspection of uploads, in child processes with a resource budget: ``python -m core.inspection --fd N --parent PID``.

An uploaded file is not trusted: it may crash the library that reads it, or use all memory, and a small file may use a
processor for hours. So no process of the service itself reads one. This server imports the readers once and forks one
child for each file (`core.commands.serve` describes the wire format). A child has an open file and no other access to the
service. The kernel enforces its budget. It answers with one JSON object on its standard output (`core.inspection.child`).
"""
