"""The encoder of a T5 with a classification head and bottleneck adapters. Each checkpoint of it contains this file."""

from .bottleneck_adapters import config_class, network_class
from .t5_encoder_classifier import (
    T5EncoderClassifierConfig,
    T5EncoderForSequenceClassification,
)

T5EncoderClassifierConfigWithAdapters = config_class(T5EncoderClassifierConfig)
T5EncoderForSequenceClassificationWithAdapters = network_class(T5EncoderForSequenceClassification)
