import type { EvaluationSection, Measure } from "@/api/types";
import { integer, metric, NONE, percent } from "@/lib/format";
import { Documents } from "@/reports/Documents";

const TITLES: Record<EvaluationSection["name"], string> = {
  language: "Language model",
  task: "The task’s own measures",
  probes: "Probes of the features",
  classification: "Classification",
};

type Estimated = Pick<Measure, "value" | "low" | "high">;

const shown = (value: number | null, unit: string | null): string =>
  value === null ? NONE : unit === "share" ? percent(value, 1) : metric(value);

/** The interval beside its number. */
const intervalOf = ({ low, high }: Estimated, unit: string | null): string =>
  low === null || high === null ? "" : `${shown(low, unit)} to ${shown(high, unit)}`;

/** Whether the first checkpoint is better, by an interval of the difference that does not contain 0. */
function verdict(measure: Measure): "better" | "worse" | null {
  const { low, high } = measure.difference ?? { low: null, high: null };
  if (low === null || high === null || measure.better === null || (low <= 0 && high >= 0)) return null;
  return low > 0 === (measure.better === "higher") ? "better" : "worse";
}

function Number({ of, unit }: { of: Estimated | null; unit: string | null }) {
  if (!of) return <td className="num">{NONE}</td>;
  return (
    <td className="num">
      <b>{shown(of.value, unit)}</b>
      <span className="faint small">{intervalOf(of, unit)}</span>
    </td>
  );
}

function Row({ measure, compared }: { measure: Measure; compared: boolean }) {
  const found = verdict(measure);
  return (
    <tr>
      <th scope="row">
        {measure.title}
        {measure.unit && measure.unit !== "share" && <span className="faint small"> {measure.unit}</span>}
        {measure.hint && <span className="faint small evaluation-hint">{measure.hint}</span>}
      </th>
      <Number of={measure} unit={measure.unit} />
      {compared && (
        <>
          <Number of={measure.against} unit={measure.unit} />
          <Number of={measure.difference} unit={measure.unit} />
          <td>
            {found && <span className={`chip verdict-${found}`}>{found}</span>}
            {measure.mcnemar && (
              <span className="faint small num">
                McNemar: {integer(measure.mcnemar.only_first)} against {integer(measure.mcnemar.only_second)},
                p {metric(measure.mcnemar.p_value)}
              </span>
            )}
          </td>
        </>
      )}
    </tr>
  );
}

/** One section of an evaluation: how it is counted, its measures with their intervals, its tables and pictures. */
export function SectionReport({ section, compared }: { section: EvaluationSection; compared: boolean }) {
  return (
    <section className="card evaluation-section">
      <h2>{TITLES[section.name]}</h2>
      <p className="muted small">{section.counted}</p>
      <div className="evaluation-table">
        <table>
          <thead>
            <tr>
              <th scope="col">Measure</th>
              <th scope="col">This checkpoint</th>
              {compared && (
                <>
                  <th scope="col">The other</th>
                  <th scope="col">Difference</th>
                  <th scope="col">Verdict</th>
                </>
              )}
            </tr>
          </thead>
          <tbody>
            {section.measures.map((measure) => (
              <Row key={measure.name} measure={measure} compared={compared} />
            ))}
          </tbody>
        </table>
      </div>
      {compared && section.paired === false && (
        <p className="faint small">
          The two read these samples in other units, so their differences have no interval.
        </p>
      )}
      <Documents documents={section.documents} />
    </section>
  );
}
