import {
  createContext,
  useCallback,
  useContext,
  useEffect,
  useId,
  useMemo,
  useRef,
  useState,
  type ButtonHTMLAttributes,
  type ReactNode,
} from "react";
import { Failure } from "./api";
import { Icon } from "./icons";

export const cls = (...names: (string | false | null | undefined)[]): string =>
  names.filter(Boolean).join(" ");

type ButtonProps = ButtonHTMLAttributes<HTMLButtonElement> & {
  icon?: string;
  tone?: "plain" | "primary" | "danger" | "quiet";
};

export function Button({ icon, tone = "plain", children, className, ...rest }: ButtonProps) {
  return (
    <button type="button" className={cls("button", tone, !children && "bare", className)} {...rest}>
      {icon && <Icon name={icon} size={15} />}
      {children}
    </button>
  );
}

export type Tone = "neutral" | "good" | "warn" | "bad" | "info" | "accent";

export function Badge({ tone = "neutral", children, title }: { tone?: Tone; children: ReactNode; title?: string }) {
  return (
    <span className={cls("badge", tone)} title={title}>
      {children}
    </span>
  );
}

export function Kind({ kind }: { kind: string }) {
  return <span className={cls("kind", `kind-${kind}`)}>{kind}</span>;
}

export function Method({ method }: { method: string }) {
  return <span className={cls("method", `method-${method.toLowerCase()}`)}>{method}</span>;
}

export function Search({
  value,
  onChange,
  label,
}: {
  value: string;
  onChange: (value: string) => void;
  label: string;
}) {
  return (
    <label className="search">
      <Icon name="search" size={15} />
      <input
        type="search"
        data-search=""
        value={value}
        placeholder={label}
        aria-label={label}
        spellCheck={false}
        onChange={(event) => onChange(event.target.value)}
      />
      <kbd aria-hidden="true">/</kbd>
    </label>
  );
}

export function Select({
  label,
  value,
  onChange,
  options,
}: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  options: [value: string, text: string][];
}) {
  return (
    <select className="select" aria-label={label} value={value} onChange={(event) => onChange(event.target.value)}>
      {options.map(([key, text]) => (
        <option key={key} value={key}>
          {text}
        </option>
      ))}
    </select>
  );
}

/** A bar that fills: mailbox depth over its size. */
export function Fill({ value, max, label }: { value: number; max: number; label: string }) {
  const part = max > 0 ? Math.min(1, value / max) : 0;
  const tone = part >= 0.9 ? "bad" : part >= 0.5 ? "warn" : "good";
  return (
    <meter className={cls("fill", tone)} min={0} max={Math.max(1, max)} value={Math.min(value, max)} aria-label={label} />
  );
}

export function Empty({ icon, title, children }: { icon: string; title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <span className="empty-icon">
        <Icon name={icon} size={26} />
      </span>
      <h2>{title}</h2>
      {children && <p>{children}</p>}
    </div>
  );
}

export function Tabs<T extends string>({
  tabs,
  value,
  onChange,
  label,
}: {
  tabs: [T, ReactNode][];
  value: T;
  onChange: (value: T) => void;
  label: string;
}) {
  const move = (event: React.KeyboardEvent): void => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (!step) return;
    const at = tabs.findIndex(([key]) => key === value);
    const next = tabs[(at + step + tabs.length) % tabs.length];
    if (next) {
      onChange(next[0]);
      const bar = event.currentTarget;
      requestAnimationFrame(() => bar.querySelector<HTMLElement>("[aria-selected=true]")?.focus());
    }
  };
  return (
    <div className="tabs" role="tablist" aria-label={label} onKeyDown={move}>
      {tabs.map(([key, text]) => (
        <button
          key={key}
          type="button"
          role="tab"
          aria-selected={key === value}
          tabIndex={key === value ? 0 : -1}
          onClick={() => onChange(key)}
        >
          {text}
        </button>
      ))}
    </div>
  );
}

