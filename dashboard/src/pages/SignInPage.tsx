import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { client, unwrap } from "@/api/client";
import { session } from "@/api/queries";
import { useTitle } from "@/lib/title";
import { Button } from "@/ui/Button";
import { CodeBlock } from "@/ui/Copy";
import { Mark } from "@/ui/Icon";
import { ErrorBox } from "@/ui/Notice";

export function SignInPage() {
  const [key, setKey] = useState("");
  const queries = useQueryClient();
  useTitle("Sign in");
  useEffect(() => document.getElementById("key")?.focus(), []);
  const signIn = useMutation({
    mutationFn: () => unwrap(client.POST("/v1/session", { body: { key: key.trim() } })),
    onSuccess: (answer) => {
      // Remove all data loaded with another key, except the session's own query: the app observes it, and
      // would not notice a new query in its place.
      queries.removeQueries({ predicate: (query) => query.queryKey[0] !== session.queryKey[0] });
      queries.setQueryData(session.queryKey, answer);
    },
  });
  return (
    <main className="sign-in">
      <form
        className="sign-in-card"
        onSubmit={(event) => {
          event.preventDefault();
          signIn.mutate();
        }}
      >
        <Mark size={40} />
        <h1>Sign in to Seedbed</h1>
        <p className="muted">Paste an API key. The browser keeps a session cookie, never the key.</p>
        <label className="field-label" htmlFor="key">
          API key
        </label>
        <input
          id="key"
          className="input mono"
          type="password"
          autoComplete="current-password"
          spellCheck={false}
          placeholder="sb_…"
          required
          value={key}
          onChange={(event) => setKey(event.target.value)}
        />
        <Button look="primary" type="submit" busy={signIn.isPending}>
          Sign in
        </Button>
        <div className="sign-in-error">{signIn.error && <ErrorBox error={signIn.error} />}</div>
        <p className="small faint">No key yet? Make one on the machine that runs the service:</p>
        <CodeBlock code="seedbed-server key create --name me" label="command" />
      </form>
    </main>
  );
}
