import { useQuery } from "@tanstack/react-query";
import { session } from "@/api/queries";

/** Whether the session's key has the scope to change things. */
export function useCanWrite(): boolean {
  const scopes = useQuery(session).data?.key.scopes ?? [];
  return scopes.includes("write") || scopes.includes("admin");
}

/** Whether the session's key may see the state of the whole service. */
export function useIsAdmin(): boolean {
  return useQuery(session).data?.key.scopes.includes("admin") ?? false;
}
