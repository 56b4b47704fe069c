"""Model cards: what they tell, what the Hub's own library reads of them, and names that look like markup."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import yaml
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt

from control.checkpoints.models import Checkpoint
from control.datasets.models import Dataset
from control.db import WriteSession
from control.ids import new_id
from control.jobs import service as jobs
from control.lifecycle.models import Job
from control.model_cards.collecting import collect
from control.model_cards.escaping import plain
from control.model_cards.facts import Ancestor, Data, Evaluation, Facts, Score
from control.model_cards.service import of, render
from core.spec.problems import validate
from core.spec.tasks import tasks_by_kind
from tests.factories import (
    make_checkpoint,
    make_dataset,
    make_job,
    make_project,
    make_running,
    make_spec,
    make_version,
)

HOSTILE = (
    "plain name",
    "a\n---\nlicense: mit\n---\n# Heading",
    "--- | a | b | ---",
    "| x | `y` |\n|---|---|",
    "```\n</pre><script>alert(1)</script>",
    "<img src=x onerror=alert(1)> & &lt;b&gt;",
    "[click](javascript:alert(1)) ![](https://x.example/a.png) https://x.example www.x.example",
    "**bold** _it_ ~~no~~ $x^2$ @user #1 \\| \\",
    'quote " and : colon {a: b} [c] ---',
    "\u202egpj.exe",
    "...",
    "---",
    "null",
    "日本語 🦀 é",
)


def parsed(card: str) -> ModelCard:
    """The card, as the Hub's library reads it, its metadata checked."""
    return ModelCard(card, ignore_metadata_errors=False)


def facts(session: WriteSession) -> Facts:
    """Facts of a small job, with everything that a card can tell."""
    _, claim = make_running(session)
    made = make_checkpoint(session, claim, 50, {"eval/loss": 3.25, "eval/perplexity": 25.8})
    found = collect(session, made)
    assert found.data
    evaluation = Evaluation(
        "eval_1",
        found.data,
        "all",
        0.95,
        [Score("accuracy", "Accuracy", 0.5, 0.4, 0.6), Score("x", "X", 1.0)],
    )
    return replace(found, evaluations=[evaluation])


def tokens(card: ModelCard) -> list[str]:
    """Types of all tokens of its text, those inside of lines too."""
    found = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(card.text)
    return [token.type for token in found] + [child.type for token in found for child in token.children or ()]


def test_a_card_has_the_metadata_of_the_hub_and_tells_data_scores_curves_and_spec(
    session: WriteSession,
) -> None:
    job, claim = make_running(session)
    made = make_checkpoint(session, claim, 50, {"eval/loss": 3.25, "eval/perplexity": 25.8})
    now = datetime.now(UTC)
    points = [jobs.Point("train/loss", step, 9 - step / 10, now) for step in range(1, 81)]
    points += [jobs.Point("eval/loss", step, 8 - step / 10, now) for step in (20, 40, 50, 60)]
    jobs.record_points(session, job.id, claim.attempt, points)
    data = session.get_one(Dataset, job.dataset_id)
    data.sha256, data.name = "ab" * 32, "my corpus"
    card = parsed(of(session, job.project_id, made.id))
    told = card.data.to_dict()
    assert told["library_name"] == "transformers"
    assert told["pipeline_tag"] == "fill-mask"
    assert told["datasets"] == [data.id]
    assert {"seedbed", "masked_lm"} <= set(told["tags"])
    assert told["seedbed"]["checkpoint"] == made.id
    assert "license" not in told
    assert "base_model" not in told
    results = {(r.dataset_name, r.metric_type): r.metric_value for r in card.data.eval_results}
    assert results == {("my corpus", "loss"): 3.25, ("my corpus", "perplexity"): 25.8}
    assert "ab" * 32 in card.text
    # The steps of evaluations up to the checkpoint's, with the training loss of the same step.
    assert "| Step | Loss, train | Loss, held out |\n| --- | --- | --- |\n| 20 | 7 | 6 |\n" in card.text
    assert "| 50 | 4 | 3 |" in card.text
    assert "| 60 |" not in card.text
    spec = card.text.rpartition("```yaml\n")[2].partition("\n```")[0]
    assert yaml.safe_load(spec) == job.spec


def test_a_card_says_which_files_of_a_version_were_read(session: WriteSession) -> None:
    project = make_project(session)
    parent = make_dataset(session, project)
    version = make_version(session, project, parent)
    texts = []
    for files in ("all", "new"):
        job, claim = make_running(session, project_id=project, dataset=version, data={"files": files})
        texts.append(of(session, project, make_checkpoint(session, claim, 50).id))
        jobs.finish(session, job.id, claim.attempt, jobs.Completed())
    whole, new = (parsed(text).text for text in texts)
    assert f"2, of {parent}" in whole
    assert "all of this version" in whole
    assert "those that this version added" in new
    job, claim = make_running(session, project_id=project, dataset=parent)
    assert "Version" not in parsed(of(session, project, make_checkpoint(session, claim, 50).id)).text


