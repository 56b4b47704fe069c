"""Networks that are not trained by the loss, and that others learn from or are kept in their place.

`moving_average`: a module whose weights are the average over time of another's. A frozen teacher, one whose weights
never change, has its place here too.
"""
