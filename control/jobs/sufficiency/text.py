"""Whether a dataset has enough text for a job, and the tokenizer that the spec names."""

from collections.abc import Sequence

from control.jobs.sufficiency.report import Report, missing_column, reads_other, too_small
from control.jobs.sufficiency.text_labels import judge_text_labels
from control.schemas import ProblemDetail
from core.formats.distinct_samples import DistinctSample, merged
from core.formats.splits import by_hash
from core.spec.job import JobSpec
from core.spec.needs import is_exact, most_rows, most_tokens, rows_needed, tokens_needed


def judge_text(spec: JobSpec, reports: Sequence[Report]) -> ProblemDetail | None:
    """Why the job cannot run on this text; None if no reason is known."""
    if problem := _tokenizer(spec, reports) or _text_column(spec, reports):
        return problem
    if reads_other(spec.data.text_column, reports, "text_column"):
        return None
    if spec.task.text_labels is not None:
        # A sample is one text, however many tokens it has.
        return judge_text_labels(spec, reports)
    whole = spec.data.documents == "whole_file"
    ledger = merged(report.ledger("whole_ledger" if whole else "ledger") for report in reports)
    documents = list(ledger.entries.values())
    different = len(documents) if ledger.complete else sum(report.different for report in reports)
    if spec.data.held_out == "tail":
        if ledger.complete and sum(one.characters for one in documents) < 2:
            return too_small(
                "the dataset needs two characters at least: one to learn from and one held out",
                case="two_characters",
            )
    elif different < 2 and not (whole and not ledger.complete):
        return too_small(
            "the dataset needs two documents at least that differ: one to learn from and one held out for evaluation; "
            "with data.held_out tail, one document is cut in two",
            case="two_documents",
        )
    return _too_few_tokens(spec, reports, documents if ledger.complete else None)


def _too_few_tokens(
    spec: JobSpec, reports: Sequence[Report], documents: Sequence[DistinctSample] | None
) -> ProblemDetail | None:
    """
    Args:
        documents: The distinct ones; None if there are too many to have been recorded.
    """
    if documents is None:
        count = sum(report.found.get("documents", 0) for report in reports)
        characters = sum(report.found.get("characters", 0) for report in reports)
        size = sum(_text_bytes(report) for report in reports)
    else:
        count, characters, size = _training_part(spec, documents)
    tokens = most_tokens(spec.data.tokenizer, characters=characters, size=size)
    if tokens is None:
        return None
    tokens += count  # a separator after each
    if most_rows(spec, tokens=tokens, documents=count) >= rows_needed(spec):
        return None
    exact = documents is not None and is_exact(spec.data.tokenizer)
    needed = tokens_needed(spec)
    where = "the dataset has" if documents is None else "the part of the dataset that is learned from has"
    return too_small(
        f"{where} {'' if exact else 'at most '}{tokens:,} tokens and one batch takes {needed:,}: "
        "add text, or lower training.batch_size or training.sequence_length",
        case="tokens",
        tokens=tokens,
        exact=exact,
        needed=needed,
        learned_part=documents is not None,
    )


def _training_part(spec: JobSpec, documents: Sequence[DistinctSample]) -> tuple[int, int, int]:
    """Upper bounds of the documents, characters and UTF-8 bytes of the training split."""
    fraction = spec.data.held_out_fraction
    if spec.data.held_out == "by_hash":
        held_out = by_hash([one.content for one in documents], fraction)
        kept = [one for one, out in zip(documents, held_out, strict=True) if not out]
        return len(kept), sum(one.characters for one in kept), sum(one.size for one in kept)
    characters = sum(one.characters for one in documents)
    border = min(max(int(characters * (1 - fraction)), 1), characters - 1)
    count = begun = most = 0
    for one in documents:
        if begun < border:
            count += 1
            taken = min(one.characters, border - begun)
            # A character that is cut off has at least one byte, one that stays at most four.
            most += min(one.size - (one.characters - taken), 4 * taken)
        begun += one.characters
    return count, border, most


def _text_bytes(report: Report) -> int:
    """Upper bound of the UTF-8 bytes of its text."""
    most: int = 4 * report.found.get("characters", 0)
    if report.found.get("kind") in {"text", "jsonl", "csv"} and not report.found.get("compression"):
        most = min(most, report.bytes)
    return most


def _tokenizer(spec: JobSpec, reports: Sequence[Report]) -> ProblemDetail | None:
    if spec.data.tokenizer.kind != "uploaded":
        return None
    found = [report for report in reports if report.found.get("vocabulary_size")]
    different = {report.found.get("tokenizer_sha256") for report in found}
    if found and len(different) == 1:
        return None
    problem = f"holds {len(different)} different tokenizer.json files" if found else "holds no tokenizer.json"
    return ProblemDetail(
        param="data.tokenizer.kind",
        code="tokenizer_invalid",
        message=(
            f"the tokenizer is to be 'uploaded', and the dataset {problem}: use a dataset with one file named "
            "tokenizer.json, or a tokenizer that is trained, such as 'bpe'"
        ),
        params={"case": "dataset", "files": len(different)},
    )


def _text_column(spec: JobSpec, reports: Sequence[Report]) -> ProblemDetail | None:
    return missing_column(reports, "data.text_column", spec.data.text_column, "columns", "column of text")