def test_equal_facts_give_equal_bytes(session: WriteSession) -> None:
    job, claim = make_running(session)
    made = make_checkpoint(session, claim, 50, {"eval/loss": 3.25})
    assert of(session, job.project_id, made.id) == of(session, job.project_id, made.id)


def test_numbers_that_are_not_finite_are_left_out(session: WriteSession) -> None:
    job, claim = make_running(session)
    made = make_checkpoint(session, claim, 50, {"eval/loss": float("nan"), "eval/perplexity": 2.0})
    jobs.record_points(
        session, job.id, claim.attempt, [jobs.Point("train/loss", 5, float("inf"), datetime.now(UTC))]
    )
    card = parsed(of(session, job.project_id, made.id))
    assert [result.metric_type for result in card.data.eval_results] == ["perplexity"]
    assert "| 5 | inf |" in card.text


def test_a_fork_names_what_it_started_from_up_to_the_first(session: WriteSession) -> None:
    first, claim = make_running(session)
    one = make_checkpoint(session, claim, 50)
    second = make_job(session, first.project_id, dataset=first.dataset_id, name="second")
    second.parent_job_id, second.parent_checkpoint_id = first.id, one.id
    two = _written_by(session, second)
    third = make_job(session, first.project_id, dataset=first.dataset_id, name="third")
    third.spec = third.spec | {"start": {"checkpoint": two.id, "scope": "encoder"}}
    third.parent_job_id, third.parent_checkpoint_id = second.id, two.id
    three = _written_by(session, third)
    one.deleted_at = datetime.now(UTC)
    card = parsed(of(session, first.project_id, three.id))
    assert card.data.base_model == two.id
    assert card.data.base_model_relation == "finetune"
    lines = card.text.partition("## Lineage")[2].partition("##")[0].strip().splitlines()[-2:]
    assert lines[0] == (
        f"1. the encoder of {two.id}, step 7 of the job second ({second.id}; Masked language model)"
    )
    assert lines[1].startswith(f"2. all of {one.id}, step 50 of the job job ({first.id}")
    # A job whose parent was deleted knows only the id.
    third.parent_job_id = third.parent_checkpoint_id = None
    session.flush()
    text = of(session, first.project_id, three.id)
    assert f"1. the encoder of {two.id}, whose job was deleted\n" in text


def test_a_job_that_takes_a_tokenizer_alone_has_no_base(session: WriteSession) -> None:
    first, claim = make_running(session)
    one = make_checkpoint(session, claim, 50)
    second = make_job(session, first.project_id, dataset=first.dataset_id, name="second")
    second.spec = second.spec | {"start": {"checkpoint": one.id, "scope": "all"}}
    second.parent_job_id, second.parent_checkpoint_id = first.id, one.id
    two = _written_by(session, second)
    baseline = make_job(session, first.project_id, dataset=first.dataset_id, name="baseline")
    baseline.spec = baseline.spec | {"start": {"checkpoint": two.id, "scope": "tokenizer"}}
    baseline.parent_job_id, baseline.parent_checkpoint_id = second.id, two.id
    card = parsed(of(session, first.project_id, _written_by(session, baseline).id))
    assert {"base_model", "base_model_relation"}.isdisjoint(card.data.to_dict())
    lines = card.text.partition("## Lineage")[2].partition("##")[0].strip().splitlines()[2:]
    assert lines == [
        f"1. fresh weights and the tokenizer of {two.id}, step 7 of the job second ({second.id}; Masked language model)"
    ]


@pytest.mark.parametrize("name", ["bert-base-uncased", "google/bert_u.1", "my bert", "a/b/c", "../x", "-x"])
def test_an_upload_is_the_base_by_its_name_if_the_hub_can_have_it(session: WriteSession, name: str) -> None:
    job, claim = make_running(session)
    own = make_checkpoint(session, claim, 50)
    upload = Job(
        id=new_id("upl"),
        project_id=job.project_id,
        purpose="upload",
        name=name,
        spec=make_spec(None, name=name).model_dump(mode="json"),
        state="succeeded",
        finished_at=datetime.now(UTC),
        steps=1,
    )
    session.add(upload)
    session.flush()
    uploaded = _written_by(session, upload)
    job.parent_job_id, job.parent_checkpoint_id = upload.id, uploaded.id
    session.flush()
    assert parsed(of(session, job.project_id, own.id)).data.base_model == (
        name if name in {"bert-base-uncased", "google/bert_u.1"} else uploaded.id
    )
    card = parsed(of(session, job.project_id, uploaded.id))
    assert "uploaded" in card.text
    assert card.data.to_dict().get("datasets") is None
    assert "## Lineage" not in card.text


