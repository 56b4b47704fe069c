import { createContext, useContext } from "react";
import { Tasks } from "./tasks";

/** Until the service has answered no task is known; jobs are shown anyway. */
export const TasksContext = createContext(new Tasks([]));

export const useTasks = (): Tasks => useContext(TasksContext);
