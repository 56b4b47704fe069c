import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import * as queries from "@/api/queries";
import type { Job } from "@/api/types";
import { integer, shortId } from "@/lib/format";
import { Icon } from "@/ui/Icon";
import { Name } from "@/ui/Name";

/** Which checkpoint a job starts from, whether all of it or its encoder alone, and the job that wrote it. */
export function Origin({ job, checkpoint, scope }: NonNullable<Job["parent"]>) {
  const step = useQuery(queries.checkpoint(checkpoint)).data?.step;
  const name = useQuery(queries.job(job)).data?.name;
  return (
    <Link href={`/jobs/${job}`} className="link origin">
      <Icon name="fork" /> {scope === "encoder" ? "encoder of" : "from"}{" "}
      {step === undefined ? "a checkpoint" : `step ${integer(step)}`} of <Name>{name ?? shortId(job)}</Name>
    </Link>
  );
}
