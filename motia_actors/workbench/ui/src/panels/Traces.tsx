import { useEffect, useMemo, useState } from "react";
import { query } from "../lib/api";
import { ago, clock, duration } from "../lib/format";
import { go, usePoll, useRoute, useSettled } from "../lib/hooks";
import { useProject } from "../lib/project";
import { Rows } from "../lib/rows";
import type { TraceRow } from "../lib/types";
import { Badge, Empty, Panel, Search, Select, type Tone } from "../lib/ui";
import { TraceDrawer } from "./Trace";

const LIMIT = 500;
const STATUSES: [string, string][] = [
  ["", "Any status"],
  ["running", "running"],
  ["completed", "completed"],
  ["failed", "failed"],
];
export const STATUS_TONE: Record<string, Tone> = { running: "info", completed: "good", failed: "bad" };

export default function Traces({ rest }: { rest: string[] }) {
  const route = useRoute();
  const { steps } = useProject();
  const chosen = rest[0] ?? null;
  const [text, setText] = useState(route.query.get("q") ?? "");
  const [status, setStatus] = useState("");
  const [step, setStep] = useState(route.query.get("step") ?? "");
  const q = useSettled(text.trim());
  const { data } = usePoll<{ traces: TraceRow[] }>(`/__motia/traces${query({ limit: LIMIT, q, status, step })}`, 1000);
  const names = useMemo(() => [...new Set(steps.map((one) => one.name))].sort(), [steps]);
  const traces = data?.traces ?? [];
  const longest = useMemo(() => Math.max(1, ...traces.map((one) => (one.endTime ?? one.startTime) - one.startTime)), [traces]);
  return (
    <Panel
      title="Traces"
      tools={
        <>
          <Search value={text} onChange={setText} label="Search name or trace id" />
          <Select label="Status" value={status} onChange={setStatus} options={STATUSES} />
          <Select label="Step" value={step} onChange={setStep} options={[["", "All steps"], ...names.map((name): [string, string] => [name, name])]} />
        </>
      }
      drawer={chosen && <TraceDrawer key={chosen} id={chosen} onClose={() => go("traces")} />}
    >
      {traces.length === 0 ? (
        data && (
          <Empty icon="traces" title={q || status || step ? "No trace fits the filters" : "No traces yet"}>
            Each request, event and cron run leaves one. Send a request from Endpoints to see it here.
          </Empty>
        )
      ) : (
        <Rows
          label="Traces"
          rows={traces}
          keyOf={(one) => one.traceId}
          height={54}
          chosen={chosen}
          onChoose={(one) => go("traces", one.traceId)}
          draw={(one) => <Row trace={one} longest={longest} />}
        />
      )}
    </Panel>
  );
}

function Row({ trace, longest }: { trace: TraceRow; longest: number }) {
  const took = trace.endTime === null ? null : trace.endTime - trace.startTime;
  const now = useNow(trace.endTime === null || Date.now() - trace.startTime < 60_000);
  const width = took === null ? 100 : Math.max(1.5, (100 * Math.log1p(took)) / Math.log1p(longest));
  return (
    <>
      <span className={`trace-dot ${STATUS_TONE[trace.status] ?? "neutral"}`} aria-hidden="true" />
      <span className="trace-what">
        <span className="trace-name">{trace.name}</span>
        <span className="faint trace-steps">
          <span className="mono">{trace.traceId}</span> · {trace.steps.join(" → ")}
        </span>
      </span>
      <span className="trace-spans faint">
        {trace.spans} {trace.spans === 1 ? "span" : "spans"}
      </span>
      <span className="trace-status">
        <Badge tone={STATUS_TONE[trace.status] ?? "neutral"}>{trace.status}</Badge>
        {trace.errors > 0 && trace.status !== "failed" && <Badge tone="warn">{trace.errors} failed</Badge>}
      </span>
      <span className="trace-time">
        <span className="mono">{took === null ? "…" : duration(took)}</span>
        <svg className={`trace-bar ${STATUS_TONE[trace.status] ?? "neutral"}`} width="100" height="4" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
          <rect width={width} height="4" rx="2" />
        </svg>
      </span>
      <span className="trace-when faint" title={clock(trace.startTime)}>
        {ago(trace.startTime, now)}
      </span>
    </>
  );
}

export function useNow(isLive = true, everyMs = 1000): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!isLive) return;
    const timer = window.setInterval(() => setNow(Date.now()), everyMs);
    return () => window.clearInterval(timer);
  }, [isLive, everyMs]);
  return now;
}
