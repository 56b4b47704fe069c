"""Learning from the outputs of a trained network (distillation): the teacher is opened, and its student's losses are added to the loop."""
