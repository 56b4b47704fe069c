/** The state of one prediction: what is known of it while it is computed, and its result. */

import { useEffect, useRef, useState } from "react";
import { predict, type PredictIn, type Prediction } from "@/api/predict";

export interface PredictionState {
  running: boolean;
  /** Requests before this one; null once it is computed. */
  ahead: number | null;
  /** Whether a worker loads the model. */
  loading: boolean;
  /** The text that has come so far, of kinds that stream one. */
  text: string;
  /** Samples of the dataset that were searched so far. */
  searched: number | null;
  result: Prediction | null;
  error: unknown;
}

const IDLE: PredictionState = {
  running: false,
  ahead: null,
  loading: false,
  text: "",
  searched: null,
  result: null,
  error: null,
};

export function usePrediction(checkpoint: string) {
  const [state, setState] = useState(IDLE);
  const aborter = useRef<AbortController | null>(null);
  useEffect(() => () => aborter.current?.abort(), []);

  const stop = () => {
    aborter.current?.abort();
    setState((before) => ({ ...before, running: false, ahead: null, loading: false }));
  };

  const reset = () => {
    aborter.current?.abort();
    setState(IDLE);
  };

  const ask = async (body: PredictIn) => {
    aborter.current?.abort();
    const own = new AbortController();
    aborter.current = own;
    const set = (change: (before: PredictionState) => PredictionState) => {
      if (!own.signal.aborted) setState(change);
    };
    setState({ ...IDLE, running: true });
    try {
      for await (const event of predict(checkpoint, body, own.signal)) {
        set((before) => {
          switch (event.name) {
            case "place":
              return { ...before, ahead: event.data.ahead };
            case "loading":
              return { ...before, ahead: null, loading: true };
            case "part": {
              const { text, searched, gap } = event.data;
              return {
                ...before,
                ahead: null,
                loading: false,
                text: typeof text === "string" && gap === undefined ? before.text + text : before.text,
                searched: typeof searched === "number" ? searched : before.searched,
              };
            }
            case "result":
              return { ...IDLE, result: event.data };
            case "error":
              return before;
          }
        });
      }
    } catch (error) {
      set(() => ({ ...IDLE, error }));
    }
  };

  return { state, ask, stop, reset };
}
