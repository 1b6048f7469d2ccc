import type { ReactNode } from "react";

const SHAPES: Record<string, ReactNode> = {
  flows: (
    <>
      <rect x="3" y="3" width="6" height="6" rx="1.5" />
      <rect x="15" y="15" width="6" height="6" rx="1.5" />
      <path d="M9 6h4a3 3 0 0 1 3 3v6" />
    </>
  ),
  traces: <path d="M3 6h9M8 12h9M13 18h8" />,
  logs: <path d="M4 5h16M4 10h11M4 15h16M4 20h8" />,
  endpoints: <path d="M4 12h14m-5-6 6 6-6 6" />,
  state: (
    <>
      <ellipse cx="12" cy="5.5" rx="8" ry="2.8" />
      <path d="M4 5.5v13c0 1.5 3.6 2.8 8 2.8s8-1.3 8-2.8v-13M4 12c0 1.5 3.6 2.8 8 2.8s8-1.3 8-2.8" />
    </>
  ),
  streams: <path d="M3 8c3-4 6 4 9 0s6 4 9 0M3 16c3-4 6 4 9 0s6 4 9 0" />,
  queues: (
    <>
      <rect x="3" y="4" width="18" height="4.5" rx="1.2" />
      <rect x="3" y="10" width="18" height="4.5" rx="1.2" />
      <path d="M3 19h11" />
    </>
  ),
  cron: (
    <>
      <circle cx="12" cy="12" r="9" />
      <path d="M12 7v5l3.5 2" />
    </>
  ),
  actors: (
    <>
      <circle cx="12" cy="5" r="2.4" />
      <circle cx="5" cy="19" r="2.4" />
      <circle cx="19" cy="19" r="2.4" />
      <path d="M12 7.5V12M5 16.5V14a2 2 0 0 1 2-2h10a2 2 0 0 1 2 2v2.5" />
    </>
  ),
  sun: (
    <>
      <circle cx="12" cy="12" r="4" />
      <path d="M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.5 1.5M17.5 17.5 19 19M19 5l-1.5 1.5M6.5 17.5 5 19" />
    </>
  ),
  moon: <path d="M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.500 10.500Z" />,
  auto: (
    <>
      <circle cx="12" cy="12" r="9" />
      <path d="M12 3a9 9 0 0 1 0 18Z" fill="currentColor" />
    </>
  ),
  search: (
    <>
      <circle cx="11" cy="11" r="7" />
      <path d="m20 20-4-4" />
    </>
  ),
  close: <path d="M6 6l12 12M18 6 6 18" />,
  play: <path d="M7 4.500v15l12-7.500Z" />,
  pause: <path d="M8 5v14M16 5v14" />,
  replay: <path d="M4 12a8 8 0 1 0 2.500-5.800M4 4v5h5" />,
  trash: <path d="M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13" />,
  edit: <path d="M4 20h4L19 9l-4-4L4 16v4Z" />,
  plus: <path d="M12 5v14M5 12h14" />,
  check: <path d="m5 12 5 5L20 7" />,
  warning: <path d="M12 4 2.500 20h19L12 4Zm0 6v4m0 3v.100" />,
  down: <path d="M12 5v14m-6-6 6 6 6-6" />,
  copy: (
    <>
      <rect x="8" y="8" width="12" height="12" rx="2" />
      <path d="M16 8V6a2 2 0 0 0-2-2H6a2 2 0 0 0-2 2v8a2 2 0 0 0 2 2h2" />
    </>
  ),
  keyboard: (
    <>
      <rect x="2.500" y="6" width="19" height="12" rx="2" />
      <path d="M6.500 10h.100M10.500 10h.100M14.500 10h.100M17.500 10h.100M8 14h8" />
    </>
  ),
  bolt: <path d="M13 2 4 14h7l-1 8 9-12h-7l1-8Z" />,
  note: <path d="M5 4h14v11l-5 5H5V4Zm9 16v-5h5" />,
};

export function Icon({ name, size = 16 }: { name: string; size?: number }) {
  return (
    <svg
      aria-hidden="true"
      className="icon"
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.9"
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      {SHAPES[name]}
    </svg>
  );
}

export const KIND_ICON: Record<string, string> = {
  api: "endpoints",
  event: "bolt",
  cron: "cron",
  noop: "note",
  multi: "flows",
  stream: "streams",
};
