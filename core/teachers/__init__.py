"""Networks that the loss does not train: teachers, and averaged copies that checkpoints hold.

`moving_average`: a module whose weights are the moving average of another's. Frozen teachers, whose weights never
change, belong here too.
"""
