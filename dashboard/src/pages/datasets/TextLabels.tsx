import type { DatasetDetail } from "@/api/types";
import { count, integer } from "@/lib/format";
import { Name } from "@/ui/Name";
import { Bars } from "./Findings";
import { numberOf, rowsOf, textOf } from "./statistics";

type Row = Record<string, unknown>;

const SHOWN = 20;

const examplesOf = (row: Row): string[] =>
  Array.isArray(row.examples) ? row.examples.map((one) => textOf(one)).filter(Boolean) : [];

/** Examples of each class or type of entity. */
function Examples({ rows, name }: { rows: Row[]; name: string }) {
  const some = rows.filter((row) => examplesOf(row).length > 0).slice(0, SHOWN);
  if (some.length === 0) return null;
  return (
    <details className="card label-examples">
      <summary>
        Examples of {rows.length > some.length ? `the first ${integer(some.length)}` : "each"}
      </summary>
      <dl>
        {some.map((row) => (
          <div key={textOf(row[name])}>
            <dt>
              <Name>{textOf(row[name])}</Name>
            </dt>
            {examplesOf(row).map((example, index) => (
              <dd key={index} dir="auto" className="faint">
                {example}
              </dd>
            ))}
          </div>
        ))}
      </dl>
    </details>
  );
}

/** Classes of texts with their counts and examples: of a column, or of folders. */
function TextClasses({ dataset }: { dataset: DatasetDetail }) {
  const { statistics } = dataset;
  const classes = rowsOf(statistics, "classes");
  const unlabelled = numberOf(statistics.unlabelled);
  const column = textOf(statistics.label_column);
  if (classes.length < 2) return null;
  return (
    <>
      <h2>Classes</h2>
      <p className="faint small">
        {column ? (
          <>
            Of the column <code>{column}</code>.
          </>
        ) : (
          "Of the folders."
        )}
        {unlabelled > 0 && ` ${count(unlabelled, "document")} without a class.`}
      </p>
      <Bars rows={classes.map((row) => [textOf(row.name), numberOf(row.documents)])} />
      <Examples rows={classes} name="name" />
    </>
  );
}

/** Entities by type in files in CoNLL layout. */
function Tags({ tags }: { tags: Row }) {
  const entities = rowsOf(tags, "entities");
  const scheme = textOf(tags.scheme);
  const problem = textOf(tags.problem);
  const untagged = numberOf(tags.untagged);
  return (
    <>
      <h2>Tags of words</h2>
      <p className="faint small">
        {count(numberOf(tags.sentences), "sentence")}, {count(numberOf(tags.words), "word")}
        {scheme && `, scheme ${scheme}`}.{untagged > 0 && ` ${count(untagged, "sentence")} without tags.`}
      </p>
      {problem && (
        <div className="notice notice-warning">
          <div className="notice-body">
            <p>{problem}</p>
          </div>
        </div>
      )}
      {entities.length > 0 && (
        <Bars rows={entities.map((row) => [textOf(row.type), numberOf(row.entities)])} />
      )}
      <Examples rows={entities} name="type" />
    </>
  );
}

/** The split that a dataset brings: by the names of files and folders, or by a column. */
function OwnSplit({ dataset }: { dataset: DatasetDetail }) {
  const aside = numberOf(dataset.statistics.held_out);
  const splits = rowsOf(dataset.statistics, "splits");
  if (aside === 0 && splits.length === 0) return null;
  const parts = splits.map((row) => `${textOf(row.name)} ${integer(numberOf(row.documents))}`).join(", ");
  return (
    <p className="faint small">
      {aside > 0 && `${count(aside, "sample")} held out by the names of files or folders. `}
      {splits.length > 0 && (
        <>
          The column <code>{textOf(splits[0]?.column)}</code> names splits: {parts}.
        </>
      )}
    </p>
  );
}

/** What a dataset of text has beside its text: classes, tags of words, its own split. */
export function TextLabels({ dataset }: { dataset: DatasetDetail }) {
  const { tags } = dataset.statistics;
  return (
    <>
      <TextClasses dataset={dataset} />
      {typeof tags === "object" && tags !== null && <Tags tags={tags as Row} />}
      <OwnSplit dataset={dataset} />
    </>
  );
}
