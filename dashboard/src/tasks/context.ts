import { createContext, useContext } from "react";
import { Tasks } from "./tasks";

/** Without the service's answer no task is known; jobs are shown all the same. */
export const TasksContext = createContext(new Tasks([]));

export const useTasks = (): Tasks => useContext(TasksContext);
