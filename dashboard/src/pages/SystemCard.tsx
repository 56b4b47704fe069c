import { useQuery } from "@tanstack/react-query";
import * as queries from "@/api/queries";
import { systemFacts } from "@/pages/systemFacts";

/** The state of the service, for admins. */
export function SystemCard() {
  const { data } = useQuery(queries.system);
  const usage = useQuery(queries.usage).data;
  if (!data) return null;
  return (
    <section className="card system" aria-labelledby="system">
      <div className="usage-head">
        <h2 id="system">Service</h2>
        <p className="faint small">{data.scope === "service" ? "All projects" : "This project"}</p>
      </div>
      <dl className="system-facts num">
        {systemFacts(data, usage).map(([name, value, more]) => (
          <div key={name} title={more}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
