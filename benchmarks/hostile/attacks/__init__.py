"""One module for each attack: its docstring says what it sends; its ``attack(target)`` sends it and checks the answers."""
