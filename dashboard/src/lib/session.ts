import { useQuery } from "@tanstack/react-query";
import { session } from "@/api/queries";

/** Whether the key that this session stands for may change things. */
export function useCanWrite(): boolean {
  const scopes = useQuery(session).data?.key.scopes ?? [];
  return scopes.includes("write") || scopes.includes("admin");
}

/** Whether it may see what concerns the service as a whole. */
export function useIsAdmin(): boolean {
  return useQuery(session).data?.key.scopes.includes("admin") ?? false;
}
