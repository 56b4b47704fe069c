import { Link } from "wouter";
import { Icon } from "./Icon";

/** A link to the parent page, above a page's title. */
export function Back({ href, children }: { href: string; children: string }) {
  return (
    <Link href={href} className="back">
      <Icon name="chevron" />
      {children}
    </Link>
  );
}
