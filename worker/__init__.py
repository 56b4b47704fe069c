"""The worker: claims jobs, runs the engine in a child process, and records what happens. Never loads torch."""
