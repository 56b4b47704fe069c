"""Learning a further stage without forgetting the earlier ones: methods as hooks on the loop, and what is measured."""
