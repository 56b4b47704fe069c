"""Reading uploads through, in processes that a budget holds: ``python -m core.inspection --fd N --parent PID``.

A file is a stranger's: a library that reads it may take its process down, or all its memory, and a small file may
keep a processor busy for hours. So the service's own processes read none. This server imports the readers once and
forks one child for each file (`core.commands.serve` tells the wire format). A child is given an open file, knows nothing else of
the service, is held to its budget by the kernel, and answers with one JSON object on its standard output
(`core.inspection.child`).
"""
