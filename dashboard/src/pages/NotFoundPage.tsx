import { useTitle } from "@/lib/title";
import { ButtonLink } from "@/ui/Button";
import { Empty } from "@/ui/Notice";

export function NotFoundPage() {
  useTitle("Not found");
  return (
    <div className="page">
      <Empty icon="search" title="There is no page here">
        <p className="muted">The address may be mistyped, or the thing it named is gone.</p>
        <ButtonLink href="/jobs">Go to jobs</ButtonLink>
      </Empty>
    </div>
  );
}
