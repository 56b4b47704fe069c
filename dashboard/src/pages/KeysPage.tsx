import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { client, unwrap } from "@/api/client";
import * as queries from "@/api/queries";
import type { Key, KeyCreated, Scope } from "@/api/types";
import { isolated } from "@/lib/format";
import { useTitle } from "@/lib/title";
import { Button } from "@/ui/Button";
import { CodeBlock } from "@/ui/Copy";
import { Confirm, Dialog } from "@/ui/Dialog";
import { Name } from "@/ui/Name";
import { ErrorBox, Skeleton } from "@/ui/Notice";
import { Time } from "@/ui/Time";
import { useToast } from "@/ui/Toast";

const LEVELS: { scopes: Scope[]; name: string; what: string }[] = [
  { scopes: ["read"], name: "Read", what: "see everything, change nothing" },
  { scopes: ["read", "write"], name: "Read and write", what: "upload, submit, stop, delete" },
  { scopes: ["admin"], name: "Admin", what: "all that, and keys" },
];

function NewKeyDialog({ onClose }: { onClose: () => void }) {
  const id = useId();
  const [name, setName] = useState("");
  const [level, setLevel] = useState(1);
  const [made, setMade] = useState<KeyCreated | null>(null);
  const cache = useQueryClient();
  const create = useMutation({
    mutationFn: () =>
      unwrap(
        client.POST("/v1/keys", {
          body: { name, scopes: LEVELS[level]?.scopes ?? ["read"] },
        }),
      ),
    onSuccess: (created) => {
      setMade(created);
      return cache.invalidateQueries({ queryKey: queries.keys.queryKey });
    },
  });
  if (made) {
    return (
      <Dialog title={`The key “${isolated(made.name)}”`} onClose={onClose}>
        <p className="muted">
          Copy it now: it is shown this once, and the service keeps only its fingerprint.
        </p>
        <CodeBlock wrap label="key" code={made.secret} />
        <div className="dialog-actions">
          <Button look="primary" onClick={onClose}>
            I have it
          </Button>
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog title="New key" onClose={onClose}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate();
        }}
      >
        <div>
          <label className="field-label" htmlFor={id}>
            Name
          </label>
          <input
            id={id}
            className="input"
            required
            dir="auto"
            placeholder="Who or what will use it"
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        </div>
        <fieldset className="choices">
          <legend className="field-label">May</legend>
          {LEVELS.map((item, index) => (
            <label key={item.name} className="check">
              <input type="radio" name="level" checked={level === index} onChange={() => setLevel(index)} />
              {item.name} <span className="faint small">{item.what}</span>
            </label>
          ))}
        </fieldset>
        {create.error && <ErrorBox error={create.error} />}
        <div className="dialog-actions">
          <Button onClick={onClose}>Close</Button>
          <Button look="primary" type="submit" busy={create.isPending}>
            Make the key
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function KeyRow({ item, revoke }: { item: Key; revoke: () => void }) {
  return (
    <tr className={item.revoked_at ? "faint" : undefined}>
      <td>
        <b>
          <Name>{item.name}</Name>
        </b>
      </td>
      <td>
        <code>…{item.hint}</code>
      </td>
      <td className="hide-small">{item.scopes.join(", ")}</td>
      <td className="hide-small">
        <Time at={item.created_at} />
      </td>
      <td className="hide-small">{item.last_used_at ? <Time at={item.last_used_at} /> : "never"}</td>
      <td className="cell-number">
        {item.revoked_at ? (
          <span className="small">
            revoked <Time at={item.revoked_at} />
          </span>
        ) : (
          <Button small onClick={revoke}>
            Revoke
          </Button>
        )}
      </td>
    </tr>
  );
}

export function KeysPage() {
  useTitle("Keys");
  const { data, error, refetch } = useQuery(queries.keys);
  const [making, setMaking] = useState(false);
  const [revoking, setRevoking] = useState<Key | null>(null);
  const cache = useQueryClient();
  const toast = useToast();
  const revoke = useMutation({
    mutationFn: (key: string) => unwrap(client.DELETE("/v1/keys/{key}", { params: { path: { key } } })),
    onSuccess: () => cache.invalidateQueries({ queryKey: queries.keys.queryKey }),
    onError: toast.fail,
    onSettled: () => setRevoking(null),
  });
  return (
    <div className="page">
      <div className="page-head">
        <h1>Keys</h1>
        <Button look="primary" icon="plus" onClick={() => setMaking(true)}>
          New key
        </Button>
      </div>
      {error && <ErrorBox error={error} retry={() => void refetch()} />}
      <div className="table-card">
        <table className="table table-plain table-keys">
          <thead>
            <tr>
              <th>Name</th>
              <th>Ends in</th>
              <th className="hide-small">May</th>
              <th className="hide-small">Created</th>
              <th className="hide-small">Last used</th>
              <th>
                <span className="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {data?.data.map((item) => (
              <KeyRow key={item.id} item={item} revoke={() => setRevoking(item)} />
            )) ?? (
              <tr>
                <td>
                  <Skeleton width={100} />
                </td>
                <td />
                <td className="hide-small" colSpan={3} />
                <td />
              </tr>
            )}
          </tbody>
        </table>
      </div>
      {making && <NewKeyDialog onClose={() => setMaking(false)} />}
      {revoking && (
        <Confirm
          danger
          title={`Revoke “${isolated(revoking.name)}”?`}
          action="Revoke the key"
          busy={revoke.isPending}
          onConfirm={() => revoke.mutate(revoking.id)}
          onClose={() => setRevoking(null)}
        >
          Whatever uses it is refused from now on. A revoked key does not come back.
        </Confirm>
      )}
    </div>
  );
}
