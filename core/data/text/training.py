"""Trains tokenizers on the training split. The result is the same to the byte for the same texts, in every process."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from core.data.text.alphabet import most_frequent
from core.data.text.tokenizer import SPECIAL_TOKENS, PreparedTokenizer, special_token, with_roles
from core.spec.data import TokenizerSpec

Texts = Callable[[], Iterable[str]]

_MIN_FREQUENCY = 2


def train(spec: TokenizerSpec, texts: Texts) -> PreparedTokenizer:
    """A tokenizer trained on ``texts()``, which is called `passes` times."""
    return with_roles(_TRAINERS[spec.kind][0](spec, texts))


def passes(spec: TokenizerSpec) -> int:
    """How many times training reads the texts."""
    return _TRAINERS[spec.kind][1]


def _bpe(spec: TokenizerSpec, texts: Texts) -> Tokenizer:
    """Byte-level BPE as in GPT-2 and RoBERTa, which can encode every text."""
    tokenizer = _byte_level(spec, models.BPE(), words=True)
    trainer = trainers.BpeTrainer(
        vocab_size=spec.vocabulary_size,
        min_frequency=_MIN_FREQUENCY,
        special_tokens=_special_tokens(),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(), trainer)
    return tokenizer


def _unigram(spec: TokenizerSpec, texts: Texts) -> Tokenizer:
    """A unigram language model (Kudo 2018, arXiv 1804.10959) over bytes, which can encode every text.

    The trainer sums probabilities in the order of a hash map that differs between processes, which changes their last bits. It
    also assigns the scores of required characters that it had dropped in that order. So scores are rounded, and the scores of
    those characters are assigned again in a fixed order.
    """
    tokenizer = _byte_level(spec, models.Unigram(), words=True)
    trainer = trainers.UnigramTrainer(
        vocab_size=spec.vocabulary_size,
        special_tokens=list(SPECIAL_TOKENS.values()),
        unk_token=SPECIAL_TOKENS["unk"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(), trainer)
    pieces = json.loads(tokenizer.to_str())["model"]["vocab"][len(SPECIAL_TOKENS) :]
    scored = _in_order({piece: round(score, _SCORE_DIGITS) for piece, score in pieces})
    special = [(token, 0.0) for token in SPECIAL_TOKENS.values()]
    trained = _byte_level(spec, models.Unigram([*special, *scored], unk_id=1), words=True)
    trained.add_special_tokens(_special_tokens())
    return trained


_SCORE_DIGITS = 6
_SCORE_STEP = 1e-4


def _in_order(scores: dict[str, float]) -> list[tuple[str, float]]:
    """Pieces by falling score.

    Single characters whose scores are whole steps above the lowest score get these scores in a fixed order.
    """
    least = min(scores.values(), default=0.0)
    stepped = [
        piece
        for piece, score in scores.items()
        if len(piece) == 1 and round((score - least) % _SCORE_STEP, _SCORE_DIGITS) in {0.0, _SCORE_STEP}
    ]
    handed_out = sorted(scores[piece] for piece in stepped)
    scores |= dict(zip(sorted(stepped), handed_out, strict=True))
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


def _byte(spec: TokenizerSpec, _: Texts) -> Tokenizer:
    """The 256 byte values of UTF-8: BPE without merges, as in ByT5 (Xue et al. 2022, arXiv 2105.13626)."""
    # ByteLevel writes each byte as a printable character; in the order of these, "!" to "~" come first.
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*SPECIAL_TOKENS.values(), *alphabet])}
    tokenizer = _byte_level(spec, models.BPE(vocabulary, []), words=False)
    tokenizer.add_special_tokens(_special_tokens())
    return tokenizer


def _byte_level(spec: TokenizerSpec, model: Any, *, words: bool) -> Tokenizer:
    tokenizer = Tokenizer(model)
    _normalize(tokenizer, spec)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=words)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _special_tokens() -> list[Any]:
    # A word's token includes the space before it, so a mask written as " [MASK]" must include the space too.
    return [special_token(token, lstrip=role == "mask") for role, token in SPECIAL_TOKENS.items()]


def _character(spec: TokenizerSpec, texts: Texts) -> Tokenizer:
    """The characters of the texts, each a token, in code point order. Whitespace is included, so that no text is lost.

    If there are more than the vocabulary holds, the most frequent ones.
    """
    tokenizer = Tokenizer(models.WordLevel({}, unk_token=SPECIAL_TOKENS["unk"]))
    _normalize(tokenizer, spec)
    limit = spec.vocabulary_size - len(SPECIAL_TOKENS)
    alphabet = most_frequent(_normalized(tokenizer, texts), limit)
    vocabulary = {token: number for number, token in enumerate([*SPECIAL_TOKENS.values(), *alphabet])}
    tokenizer.model = models.WordLevel(vocabulary, unk_token=SPECIAL_TOKENS["unk"])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens([special_token(token) for token in SPECIAL_TOKENS.values()])
    return tokenizer


def _wordpiece(spec: TokenizerSpec, texts: Texts) -> Tokenizer:
    """BERT's WordPiece.

    The trainer numbers the pieces ``##x`` in the order of a hash map that differs between processes, and breaks ties by that
    number. So the pieces are given to it in a fixed order as special tokens, and the tokenizer is built again around the
    resulting vocabulary.
    """
    special = list(SPECIAL_TOKENS.values())
    tokenizer = _bert(spec, models.WordPiece(unk_token=SPECIAL_TOKENS["unk"]))
    # Each character takes two entries, alone and as ``##x``; at least a third is left for longer pieces.
    limit = (spec.vocabulary_size - len(special)) // 3
    alphabet = most_frequent(_normalized(tokenizer, texts), limit, whitespace=False)
    trainer = trainers.WordPieceTrainer(
        vocab_size=spec.vocabulary_size,
        min_frequency=_MIN_FREQUENCY,
        special_tokens=[*special, *(f"##{character}" for character in alphabet)],
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(), trainer)
    vocabulary = json.loads(tokenizer.to_str())["model"]["vocab"]
    trained = _bert(spec, models.WordPiece(vocabulary, unk_token=SPECIAL_TOKENS["unk"]))
    trained.add_special_tokens([special_token(token) for token in special])
    return trained


def _bert(spec: TokenizerSpec, model: Any) -> Tokenizer:
    tokenizer = Tokenizer(model)
    bert = normalizers.BertNormalizer(lowercase=spec.lowercase, strip_accents=spec.strip_accents)
    form = _FORMS[spec.normalization]
    tokenizer.normalizer = normalizers.Sequence([form(), bert]) if form else bert
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


_FORMS: dict[str, Any] = {"none": None, "nfc": normalizers.NFC, "nfkc": normalizers.NFKC}


def _normalize(tokenizer: Tokenizer, spec: TokenizerSpec) -> None:
    form = _FORMS[spec.normalization]
    steps: list[Any] = [form()] if form else []
    if spec.lowercase:
        steps.append(normalizers.Lowercase())
    if spec.strip_accents:
        # Only in the decomposed form are accents separate characters.
        steps += [normalizers.NFD(), normalizers.StripAccents(), (form or normalizers.NFC)()]
    if steps:
        tokenizer.normalizer = normalizers.Sequence(steps)


def _normalized(tokenizer: Tokenizer, texts: Texts) -> Iterable[str]:
    normalizer = tokenizer.normalizer
    return texts() if normalizer is None else map(normalizer.normalize_str, texts())


_TRAINERS: dict[str, tuple[Callable[[TokenizerSpec, Texts], Tokenizer], int]] = {
    "bpe": (_bpe, 1),
    "byte": (_byte, 0),
    "character": (_character, 1),
    "unigram": (_unigram, 1),
    "wordpiece": (_wordpiece, 2),
}
"""The trainer of each kind of tokenizer, and how many times it reads the texts."""
