import { lazy, Suspense, useEffect, useState, type ComponentType, type ReactNode } from "react";
import { connection, keepToken, token } from "./lib/api";
import { go, href, useConnection, useRoute, useStored } from "./lib/hooks";
import { Icon } from "./lib/icons";
import { ProjectProvider, useProject } from "./lib/project";
import { Button, cls, Dialog, Empty, TalkProvider } from "./lib/ui";

type Load = () => Promise<{ default: ComponentType<{ rest: string[] }> }>;

const PANELS: [name: string, title: string, load: Load][] = [
  ["flows", "Flows", () => import("./panels/Flows")],
  ["traces", "Traces", () => import("./panels/Traces")],
  ["logs", "Logs", () => import("./panels/Logs")],
  ["endpoints", "Endpoints", () => import("./panels/Endpoints")],
  ["queues", "Queues", () => import("./panels/Queues")],
  ["state", "State", () => import("./panels/State")],
  ["streams", "Streams", () => import("./panels/Streams")],
  ["cron", "Cron", () => import("./panels/Cron")],
  ["actors", "Actors", () => import("./panels/Actors")],
];
const VIEWS = new Map(PANELS.map(([name, , load]) => [name, lazy(load)]));

// The first panel comes while the project is asked for, not after.
const first = location.hash.replace(/^#\/?/, "").split(/[/?]/)[0];
void (PANELS.find(([name]) => name === first) ?? PANELS[0])?.[2]();

const THEMES = ["auto", "light", "dark"] as const;

export function App() {
  const state = useConnection();
  const [theme, setTheme] = useStored("theme", "auto");
  useEffect(() => {
    const root = document.documentElement;
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
  }, [theme]);
  if (state === "locked") return <Login />;
  return (
    <TalkProvider>
      <ProjectProvider waiting={<Waiting />}>
        <Shell theme={theme} setTheme={setTheme} />
      </ProjectProvider>
    </TalkProvider>
  );
}

function Waiting() {
  const state = useConnection();
  return (
    <main className="waiting">
      {state === "down" ? (
        <Empty icon="warning" title="The server does not answer">
          This page tries again by itself.
        </Empty>
      ) : (
        <p role="status">Reading the project…</p>
      )}
    </main>
  );
}

function Login() {
  const [given, setGiven] = useState("");
  const [isRefused] = useState(() => token() !== "");
  return (
    <main className="login">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          keepToken(given.trim());
          connection.set("up");
        }}
      >
        <img src="/__workbench/icon.svg" alt="" width={40} height={40} />
        <h1>Workbench</h1>
        <p>This server shows its inside to whoever has its control token.</p>
        <label htmlFor="token">Control token</label>
        <input
          id="token"
          type="password"
          autoComplete="off"
          autoFocus
          value={given}
          aria-invalid={isRefused}
          aria-describedby="token-note"
          onChange={(event) => setGiven(event.target.value)}
        />
        <p id="token-note" className={cls("note", isRefused && "bad-text")}>
          {isRefused
            ? "The server refused the token."
            : "It is MOTIA_CONTROL_TOKEN of the server, and is forgotten with this tab."}
        </p>
        <Button tone="primary" type="submit" disabled={!given.trim()}>
          Open the workbench
        </Button>
      </form>
    </main>
  );
}

