"""What the networks of a job would be fed, for a handful of samples, before it runs."""
