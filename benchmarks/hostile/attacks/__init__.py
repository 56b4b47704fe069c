"""One module an attack: its docstring says what it sends, and its ``attack(target)`` sends it and checks the answers."""
