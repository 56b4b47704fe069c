"""Families of language models: BERT, ModernBERT, GPT-2, Llama and T5."""

from collections.abc import Callable

from core.formats.published.family import ACTIVATIONS, OFF, Family, Settings, Shapes, linear, norm


def _language_head(width: str) -> Callable[[Settings], Shapes]:
    """The output layer of a language model whose width is the setting named ``width``."""

    def shapes(settings: Settings) -> Shapes:
        yield "lm_head.weight", (settings.number("vocab_size"), settings.number(width))

    return shapes


def _bert(settings: Settings) -> Shapes:
    hidden, inner = settings.number("hidden_size"), settings.number("intermediate_size")
    yield "embeddings.word_embeddings.weight", (settings.number("vocab_size"), hidden)
    yield "embeddings.position_embeddings.weight", (settings.number("max_position_embeddings"), hidden)
    yield "embeddings.token_type_embeddings.weight", (settings.number("type_vocab_size", 2), hidden)
    yield from norm("embeddings.LayerNorm", hidden)
    for number in range(settings.number("num_hidden_layers")):
        layer = f"encoder.layer.{number}"
        for part in ("query", "key", "value"):
            yield from linear(f"{layer}.attention.self.{part}", hidden, hidden)
        yield from linear(f"{layer}.attention.output.dense", hidden, hidden)
        yield from norm(f"{layer}.attention.output.LayerNorm", hidden)
        yield from linear(f"{layer}.intermediate.dense", inner, hidden)
        yield from linear(f"{layer}.output.dense", hidden, inner)
        yield from norm(f"{layer}.output.LayerNorm", hidden)


def _bert_head(settings: Settings) -> Shapes:
    hidden, vocabulary = settings.number("hidden_size"), settings.number("vocab_size")
    yield from linear("cls.predictions.transform.dense", hidden, hidden)
    yield from norm("cls.predictions.transform.LayerNorm", hidden)
    yield from linear("cls.predictions.decoder", vocabulary, hidden)
    yield "cls.predictions.bias", (vocabulary,)


BERT = Family(
    model_type="bert",
    architecture="bert",
    prefixes=("bert.", ""),
    shapes=_bert,
    heads=_bert_head,
    supported={
        "hidden_act": (ACTIVATIONS, "gelu"),
        "position_embedding_type": (frozenset({"absolute", None}), "absolute"),
        "is_decoder": OFF,
        "add_cross_attention": OFF,
    },
    defaults={"max_position_embeddings": 512},
    positions="max_position_embeddings",
)


def _gpt2(settings: Settings) -> Shapes:
    hidden = settings.number("n_embd")
    inner = settings.number("n_inner", 4 * hidden)
    yield "wte.weight", (settings.number("vocab_size"), hidden)
    yield "wpe.weight", (settings.number("n_positions"), hidden)
    for number in range(settings.number("n_layer")):
        layer = f"h.{number}"
        yield from norm(f"{layer}.ln_1", hidden)
        # Its linear maps are stored transposed.
        for name, inputs, outputs in (
            ("attn.c_attn", hidden, 3 * hidden),
            ("attn.c_proj", hidden, hidden),
            ("mlp.c_fc", hidden, inner),
            ("mlp.c_proj", inner, hidden),
        ):
            yield f"{layer}.{name}.weight", (inputs, outputs)
            yield f"{layer}.{name}.bias", (outputs,)
        yield from norm(f"{layer}.ln_2", hidden)
    yield from norm("ln_f", hidden)


GPT2 = Family(
    model_type="gpt2",
    architecture="gpt2",
    prefixes=("transformer.", ""),
    shapes=_gpt2,
    heads=_language_head("n_embd"),
    supported={"activation_function": (ACTIVATIONS, "gelu_new"), "add_cross_attention": OFF},
    defaults={"n_positions": 1024},
    positions="n_positions",
)


