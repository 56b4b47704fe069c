"""The student of half its teacher's blocks begins with the teacher's weights."""

from torch import Tensor

from core.distillation.teacher import Teacher
from core.errors import EngineError
from core.objectives.base import Objective


def take_blocks(student: Objective, teacher: Teacher, kept: list[int]) -> None:
    """Give the student the teacher's weights: of each of its blocks those of a block of the teacher, of all else the same.

    Args:
        kept: The teacher's block for each of the student's.

    Raises:
        EngineError: ``checkpoint_mismatch``, where a weight of the student has no counterpart.
    """
    own = _places(student)
    theirs = {number: prefix for prefix, number in _places(teacher.objective).items()}
    body = _body(student)
    source = teacher.objective.state_dict()
    state: dict[str, Tensor] = {}
    for name, weight in student.state_dict().items():
        prefix = next((prefix for prefix in own if name.startswith(prefix)), None)
        found = source.get(name if prefix is None else theirs[kept[own[prefix]]] + name.removeprefix(prefix))
        if found is None or found.shape[1:] != weight.shape[1:] or found.shape[:1] < weight.shape[:1]:
            raise EngineError(
                "checkpoint_mismatch",
                f"The teacher has no weights for {name} of a student of half its blocks.",
                "Describe the student in `model`, with distillation.student as_spec.",
                case="half_student",
                weight=name,
            )
        if teacher.order is not None and not name.startswith(body) and len(found) == len(teacher.order):
            # Rows of a head, a class each.
            found = found[teacher.order]
        # A vocabulary may be padded: rows that no token stands for are left out.
        state[name] = found[: len(weight)] if weight.dim() else found
    student.load_state_dict(state)
    student.restored()


def _body(objective: Objective) -> str:
    """The prefix of the names of the encoder's weights."""
    encoder = objective.learned_encoder
    assert encoder is not None
    return next(f"{name}." for name, module in objective.named_modules() if module is encoder.body)


def _places(objective: Objective) -> dict[str, int]:
    """The number of each block by the prefix of its weights' names."""
    encoder = objective.learned_encoder
    assert encoder is not None
    numbers = {id(block): number for number, block in enumerate(encoder.blocks)}
    return {
        f"{name}.": numbers[id(module)] for name, module in objective.named_modules() if id(module) in numbers
    }
