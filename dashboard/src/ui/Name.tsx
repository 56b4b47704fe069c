/**
 * A name that a person chose, on one line: in its own direction whatever stands around it, with every space of it,
 * cut off with an ellipsis where there is no room, and whole on hover.
 */
export function Name({ children }: { children: string }) {
  return (
    <bdi className="name" title={children}>
      {children}
    </bdi>
  );
}
