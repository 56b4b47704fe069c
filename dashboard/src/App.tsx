import { useQuery } from "@tanstack/react-query";
import { Redirect, Route, Switch } from "wouter";
import { ApiError } from "./api/client";
import { session, tasks } from "./api/queries";
import { CheckpointsPage } from "./pages/checkpoints/CheckpointsPage";
import { DatasetPage } from "./pages/datasets/DatasetPage";
import { DatasetsPage } from "./pages/datasets/DatasetsPage";
import { NewDatasetPage } from "./pages/datasets/NewDatasetPage";
import { ComparePage } from "./pages/ComparePage";
import { EvaluationPage } from "./pages/evaluation/EvaluationPage";
import { JobPage } from "./pages/job/JobPage";
import { JobsPage } from "./pages/JobsPage";
import { KeysPage } from "./pages/KeysPage";
import { LineagePage } from "./pages/lineages/LineagePage";
import { LineagesPage } from "./pages/lineages/LineagesPage";
import { NewLineagePage } from "./pages/lineages/NewLineagePage";
import { NewJobPage } from "./pages/NewJobPage";
import { NotFoundPage } from "./pages/NotFoundPage";
import { SignInPage } from "./pages/SignInPage";
import { WorkersPage } from "./pages/WorkersPage";
import { Shell } from "./Shell";
import { TasksContext } from "./tasks/context";
import { Tasks } from "./tasks/tasks";
import { ErrorBox } from "./ui/Notice";

const NO_TASKS = new Tasks([]);

export function App() {
  const { data, error, refetch } = useQuery(session);
  const known = useQuery({ ...tasks, enabled: data !== undefined });
  if (error instanceof ApiError && error.status === 401) return <SignInPage />;
  return (
    <Shell session={data}>
      {error && <ErrorBox error={error} retry={() => void refetch()} />}
      {known.error && <ErrorBox error={known.error} retry={() => void known.refetch()} />}
      {data && !known.isPending && (
        <TasksContext value={known.data ?? NO_TASKS}>
          <Switch>
            <Route path="/">
              <Redirect to="/jobs" replace />
            </Route>
            <Route path="/jobs" component={JobsPage} />
            <Route path="/jobs/new" component={NewJobPage} />
            <Route path="/jobs/:id/:tab?">
              {({ id, tab }) => <JobPage key={id} id={id} tab={tab ?? "curves"} />}
            </Route>
            <Route path="/datasets" component={DatasetsPage} />
            <Route path="/datasets/new" component={NewDatasetPage} />
            <Route path="/datasets/:id">{({ id }) => <DatasetPage key={id} id={id} />}</Route>
            <Route path="/compare/:first/:second">
              {({ first, second }) => <ComparePage key={first + second} first={first} second={second} />}
            </Route>
            <Route path="/evaluations/:id">{({ id }) => <EvaluationPage key={id} id={id} />}</Route>
            <Route path="/lineages" component={LineagesPage} />
            <Route path="/lineages/new" component={NewLineagePage} />
            <Route path="/lineages/:id">{({ id }) => <LineagePage key={id} id={id} />}</Route>
            <Route path="/checkpoints" component={CheckpointsPage} />
            <Route path="/workers" component={WorkersPage} />
            <Route path="/keys" component={KeysPage} />
            <Route component={NotFoundPage} />
          </Switch>
        </TasksContext>
      )}
    </Shell>
  );
}
