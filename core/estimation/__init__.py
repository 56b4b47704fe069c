"""What a job will take, found out by a few of its real steps."""
