/**
 * A name chosen by a user, on one line: in its own writing direction, with all its spaces, shortened with an ellipsis if
 * there is no room, and complete on hover.
 */
export function Name({ children }: { children: string }) {
  return (
    <bdi className="name" title={children}>
      {children}
    </bdi>
  );
}
