import { createContext, useContext } from "react";
import { Tasks } from "./tasks";

/** Until the tasks are loaded none is known; jobs are shown nevertheless. */
export const TasksContext = createContext(new Tasks([]));

export const useTasks = (): Tasks => useContext(TasksContext);
