import type { DatasetDetail } from "@/api/types";
import { integer } from "@/lib/format";
import { Icon } from "@/ui/Icon";

/** Parts of the files that were not read, and decisions that inspection made. */
export function FileNotes({ dataset }: { dataset: DatasetDetail }) {
  const told = dataset.file_list.flatMap(({ name, passed_over, notes }) => [
    ...(passed_over.length > 0
      ? [
          {
            name,
            code: "passed_over",
            message: `Not read: ${passed_over.map(({ kind, files }) => `${integer(files)} ${kind}`).join(", ")}.`,
          },
        ]
      : []),
    ...notes.map((note) => ({ name, ...note })),
  ]);
  if (told.length === 0) return null;
  return (
    <div className="notice">
      <Icon name="alert" />
      <div className="notice-body">
        <p>How the files were read:</p>
        <ul className="notice-list">
          {told.map(({ name, code, message }, index) => (
            <li key={`${name}/${code}/${index}`}>
              <code>
                <bdi>{name}</bdi>
              </code>{" "}
              {message}
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}
