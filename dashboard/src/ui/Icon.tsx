/** Icons of 16 px, drawn with the text's own colour. Decorative only: adjacent text or a label has the same meaning. */

const PATHS = {
  play: "M5 3.5v9l7.5-4.5z",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  stop: "M4 4h8v8H4z",
  retry: "M13 8a5 5 0 1 1-1.5-3.5L13 6M13 3v3h-3",
  fork: "M5 3.5v9M5 8.5c5 0 6-1 6-3.5M5 3.5m-1.5 0a1.5 1.5 0 1 0 3 0a1.5 1.5 0 1 0-3 0M5 12.5m-1.5 0a1.5 1.5 0 1 0 3 0a1.5 1.5 0 1 0-3 0M11 3.5m-1.5 0a1.5 1.5 0 1 0 3 0a1.5 1.5 0 1 0-3 0",
  download: "M8 2.5v8M4.5 7.5 8 11l3.5-3.5M3 13.5h10",
  upload: "M8 11V3M4.5 6 8 2.5 11.5 6M3 13.5h10",
  copy: "M5.5 5.5h7v7h-7zM3.5 10.5v-7h7",
  check: "M3.5 8.5 6.5 11.5 12.5 4.5",
  chevron: "M6 4l4 4-4 4",
  sun: "M8 5.5a2.5 2.5 0 1 0 0 5a2.5 2.5 0 0 0 0-5M8 1.5v1.5M8 13v1.5M1.5 8H3M13 8h1.5M3.4 3.4l1.1 1.1M11.5 11.5l1.1 1.1M12.6 3.4l-1.1 1.1M4.5 11.5l-1.1 1.1",
  moon: "M13 9.5A5.5 5.5 0 0 1 6.5 3a5.5 5.5 0 1 0 6.5 6.5z",
  search: "M7 3a4 4 0 1 0 0 8a4 4 0 0 0 0-8M10 10l3.5 3.5",
  plus: "M8 3v10M3 8h10",
  close: "M4 4l8 8M12 4l-8 8",
  alert: "M8 2.5 14 13H2zM8 6.5v3M8 11.3v.2",
  logout: "M6.5 13.5h-4v-11h4M10 5l3 3-3 3M13 8H6",
  jobs: "M2.5 12.5 6 8l2.5 2.5 5-6.5",
  datasets:
    "M3 4c0-.8 2.2-1.5 5-1.5s5 .7 5 1.5v8c0 .8-2.2 1.5-5 1.5S3 12.8 3 12zM3 4c0 .8 2.2 1.5 5 1.5S13 4.8 13 4M3 8c0 .8 2.2 1.5 5 1.5S13 8.8 13 8",
  workers:
    "M4.5 4.5h7v7h-7zM6.5 2v2.5M9.5 2v2.5M6.5 11.5V14M9.5 11.5V14M2 6.5h2.5M2 9.5h2.5M11.5 6.5H14M11.5 9.5H14",
  keys: "M10.5 2.5a3 3 0 1 0 0 6a3 3 0 0 0 0-6M8.3 7.7 3 13M4.5 11.5l1.5 1.5",
  trash: "M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5l.5 9h6l.5-9",
  gauge: "M2.5 11.5a5.5 5.5 0 1 1 11 0M8 11.5l3-4M8 11.5m-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0",
  image: "M2.5 3.5h11v9h-11zM2.5 10.5 6 7.5l3 3 2-1.5 2.5 2M10.5 6m-.7 0a.7.7 0 1 0 1.4 0a.7.7 0 1 0-1.4 0",
  link: "M6.5 9.5l3-3M7.5 4.5l1-1a2.8 2.8 0 0 1 4 4l-1 1M8.5 11.5l-1 1a2.8 2.8 0 0 1-4-4l1-1",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** Seedbed's mark: a sprout on its bed. */
export function Mark({ size = 24 }: { size?: number }) {
  return (
    <svg className="mark" width={size} height={size} viewBox="0 0 32 32" fill="none" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="#17593a" />
      <path d="M7.5 25h17M16 24v-9" stroke="#d9f5e3" strokeWidth="2.4" strokeLinecap="round" />
      <path d="M16 16.5c0-4.6 2.8-8 8.2-8.5.3 5.4-2.7 8.5-8.2 8.5Z" fill="#7fe0a5" />
      <path d="M16 19.5c0-3.7-2.3-6.4-7-6.8-.2 4.4 2.3 6.8 7 6.8Z" fill="#b9efcd" />
    </svg>
  );
}
