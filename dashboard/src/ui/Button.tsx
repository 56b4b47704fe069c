import type { ButtonHTMLAttributes, ReactNode } from "react";
import { Link } from "wouter";
import { Icon, type IconName } from "./Icon";

type Look = "plain" | "primary" | "danger" | "ghost";

interface Shared {
  look?: Look;
  icon?: IconName;
  small?: boolean;
  children?: ReactNode;
}

const classes = ({ look = "plain", small }: Shared, bare: boolean) =>
  ["button", `button-${look}`, small && "button-small", bare && "button-bare"].filter(Boolean).join(" ");

type ButtonProps = Shared & ButtonHTMLAttributes<HTMLButtonElement> & { busy?: boolean };

export function Button({ look, icon, small, busy, children, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      className={classes({ look, small }, !children)}
      aria-busy={busy}
      {...rest}
      disabled={busy === true || rest.disabled}
    >
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

type ButtonLinkProps = Shared & { href: string; download?: boolean; label?: string };

/** A link that looks like a button: inside the dashboard, or to a file of the service. */
export function ButtonLink({ href, download, label, icon, children, ...look }: ButtonLinkProps) {
  const inside = (
    <>
      {icon && <Icon name={icon} />}
      {children}
    </>
  );
  const className = classes(look, !children);
  return download ? (
    <a href={href} download className={className} aria-label={label} title={label}>
      {inside}
    </a>
  ) : (
    <Link href={href} className={className} aria-label={label} title={label}>
      {inside}
    </Link>
  );
}