function Shell({ theme, setTheme }: { theme: string; setTheme: (value: string) => void }) {
  const route = useRoute();
  const project = useProject();
  const panel = VIEWS.has(route.panel) ? route.panel : "flows";
  const [isHelp, setHelp] = useState(false);
  const View = VIEWS.get(panel)!;
  useKeys(() => setHelp(true));
  useEffect(() => {
    const title = PANELS.find(([name]) => name === panel)?.[1] ?? "";
    document.title = `${title} · ${project.name}`;
    document.querySelector("nav a[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [panel, project.name]);
  const next = THEMES[(THEMES.indexOf(theme as "auto") + 1) % THEMES.length] ?? "auto";
  const icon = theme === "light" ? "sun" : theme === "dark" ? "moon" : "auto";
  return (
    <div className="shell">
      <a className="skip" href="#main" onClick={(event) => skip(event)}>
        Skip to content
      </a>
      <header className="brand">
        <img src="/__workbench/icon.svg" alt="" width={26} height={26} />
        <span className="brand-name" title={project.name}>
          {project.name}
        </span>
      </header>
      <nav aria-label="Panels">
        {PANELS.map(([name, title], index) => (
          <a key={name} href={href(name)} aria-current={name === panel ? "page" : undefined} title={`${title} (${index + 1})`}>
            <Icon name={name} size={17} />
            <span>{title}</span>
          </a>
        ))}
      </nav>
      <div className="shell-foot">
        <Button
          tone="quiet"
          icon={icon}
          aria-label={`Theme: ${theme}. Change to ${next}`}
          title={`Theme: ${theme}`}
          data-theme-toggle=""
          onClick={() => setTheme(next)}
        />
        <Button tone="quiet" icon="keyboard" aria-label="Keyboard shortcuts" title="Keyboard shortcuts (?)" onClick={() => setHelp(true)} />
      </div>
      <main id="main" tabIndex={-1}>
        <Banner />
        <Suspense fallback={<div className="loading" role="status" aria-label="Loading" />}>
          <View key={panel} rest={route.rest} />
        </Suspense>
      </main>
      {isHelp && <Help onClose={() => setHelp(false)} />}
    </div>
  );
}

function skip(event: React.MouseEvent): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function Banner() {
  const state = useConnection();
  const { problems } = useProject();
  const errors = problems.filter((problem) => problem.severity === "error");
  const [isOpen, setOpen] = useState(false);
  let shown: ReactNode = null;
  if (state === "down") {
    shown = (
      <div className="banner bad" data-banner="down">
        <Icon name="warning" /> The server does not answer. What you see is what it said last; trying again…
      </div>
    );
  } else if (errors.length) {
    shown = (
      <div className="banner warn">
        <Icon name="warning" />
        <span>
          {errors.length} {errors.length === 1 ? "file" : "files"} of the project cannot run.
        </span>
        <Button tone="quiet" onClick={() => setOpen(true)}>
          Show
        </Button>
      </div>
    );
  }
  return (
    <>
      <div role="status" aria-live="polite">
        {shown}
      </div>
      {isOpen && (
        <Dialog title="Problems of the project" onClose={() => setOpen(false)}>
          <ul className="problems">
            {errors.map((one) => (
              <li key={`${one.file}${one.field}${one.reason}`}>
                <code>{one.line ? `${one.file}:${one.line}` : one.file}</code>
                {one.field && <code> {one.field}</code>} {one.reason}
                <p className="note">{one.way_out}</p>
              </li>
            ))}
          </ul>
          <div className="dialog-actions">
            <Button onClick={() => setOpen(false)}>Close</Button>
          </div>
        </Dialog>
      )}
    </>
  );
}

const KEYS: [string, string][] = [
  ["1 … 9", "Open a panel"],
  ["/", "Search in the panel"],
  ["Esc", "Close what is open"],
  ["↑ ↓", "Move in a list"],
  ["Enter", "Open the chosen line"],
  ["Ctrl Enter", "Send or save what the editor holds"],
  ["?", "This list"],
];

function Help({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard" onClose={onClose}>
      <dl className="keys">
        {KEYS.map(([key, text]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      <div className="dialog-actions">
        <Button autoFocus onClick={onClose}>
          Close
        </Button>
      </div>
    </Dialog>
  );
}

function useKeys(onHelp: () => void): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      const target = event.composedPath()[0] as HTMLElement;
      const isTyping = target.matches?.("input, textarea, select, [contenteditable=true]");
      if (event.key === "Escape") {
        if (isTyping) target.blur();
        else document.querySelector<HTMLElement>("[data-close]")?.click();
        return;
      }
      if (isTyping || document.querySelector("dialog[open]")) return;
      const panel = PANELS[Number(event.key) - 1];
      if (panel) go(panel[0]);
      else if (event.key === "/") {
        event.preventDefault();
        document.querySelector<HTMLElement>("[data-search]")?.focus();
      } else if (event.key === "?") onHelp();
    };
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, [onHelp]);
}