/** The right-hand side: what was chosen, in detail. Over everything on a phone. */
export function Drawer({
  title,
  sub,
  onClose,
  actions,
  children,
  wide,
}: {
  title: ReactNode;
  sub?: ReactNode;
  onClose: () => void;
  actions?: ReactNode;
  children: ReactNode;
  wide?: boolean;
}) {
  const id = useId();
  return (
    <aside
      className={cls("drawer", wide && "wide")}
      aria-labelledby={id}
      onKeyDown={(event) => {
        if (event.key === "Escape" && !event.defaultPrevented) {
          event.stopPropagation();
          onClose();
        }
      }}
    >
      <header className="drawer-head">
        <div className="drawer-title">
          <h2 id={id}>{title}</h2>
          {sub && <div className="drawer-sub">{sub}</div>}
        </div>
        <div className="row">
          {actions}
          <Button icon="close" tone="quiet" aria-label="Close" data-close="" onClick={onClose} />
        </div>
      </header>
      <div className="drawer-body">{children}</div>
    </aside>
  );
}

/** The frame of every panel: a title, what can be done, the content, and a drawer beside it. */
export function Panel({
  title,
  tools,
  children,
  drawer,
}: {
  title: string;
  tools?: ReactNode;
  children: ReactNode;
  drawer?: ReactNode;
}) {
  return (
    <section className="panel" aria-label={title}>
      <header className="panel-head">
        <h1>{title}</h1>
        <div className="tools">{tools}</div>
      </header>
      <div className="panel-body">
        <div className="panel-main">{children}</div>
        {drawer}
      </div>
    </section>
  );
}

interface Said {
  id: number;
  text: string;
  tone: "good" | "bad";
}

interface Talk {
  say: (text: string, tone?: "good" | "bad") => void;
  /** Does it; says what came of it, or why not. */
  attempt: (act: () => Promise<unknown>, done?: string) => Promise<boolean>;
  confirm: (question: string, action: string) => Promise<boolean>;
}

const TalkContext = createContext<Talk | null>(null);

export function useTalk(): Talk {
  const talk = useContext(TalkContext);
  if (!talk) throw new Error("outside of TalkProvider");
  return talk;
}

export function TalkProvider({ children }: { children: ReactNode }) {
  const [said, setSaid] = useState<Said[]>([]);
  const [asked, setAsked] = useState<{ question: string; action: string; answer: (yes: boolean) => void } | null>(null);
  const next = useRef(0);
  const say = useCallback((text: string, tone: "good" | "bad" = "good") => {
    const id = next.current++;
    setSaid((old) => [...old.slice(-3), { id, text, tone }]);
    window.setTimeout(() => setSaid((old) => old.filter((one) => one.id !== id)), tone === "bad" ? 8000 : 3500);
  }, []);
  const talk = useMemo<Talk>(
    () => ({
      say,
      attempt: async (act, done) => {
        try {
          await act();
          if (done) say(done);
          return true;
        } catch (error) {
          say(error instanceof Failure ? error.message : String(error), "bad");
          return false;
        }
      },
      confirm: (question, action) =>
        new Promise((resolve) => setAsked({ question, action, answer: resolve })),
    }),
    [say],
  );
  const answer = (yes: boolean): void => {
    asked?.answer(yes);
    setAsked(null);
  };
  return (
    <TalkContext.Provider value={talk}>
      {children}
      <div className="toasts" role="status" aria-live="polite">
        {said.map((one) => (
          <div key={one.id} className={cls("toast", one.tone)}>
            <Icon name={one.tone === "good" ? "check" : "warning"} />
            <span>{one.text}</span>
          </div>
        ))}
      </div>
      {asked && (
        <Dialog title={asked.question} onClose={() => answer(false)}>
          <div className="dialog-actions">
            <Button onClick={() => answer(false)}>Cancel</Button>
            <Button tone="danger" autoFocus onClick={() => answer(true)}>
              {asked.action}
            </Button>
          </div>
        </Dialog>
      )}
    </TalkContext.Provider>
  );
}

export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ReactNode }) {
  const frame = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const shown = frame.current;
    if (shown && !shown.open) shown.showModal();
  }, []);
  return (
    <dialog
      ref={frame}
      className="dialog"
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === frame.current) onClose();
      }}
    >
      <div className="dialog-inner">
        <h2 id={id}>{title}</h2>
        {children}
      </div>
    </dialog>
  );
}

export function TraceLink({ id }: { id: string }) {
  if (!id) return null;
  return (
    <a className="trace-link mono" href={`#/traces/${encodeURIComponent(id)}`}>
      {id}
    </a>
  );
}

export function Facts({ facts }: { facts: [string, ReactNode][] }) {
  return (
    <dl className="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
