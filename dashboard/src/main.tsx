import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/parts.css";
import "./styles/overlays.css";
import "./styles/tables.css";
import "./styles/forms.css";
import "./styles/job.css";
import "./styles/curves.css";
import "./styles/history.css";
import "./styles/samples.css";
import "./styles/short-jobs.css";
import "./styles/preview.css";
import "./styles/playground.css";
import "./styles/datasets.css";
import "./styles/evaluation.css";
import "./styles/reports.css";
import "./styles/lineages.css";
import "./styles/print.css";
import "uplot/dist/uPlot.min.css";
import { QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ApiError } from "./api/client";
import { session } from "./api/queries";
import { App } from "./App";
import { ToastProvider } from "./ui/Toast";

const queries = new QueryClient({
  queryCache: new QueryCache({
    // If any request finds that the session has ended, show the sign-in page.
    onError: (error, query) => {
      if (error instanceof ApiError && error.status === 401 && query.queryKey[0] !== session.queryKey[0]) {
        void queries.resetQueries({ queryKey: session.queryKey });
      }
    },
  }),
  defaultOptions: {
    queries: {
      staleTime: 1000,
      // Retry if the service was unreachable or busy, but not after a 4xx response.
      retry: (failures, error) =>
        failures < 2 && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
    },
  },
});

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <ToastProvider>
        <App />
      </ToastProvider>
    </QueryClientProvider>
  </StrictMode>,
);
