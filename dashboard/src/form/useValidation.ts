import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { client, unwrap } from "@/api/client";
import type { components } from "@/api/schema";
import type { Document } from "./document";

const PAUSE_MS = 300;

/** The service accepts any object here and reports its errors; the type describes only valid specs. */
export const asSpec = (document: Document) => document as unknown as components["schemas"]["JobIn"];

/** The service's validation of the document, requested when typing pauses. */
export function useValidation(document: Document) {
  const [settled, setSettled] = useState(document);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(document), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [document]);
  const query = useQuery({
    queryKey: ["validate", settled],
    queryFn: ({ signal }) => unwrap(client.POST("/v1/jobs/validate", { body: asSpec(settled), signal })),
    placeholderData: keepPreviousData,
    staleTime: 30_000,
  });
  return { validation: query.data, error: query.error, checking: settled !== document || query.isFetching };
}
