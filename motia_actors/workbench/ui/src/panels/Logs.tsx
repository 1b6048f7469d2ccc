import { useEffect, useMemo, useRef, useState } from "react";
import { ask, query } from "../lib/api";
import { Json } from "../lib/code";
import { clock, day } from "../lib/format";
import { useBeat, useRoute, useSettled } from "../lib/hooks";
import { useProject } from "../lib/project";
import { Rows } from "../lib/rows";
import type { LogLine } from "../lib/types";
import { Badge, Button, Drawer, Empty, Facts, Panel, Search, Select, TraceLink } from "../lib/ui";

const KEPT_MAX = 10_000;
const BATCH = KEPT_MAX;
const EVERY_MS = 1000;
const LEVELS: [string, string][] = [
  ["", "All levels"],
    ["info", "info and up"],
  ["warn", "warn and up"],
  ["error", "error"],
];

interface Answer {
  logs: LogLine[];
  last: number;
}

/** The lines that keep the filters, newest last; new ones come each second. */
function useTail(filters: Record<string, string>, isPaused: boolean): { lines: LogLine[]; clear: () => void; isRead: boolean } {
  const [lines, setLines] = useState<LogLine[]>([]);
  const [isRead, setRead] = useState(false);
  const cursor = useRef<number | null>(null);
  const key = JSON.stringify(filters);
  const shown = useRef(key);
  useEffect(() => {
    shown.current = key;
    cursor.current = null;
    setLines([]);
    setRead(false);
  }, [key]);
  const beat = useBeat(async (signal) => {
    if (isPaused) return;
    const asked = shown.current;
    const isFirst = cursor.current === null;
    const answer = await ask<Answer>(`/__motia/logs${query({ ...JSON.parse(asked), limit: BATCH, after: cursor.current })}`, { signal });
    if (shown.current !== asked) return;
    setRead(true);
    if (cursor.current !== null && answer.last < cursor.current) {
      cursor.current = null; // The data folder is another one: begin anew.
      setLines([]);
      return;
    }
    cursor.current = answer.logs.length ? Math.max(answer.logs[answer.logs.length - 1]!.seq, isFirst ? answer.last : 0) : answer.last;
    if (answer.logs.length) setLines((old) => (isFirst ? answer.logs : [...old, ...answer.logs]).slice(-KEPT_MAX));
  }, EVERY_MS);
  useEffect(() => beat(), [key, isPaused, beat]);
  return { lines, isRead, clear: () => setLines([]) };
}

export default function Logs() {
  const route = useRoute();
  const { steps } = useProject();
  const [text, setText] = useState(route.query.get("q") ?? "");
  const [level, setLevel] = useState(route.query.get("level") ?? "");
  const [step, setStep] = useState(route.query.get("step") ?? "");
  const [isPaused, setPaused] = useState(false);
  const [isFollowing, setFollowing] = useState(true);
  const [chosen, setChosen] = useState<LogLine | null>(null);
  const q = useSettled(text.trim());
  const filters = useMemo(() => ({ q, level, step }), [q, level, step]);
  const { lines, clear, isRead } = useTail(filters, isPaused);
  const names = useMemo(() => [...new Set(steps.map((one) => one.name))].sort(), [steps]);
  return (
    <Panel
      title="Logs"
      tools={
        <>
          <Search value={text} onChange={setText} label="Search messages, traces, fields" />
          <Select label="Level" value={level} onChange={setLevel} options={LEVELS} />
          <Select label="Step" value={step} onChange={setStep} options={[["", "All steps"], ...names.map((name): [string, string] => [name, name])]} />
          <Button icon={isPaused ? "play" : "pause"} aria-pressed={isPaused} onClick={() => setPaused(!isPaused)}>
            {isPaused ? "Resume" : "Pause"}
          </Button>
          <Button icon="trash" tone="quiet" aria-label="Clear what is shown" title="Clear what is shown" onClick={clear} />
        </>
      }
      drawer={chosen && <LineDrawer line={chosen} onClose={() => setChosen(null)} onFilter={setText} />}
    >
      {lines.length === 0 ? (
        isRead && (
          <Empty icon="logs" title={text || level || step ? "No line fits the filters" : "Nothing was logged yet"}>
            Lines of context.logger show here within a second.
          </Empty>
        )
      ) : (
        <>
          <Rows
            label="Log lines"
            rows={lines}
            keyOf={(line) => line.seq}
            height={30}
            chosen={chosen?.seq ?? null}
            onChoose={setChosen}
            classOf={(line) => `log-${line.level}`}
            isFollowing={isFollowing && !isPaused && !chosen}
            onFollow={setFollowing}
            draw={(line) => (
              <>
                <span className="log-time mono">{clock(line.time)}</span>
                <span className={`log-level level-${line.level}`}>{line.level}</span>
                <span className="log-step">{line.step}</span>
                <span className="log-msg">
                  {line.msg} <Extra fields={line.fields} />
                </span>
                <span className="log-trace mono">{line.traceId}</span>
              </>
            )}
          />
          <footer className="panel-foot">
            <span>
              {lines.length.toLocaleString("en")} lines{lines.length >= KEPT_MAX && ", older ones are not shown"}
            </span>
            {!isFollowing && (
              <Button icon="down" tone="primary" onClick={() => setFollowing(true)}>
                Newest
              </Button>
            )}
          </footer>
        </>
      )}
    </Panel>
  );
}

function Extra({ fields }: { fields: Record<string, unknown> }) {
  const names = Object.keys(fields);
  if (!names.length) return null;
  return (
    <span className="log-fields mono">
      {names.slice(0, 6).map((name) => (
        <span key={name}>
          {name}={short(fields[name])}{" "}
        </span>
      ))}
    </span>
  );
}

function short(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function LineDrawer({ line, onClose, onFilter }: { line: LogLine; onClose: () => void; onFilter: (text: string) => void }) {
  const stack = (line.fields.error as { stack?: string } | undefined)?.stack;
  return (
    <Drawer title="Log line" sub={day(line.time)} onClose={onClose}>
      <p className="log-whole">{line.msg}</p>
      <Facts
        facts={[
          ["level", <Badge key="l" tone={line.level === "error" ? "bad" : line.level === "warn" ? "warn" : "info"}>{line.level}</Badge>],
          ["step", line.step || "—"],
          ["flows", line.flows.join(", ") || "—"],
          ["attempt", line.attempt ?? "—"],
          ["trace", line.traceId ? <TraceLink key="t" id={line.traceId} /> : "—"],
        ]}
      />
      {line.traceId && (
        <Button icon="search" onClick={() => onFilter(line.traceId)}>
          Lines of this trace
        </Button>
      )}
      {Object.keys(line.fields).length > 0 && (
        <>
          <h3>Fields</h3>
          <Json value={line.fields} label="Fields" />
        </>
      )}
      {stack && (
        <>
          <h3>Stack</h3>
          <Json value={stack} label="Stack" />
        </>
      )}
    </Drawer>
  );
}
