import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { Link, useLocation } from "wouter";
import { client, unwrap } from "./api/client";
import { session as sessionQuery } from "./api/queries";
import type { Session } from "./api/types";
import { isolated } from "./lib/format";
import { useShortcuts } from "./lib/shortcuts";
import { toggleTheme, useTheme } from "./lib/theme";
import { Button, ButtonLink } from "./ui/Button";
import { Dialog } from "./ui/Dialog";
import { Icon, Mark, type IconName } from "./ui/Icon";
import { useToast } from "./ui/Toast";

const PAGES: { path: string; name: string; icon: IconName; admin?: boolean }[] = [
  { path: "/jobs", name: "Jobs", icon: "jobs" },
  { path: "/lineages", name: "Lineages", icon: "link" },
  { path: "/datasets", name: "Datasets", icon: "datasets" },
  { path: "/checkpoints", name: "Models", icon: "fork" },
  { path: "/workers", name: "Workers", icon: "workers" },
  { path: "/keys", name: "Keys", icon: "keys", admin: true },
];

const SHORTCUTS: [string, string][] = [
  ["j  k", "next or previous row"],
  ["Enter", "open the row"],
  ["/", "search"],
  ["n", "new job"],
  ["g j", "go to jobs"],
  ["g d", "go to datasets"],
  ["g w", "go to workers"],
  ["t", "light or dark"],
  ["?", "these keys"],
];

function ThemeButton() {
  const theme = useTheme();
  const label = theme === "dark" ? "Light theme" : "Dark theme";
  return (
    <Button
      look="ghost"
      icon={theme === "dark" ? "sun" : "moon"}
      aria-label={label}
      title={label}
      onClick={toggleTheme}
    />
  );
}

function SignOutButton() {
  const queries = useQueryClient();
  const toast = useToast();
  const signOut = useMutation({
    mutationFn: () => unwrap(client.DELETE("/v1/session")),
    onSuccess: () => queries.resetQueries({ queryKey: sessionQuery.queryKey }),
    onError: toast.fail,
  });
  return (
    <Button
      look="ghost"
      icon="logout"
      aria-label="Sign out"
      title="Sign out"
      busy={signOut.isPending}
      onClick={() => signOut.mutate()}
    />
  );
}

function Navigation({ session }: { session: Session | undefined }) {
  const [location] = useLocation();
  return (
    <nav className="nav" aria-label="Main">
      {PAGES.filter((page) => !page.admin || !session || session.key.scopes.includes("admin")).map((page) => (
        <Link
          key={page.path}
          href={page.path}
          // Until the session is loaded, its space is reserved.
          className={page.admin && !session ? "nav-unknown" : undefined}
          aria-current={location.startsWith(page.path) ? "page" : undefined}
        >
          <Icon name={page.icon} />
          {page.name}
        </Link>
      ))}
    </nav>
  );
}

export function Shell({ session, children }: { session: Session | undefined; children: ReactNode }) {
  const [, navigate] = useLocation();
  const [help, setHelp] = useState(false);
  useShortcuts({
    n: () => navigate("/jobs/new"),
    "g j": () => navigate("/jobs"),
    "g d": () => navigate("/datasets"),
    "g w": () => navigate("/workers"),
    t: toggleTheme,
    "?": () => setHelp(true),
  });
  return (
    <>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <header className="top">
        <div className="top-inside">
          <Link href="/jobs" className="brand">
            <Mark />
            Seedbed
          </Link>
          <Navigation session={session} />
          {session && (
            <span
              className="top-project truncate"
              dir="auto"
              title={`Signed in with the key “${isolated(session.key.name)}” (…${session.key.hint})`}
            >
              {session.project.name}
            </span>
          )}
          <div className="top-end">
            <ButtonLink look="primary" icon="plus" href="/jobs/new">
              New job
            </ButtonLink>
            <ThemeButton />
            <SignOutButton />
          </div>
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        {children}
      </main>
      {help && (
        <Dialog title="Keyboard" onClose={() => setHelp(false)}>
          <dl className="shortcuts">
            {SHORTCUTS.map(([keys, what]) => (
              <div key={keys}>
                <dt>
                  {keys
                    .split(" ")
                    .filter(Boolean)
                    .map((key) => (
                      <kbd key={key}>{key}</kbd>
                    ))}
                </dt>
                <dd>{what}</dd>
              </div>
            ))}
          </dl>
          <div className="dialog-actions">
            <Button onClick={() => setHelp(false)}>Close</Button>
          </div>
        </Dialog>
      )}
    </>
  );
}
