import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import * as queries from "@/api/queries";
import { Button, ButtonLink } from "./Button";
import { CodeBlock } from "./Copy";
import { Dialog } from "./Dialog";
import { ErrorBox, Skeleton } from "./Notice";

/** The model card as text: names in it are people's, and nothing of it is rendered. */
function Card({ checkpoint, onClose }: { checkpoint: string; onClose: () => void }) {
  const { data, error, refetch } = useQuery(queries.modelCard(checkpoint));
  return (
    <Dialog wide title="Model card" onClose={onClose}>
      <p className="muted">
        <code>README.md</code> of every download, in the format of the Hugging Face Hub.
      </p>
      {error && <ErrorBox error={error} retry={() => void refetch()} />}
      {data === undefined ? (
        !error && <Skeleton width="100%" height={220} />
      ) : (
        <div className="model-card">
          <CodeBlock wrap label="the model card" code={data} />
        </div>
      )}
      <div className="dialog-actions">
        <ButtonLink
          download
          icon="download"
          href={`/v1/checkpoints/${checkpoint}/files/README.md`}
          label="Download README.md"
        >
          README.md
        </ButtonLink>
        <Button onClick={onClose}>Close</Button>
      </div>
    </Dialog>
  );
}

/** Shows a checkpoint's model card. */
export function ModelCard({ checkpoint }: { checkpoint: string }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button small icon="copy" onClick={() => setOpen(true)}>
        Model card
      </Button>
      {open && <Card checkpoint={checkpoint} onClose={() => setOpen(false)} />}
    </>
  );
}
