"""Code examples that open a checkpoint's folder with `transformers`, for people to copy."""

from dataclasses import dataclass

FOLDER = "{folder}"
"""Placeholder in `Opening.code` for the path of the checkpoint's folder."""


@dataclass(frozen=True, slots=True)
class Opening:
    """The class that opens a checkpoint's folder, and a few lines of Python that use it."""

    loader: str = "AutoModel"
    """The class of `transformers` (or another library) whose ``from_pretrained`` opens the folder."""
    code: str = f"""\
from transformers import AutoModel

model = AutoModel.from_pretrained("{FOLDER}")"""
    pipeline: str | None = None
    """What the model is for, as a model card on the Hugging Face Hub tells it (``pipeline_tag``), where that is not features."""


MASKED_LANGUAGE = Opening(
    "AutoModelForMaskedLM",
    f"""\
from transformers import pipeline

fill = pipeline("fill-mask", "{FOLDER}")
print(fill(f"The {{fill.tokenizer.mask_token}} statement"))""",
    "fill-mask",
)
CAUSAL_LANGUAGE = Opening(
    "AutoModelForCausalLM",
    f"""\
from transformers import pipeline

write = pipeline("text-generation", "{FOLDER}")
print(write("The statement", max_new_tokens=20))""",
    "text-generation",
)
TEXT_TO_TEXT = Opening(
    "AutoModelForSeq2SeqLM",
    f"""\
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

model = AutoModelForSeq2SeqLM.from_pretrained("{FOLDER}")
tokenizer = AutoTokenizer.from_pretrained("{FOLDER}")""",
    "text2text-generation",
)
IMAGE_CLASSIFICATION = Opening(
    "AutoModelForImageClassification",
    f"""\
from transformers import pipeline

# A ResNet for small images and a perceptron have their class in the folder, which trust_remote_code allows to run.
classify = pipeline("image-classification", "{FOLDER}", trust_remote_code=True)
print(classify("image.png"))""",
    "image-classification",
)
TEXT_CLASSIFICATION = Opening(
    "AutoModelForSequenceClassification",
    f"""\
from transformers import pipeline

# A T5 encoder has its class in the folder, which trust_remote_code allows to run.
classify = pipeline("text-classification", "{FOLDER}", trust_remote_code=True)
print(classify("Some text", truncation=True))""",
    "text-classification",
)
TOKEN_CLASSIFICATION = Opening(
    "AutoModelForTokenClassification",
    f"""\
from transformers import pipeline

tag = pipeline("token-classification", "{FOLDER}", aggregation_strategy="first")
print(tag("Some text"))""",
    "token-classification",
)
AUDIO_CLASSIFICATION = Opening(
    "AutoModelForAudioClassification",
    f"""\
import soundfile
from transformers import pipeline

classify = pipeline("audio-classification", "{FOLDER}")
samples, rate = soundfile.read("recording.wav", dtype="float32", always_2d=True)
# Of another rate than the model's, torchaudio has to be installed, which resamples it.
print(classify({{"raw": samples.mean(axis=1), "sampling_rate": rate}}))""",
    "audio-classification",
)
SPEECH_RECOGNITION = Opening(
    "AutoModelForCTC",
    f"""\
import soundfile
from transformers import pipeline

transcribe = pipeline("automatic-speech-recognition", "{FOLDER}")
samples, rate = soundfile.read("recording.wav", dtype="float32", always_2d=True)
# Of another rate than the model's, torchaudio has to be installed, which resamples it.
print(transcribe({{"raw": samples.mean(axis=1), "sampling_rate": rate}})["text"])""",
    "automatic-speech-recognition",
)
OWN_CLASS = Opening(
    "AutoModel",
    f"""\
from transformers import AutoModel

# The network's class lies in the folder, since transformers has none for it.
model = AutoModel.from_pretrained("{FOLDER}", trust_remote_code=True).eval()""",
)