def _llama(settings: Settings) -> Shapes:
    hidden, inner = settings.number("hidden_size"), settings.number("intermediate_size")
    heads = settings.number("num_attention_heads")
    groups = settings.number("num_key_value_heads", heads)
    width = settings.number("head_dim", hidden // heads)
    attention, feed_forward = (settings.flag(name, default=False) for name in ("attention_bias", "mlp_bias"))
    yield "embed_tokens.weight", (settings.number("vocab_size"), hidden)
    for number in range(settings.number("num_hidden_layers")):
        layer = f"layers.{number}"
        for part, outputs in (("q", heads), ("k", groups), ("v", groups)):
            yield from linear(f"{layer}.self_attn.{part}_proj", outputs * width, hidden, bias=attention)
        yield from linear(f"{layer}.self_attn.o_proj", hidden, heads * width, bias=attention)
        yield from linear(f"{layer}.mlp.gate_proj", inner, hidden, bias=feed_forward)
        yield from linear(f"{layer}.mlp.up_proj", inner, hidden, bias=feed_forward)
        yield from linear(f"{layer}.mlp.down_proj", hidden, inner, bias=feed_forward)
        yield from norm(f"{layer}.input_layernorm", hidden, bias=False)
        yield from norm(f"{layer}.post_attention_layernorm", hidden, bias=False)
    yield from norm("norm", hidden, bias=False)


LLAMA = Family(
    model_type="llama",
    architecture="llama",
    prefixes=("model.", ""),
    shapes=_llama,
    heads=_language_head("hidden_size"),
    supported={"hidden_act": (ACTIVATIONS, "silu")},
)


def _modernbert(settings: Settings) -> Shapes:
    hidden, inner = settings.number("hidden_size"), settings.number("intermediate_size")
    attention, feed_forward, norms = (
        settings.flag(name, default=False) for name in ("attention_bias", "mlp_bias", "norm_bias")
    )
    yield "embeddings.tok_embeddings.weight", (settings.number("vocab_size"), hidden)
    yield from norm("embeddings.norm", hidden, bias=norms)
    for number in range(settings.number("num_hidden_layers")):
        layer = f"layers.{number}"
        if number:
            yield from norm(f"{layer}.attn_norm", hidden, bias=norms)
        yield from linear(f"{layer}.attn.Wqkv", 3 * hidden, hidden, bias=attention)
        yield from linear(f"{layer}.attn.Wo", hidden, hidden, bias=attention)
        yield from norm(f"{layer}.mlp_norm", hidden, bias=norms)
        yield from linear(f"{layer}.mlp.Wi", 2 * inner, hidden, bias=feed_forward)
        yield from linear(f"{layer}.mlp.Wo", hidden, inner, bias=feed_forward)
    yield from norm("final_norm", hidden, bias=norms)


def _modernbert_head(settings: Settings) -> Shapes:
    hidden, vocabulary = settings.number("hidden_size"), settings.number("vocab_size")
    yield from linear("head.dense", hidden, hidden, bias=settings.flag("classifier_bias", default=False))
    yield from norm("head.norm", hidden, bias=settings.flag("norm_bias", default=False))
    yield from linear("decoder", vocabulary, hidden, bias=settings.flag("decoder_bias", default=True))


MODERNBERT = Family(
    model_type="modernbert",
    architecture="modernbert",
    prefixes=("model.", ""),
    shapes=_modernbert,
    heads=_modernbert_head,
    supported={
        "hidden_activation": (ACTIVATIONS, "gelu"),
        "classifier_activation": (ACTIVATIONS, "gelu"),
        "sparse_prediction": OFF,
    },
)


def _t5(settings: Settings) -> Shapes:
    hidden = settings.number("d_model")
    inner, heads = settings.number("d_ff"), settings.number("num_heads")
    width = heads * settings.number("d_kv")
    buckets = settings.number("relative_attention_num_buckets", 32)
    gated = str(settings.document.get("feed_forward_proj", "relu")).startswith("gated-")

    def attention(name: str, *, positions: bool) -> Shapes:
        for part in ("q", "k", "v"):
            yield from linear(f"{name}.{part}", width, hidden, bias=False)
        yield from linear(f"{name}.o", hidden, width, bias=False)
        if positions:
            yield f"{name}.relative_attention_bias.weight", (buckets, heads)

    def feed_forward(name: str) -> Shapes:
        for part in ("wi_0", "wi_1") if gated else ("wi",):
            yield from linear(f"{name}.{part}", inner, hidden, bias=False)
        yield from linear(f"{name}.wo", hidden, inner, bias=False)

    yield "shared.weight", (settings.number("vocab_size"), hidden)
    for number in range(settings.number("num_layers")):
        block = f"encoder.block.{number}.layer"
        yield from attention(f"{block}.0.SelfAttention", positions=number == 0)
        yield from norm(f"{block}.0.layer_norm", hidden, bias=False)
        yield from feed_forward(f"{block}.1.DenseReluDense")
        yield from norm(f"{block}.1.layer_norm", hidden, bias=False)
    yield from norm("encoder.final_layer_norm", hidden, bias=False)


T5 = Family(
    model_type="t5",
    architecture="t5",
    prefixes=("",),
    shapes=_t5,
    heads=_language_head("d_model"),
    supported={
        "feed_forward_proj": (
            ACTIVATIONS | frozenset(f"gated-{name}" for name in ACTIVATIONS),
            "relu",
        )
    },
)
