"""The parts of a `seedbed.Client`, one for each kind of thing that the service has."""
