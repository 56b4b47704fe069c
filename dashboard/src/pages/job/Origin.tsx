import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import * as queries from "@/api/queries";
import type { Job } from "@/api/types";
import { integer, shortId } from "@/lib/format";
import { Icon } from "@/ui/Icon";
import { Name } from "@/ui/Name";

type Parent = NonNullable<Job["parent"]>;

const WORDS: Record<Parent["scope"], string> = {
  all: "from",
  weights: "weights of",
  encoder: "encoder of",
  tokenizer: "tokenizer of",
};

/** Which checkpoint a job starts from, whether all of it or its encoder alone, and the job that wrote it, if one did. */
export function Origin({ job, checkpoint, scope }: Parent) {
  return job === null ? (
    <OfUpload checkpoint={checkpoint} scope={scope} />
  ) : (
    <OfJob job={job} checkpoint={checkpoint} scope={scope} />
  );
}

function OfJob({ job, checkpoint, scope }: Parent & { job: string }) {
  const step = useQuery(queries.checkpoint(checkpoint)).data?.step;
  const name = useQuery(queries.job(job)).data?.name;
  return (
    <Link href={`/jobs/${job}`} className="link origin">
      <Icon name="fork" /> {WORDS[scope]} {step === undefined ? "a checkpoint" : `step ${integer(step)}`} of{" "}
      <Name>{name ?? shortId(job)}</Name>
    </Link>
  );
}

function OfUpload({ checkpoint, scope }: Pick<Parent, "checkpoint" | "scope">) {
  const found = useQuery(queries.checkpoint(checkpoint)).data;
  const name = found && "name" in found ? found.name : shortId(checkpoint);
  return (
    <Link href="/checkpoints" className="link origin">
      <Icon name="fork" /> {WORDS[scope]} the uploaded <Name>{name}</Name>
    </Link>
  );
}
