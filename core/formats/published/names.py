"""The files that a checkpoint in the layout of `transformers` consists of."""

from core.characters import LONGEST_NAME, unwanted_in_file_name
from core.formats.errors import Place

CONFIG = "config.json"
INDEX = "model.safetensors.index.json"
TOKENIZER = "tokenizer.json"
PREPROCESSOR = "preprocessor_config.json"
PROCESSOR = "processor_config.json"
VOCABULARY = "vocab.json"
"""Of a recogniser of speech: the numbers of its outputs, by character. Other models have a larger one there, which nothing reads."""
MOST_CHARACTERS = 20_000
WEIGHTS = ".safetensors"
T5_SENTINELS = 100
"""Tokens ``<extra_id_0>`` … of a T5, which stand for the spans of a text that it predicts."""

JSON_FILES = frozenset(
    {
        CONFIG,
        INDEX,
        TOKENIZER,
        PREPROCESSOR,
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "generation_config.json",
        PROCESSOR,
        VOCABULARY,
    }
)
TEXT_FILES = frozenset(
    {"vocab.txt", "merges.txt", "chat_template.jinja", "README.md", "LICENSE", "LICENSE.txt"}
)

_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz")
_OTHER_WEIGHTS = (".h5", ".msgpack", ".onnx", ".gguf", ".model", ".tflite")
_CODE = (".py", ".pyc", ".so", ".sh", ".ipynb")


def check_name(name: str) -> None:
    """Check that a file of this name may be a part of a checkpoint.

    Raises:
        FormatError: ``pickle_refused``, ``code_refused``, ``unknown_format`` or, for a path or a name that no file system takes,
            ``bad_name``.
    """
    place = Place(name)
    lower = name.lower()
    if (
        not name
        or name != name.strip()
        or name.startswith(".")
        or "/" in name
        or "\\" in name
        or unwanted_in_file_name(name) is not None
        or len(name.encode(errors="replace")) > LONGEST_NAME
    ):
        raise place.error(
            "bad_name", "a checkpoint's files lie side by side, under plain names without paths"
        )
    if lower.endswith(_PICKLES):
        raise place.error(
            "pickle_refused",
            "a pickle can run any program when it is opened, so none is taken; save the model with model.save_pretrained(DIRECTORY), which writes safetensors",
            case="name",
        )
    if lower.endswith(_CODE):
        raise place.error(
            "code_refused", "a checkpoint's own code is never run; leave the file out", case="file"
        )
    if lower.endswith(_OTHER_WEIGHTS):
        raise place.error(
            "unknown_format",
            "weights are taken as safetensors; save the model with model.save_pretrained(DIRECTORY), which writes safetensors",
            case="other_weights",
        )
    if name not in JSON_FILES | TEXT_FILES and not name.endswith(WEIGHTS):
        raise place.error(
            "unknown_format",
            "is no file of a checkpoint that is known here: config.json, *.safetensors with their index, and the files of a "
            "tokenizer or a preprocessor; leave it out",
            case="no_part_of_a_checkpoint",
        )
