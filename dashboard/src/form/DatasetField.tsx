import type { Dataset } from "@/api/types";
import { bytes, isolated } from "@/lib/format";
import { ButtonLink } from "@/ui/Button";
import { MODALITIES } from "@/pages/datasets/modality";
import { useForm } from "./context";
import type { Leaf } from "./fields";
import { FieldFrame } from "./LeafField";

interface DatasetFieldProps {
  leaf: Leaf;
  datasets: Dataset[];
  onChoose: (dataset: Dataset) => void;
}

/** A choice of datasets by name; the schema has only an id. */
export function DatasetField({ leaf, datasets, onChoose }: DatasetFieldProps) {
  const form = useForm();
  const chosen = form.value(leaf.path);
  if (datasets.length === 0) {
    return (
      <div className="field">
        <span className="field-label">{leaf.title}</span>
        <ButtonLink icon="upload" look="primary" href="/datasets/new">
          Upload a dataset first
        </ButtonLink>
        <p className="help">A job needs data to learn from, and none are ready yet.</p>
      </div>
    );
  }
  return (
    <FieldFrame leaf={leaf}>
      {({ id, invalid, describedBy }) => (
        <select
          id={id}
          className="input"
          required
          aria-invalid={invalid}
          aria-describedby={describedBy}
          value={typeof chosen === "string" ? chosen : ""}
          onBlur={() => form.leave(leaf.path)}
          onChange={(event) => {
            const picked = datasets.find((dataset) => dataset.id === event.target.value);
            if (picked) onChoose(picked);
            else form.set(leaf.path, undefined);
          }}
        >
          <option value="">Choose…</option>
          {datasets.map((dataset) => (
            <option key={dataset.id} value={dataset.id}>
              {isolated(dataset.name)} ({dataset.version > 1 && `version ${dataset.version}, `}
              {MODALITIES[dataset.modality].data}, {bytes(dataset.bytes)})
            </option>
          ))}
        </select>
      )}
    </FieldFrame>
  );
}