def test_evaluations_are_told_when_they_have_succeeded(session: WriteSession) -> None:
    job, claim = make_running(session)
    made = make_checkpoint(session, claim, 50)
    before = of(session, job.project_id, made.id)
    evaluation = make_job(session, job.project_id, dataset=job.dataset_id)
    evaluation.purpose, evaluation.parent_checkpoint_id = "evaluation", made.id
    evaluation.result = {
        "split": "all",
        "resampling": {"level": 0.9},
        "sections": [
            {
                "measures": [
                    {"name": "accuracy", "title": "Accuracy", "value": 0.75, "low": 0.7, "high": 0.8},
                    {"name": "auroc", "title": "AUROC", "value": None, "low": None, "high": None},
                ]
            }
        ],
    }
    session.flush()
    assert of(session, job.project_id, made.id) == before
    evaluation.state, evaluation.finished_at = "succeeded", datetime.now(UTC)
    session.flush()
    card = parsed(of(session, job.project_id, made.id))
    assert "| Accuracy | 0.75 | 0.7 to 0.8 |" in card.text
    assert [(r.metric_type, r.metric_value, r.dataset_split) for r in card.data.eval_results] == [
        ("accuracy", 0.75, "all")
    ]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_text_wherever_they_stand(session: WriteSession, name: str) -> None:
    harmless = replace(facts(session), ancestors=[Ancestor("ckpt_1", "all", "base", "job_1", "Task", 3)])
    assert harmless.data
    expected = parsed(render(harmless))
    data = Data(harmless.data.id, name, "text", "ab", deleted=False)
    hostile = replace(
        harmless,
        name=name,
        data=data,
        ancestors=[replace(harmless.ancestors[0], name=name, task=name)],
        document={**harmless.document, "name": name},
        evaluations=[replace(harmless.evaluations[0], data=data)],
        scores=[replace(score, title=name) for score in harmless.scores],
    )
    card = parsed(render(hostile))
    told, known = card.data.to_dict(), expected.data.to_dict()
    assert told.keys() == known.keys()
    assert card.data.license is None
    shown = " ".join(name.replace("\u202e", "\ufffd").split())
    assert told["model-index"][0]["name"] == shown
    # The same structure: no heading, table, link, picture or HTML more, and the name as it is.
    assert sorted(tokens(card)) == sorted(tokens(expected))
    heading = MarkdownIt("commonmark").parse(card.text)[1].children
    assert heading
    assert "".join(child.content for child in heading) == shown
    block = [t for t in MarkdownIt("commonmark").parse(card.text) if t.type == "fence"][-1]
    assert yaml.safe_load(block.content)["name"] == name


def test_a_name_without_markup_stays_readable() -> None:
    assert plain("my_corpus-v1.2 (new), 50% of it: a+b=c") == "my_corpus-v1.2 (new), 50% of it: a+b=c"


def test_every_task_has_a_valid_card_with_its_own_way_to_open_it(session: WriteSession) -> None:
    base = facts(session)
    for kind, task in tasks_by_kind().items():
        spec = validate(task.recipes[0].spec(kind) | {"name": "job", "dataset": base.spec.dataset})
        card = parsed(render(replace(base, spec=spec)))
        assert card.data.pipeline_tag == task.pipeline()
        assert {kind, spec.network_size.architecture} <= set(card.data.tags)
        assert f"`{task.opening.loader}.from_pretrained`" in card.text


def test_a_job_whose_task_is_not_installed_has_a_card(session: WriteSession) -> None:
    job, claim = make_running(session)
    made = make_checkpoint(session, claim, 50, {"eval/loss": 1.5})
    job.spec = job.spec | {"task": {"kind": "gone", "width": 3}}
    session.flush()
    card = parsed(of(session, job.project_id, made.id))
    assert "gone" in card.data.tags
    assert card.data.pipeline_tag is None
    assert "`AutoModel.from_pretrained`" in card.text


def _written_by(session: WriteSession, job: Job) -> Checkpoint:
    made = Checkpoint(
        id=new_id("ckpt"),
        job_id=job.id,
        attempt=0,
        step=7,
        prefix=f"jobs/{job.id}",
        manifest={"files": [{"path": "config.json", "bytes": 2, "sha256": "ab"}]},
        manifest_sha256="cd" * 32,
        bytes=2,
    )
    session.add(made)
    session.flush()
    session.refresh(made)
    return made
