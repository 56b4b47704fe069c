"""The worker: claims jobs, runs the engine in a child process, answers for it. Never loads torch."""
