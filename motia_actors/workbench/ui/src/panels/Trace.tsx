import { useMemo, useState } from "react";
import { post } from "../lib/api";
import { Json } from "../lib/code";
import { clock, day, duration, errorText } from "../lib/format";
import { go, usePoll } from "../lib/hooks";
import { Icon } from "../lib/icons";
import { spanRows, ticks, type SpanRow } from "../lib/spans";
import type { LogLine, Span, Trace } from "../lib/types";
import { Badge, Button, cls, Drawer, Empty, Facts, useTalk } from "../lib/ui";
import { send, type Recorded } from "../lib/request";

const SPAN_ICON: Record<string, string> = {
  request: "endpoints",
  call: "play",
  emit: "bolt",
  delivery: "queues",
  retry: "replay",
  state: "state",
  stream: "streams",
  cron: "cron",
  socket: "streams",
};

export function TraceDrawer({ id, onClose }: { id: string; onClose: () => void }) {
  const { data, error } = usePoll<Trace>(`/__motia/traces/${encodeURIComponent(id)}`, 1000);
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set());
  const [chosen, setChosen] = useState<string | null>(null);
  const rows = useMemo(() => spanRows(data?.spans ?? [], folded), [data, folded]);
  const start = Math.min(...(data?.spans ?? []).map((span) => span.startTime));
  const end = Math.max(...(data?.spans ?? []).map((span) => span.endTime ?? Date.now()), start + 0.001);
  const workers = new Set((data?.spans ?? []).map((span) => span.worker).filter(Boolean));
  const shown = data?.spans.find((span) => span.id === chosen) ?? null;
  return (
    <Drawer
      wide
      title={data?.spans[0]?.name ?? "Trace"}
      sub={
        <span className="row wrap">
          <code>{id}</code>
          {data && (
            <span>
              {duration(end - start)} · {data.spans.length === 1 ? "1 span" : `${data.spans.length} spans`} · {workers.size === 1 ? "1 worker" : `${workers.size} workers`}
            </span>
          )}
        </span>
      }
      onClose={onClose}
      actions={data && <Replays id={id} />}
    >
      {!data ? (
        error && (
          <Empty icon="traces" title="The trace is not here">
            {error} It may be older than what is kept, or was not sampled.
          </Empty>
        )
      ) : (
        <>
          <Axis span={end - start} />
          <ul className="timeline" aria-label="Spans">
            {rows.map((row) => (
              <Bar
                key={row.span.id}
                row={row}
                start={start}
                end={end}
                isChosen={row.span.id === chosen}
                hasWorkers={workers.size > 1}
                onChoose={() => setChosen(row.span.id === chosen ? null : row.span.id)}
                onFold={() => {
                  const next = new Set(folded);
                  if (!next.delete(row.span.id)) next.add(row.span.id);
                  setFolded(next);
                }}
              />
            ))}
          </ul>
          {shown && <SpanDetails span={shown} start={start} logs={logsOf(data, shown)} />}
          <h3>Logs of the trace</h3>
          <Lines logs={data.logs} start={start} />
        </>
      )}
    </Drawer>
  );
}

/** A line belongs to a span of its step that was going on when it was written. */
function logsOf(trace: Trace, span: Span): LogLine[] {
  const until = (span.endTime ?? Infinity) + 1;
  return trace.logs.filter((line) => line.step === span.step && line.time >= Math.floor(span.startTime) && line.time <= until);
}

function Axis({ span }: { span: number }) {
  return (
    <div className="axis" aria-hidden="true">
      {ticks(span, 5).map((at) => (
        <span key={at} style={{ left: `${(100 * at) / span}%` }}>
          {duration(at)}
        </span>
      ))}
    </div>
  );
}

function Bar({ row, start, end, isChosen, hasWorkers, onChoose, onFold }: { row: SpanRow; start: number; end: number; isChosen: boolean; hasWorkers: boolean; onChoose: () => void; onFold: () => void }) {
  const { span, depth } = row;
  const whole = end - start;
  const left = (100 * (span.startTime - start)) / whole;
  const took = span.endTime === null ? null : span.endTime - span.startTime;
  const width = (100 * (took ?? end - span.startTime)) / whole;
  const isRight = left + width > 70;
  return (
    <li className={cls("span", isChosen && "chosen", span.status === "failed" && "failed")}>
      <span className="span-name" style={{ paddingLeft: depth * 14 }}>
        {row.children > 0 ? (
          <button type="button" className="fold" aria-expanded={row.isOpen} aria-label={`${row.isOpen ? "Fold" : "Unfold"} ${span.name}`} onClick={onFold}>
            {row.isOpen ? "▾" : "▸"}
          </button>
        ) : (
          <span className="fold" />
        )}
        <button type="button" className="span-button" aria-pressed={isChosen} onClick={onChoose}>
          <span className={`span-icon span-${span.kind}`}>
            <Icon name={SPAN_ICON[span.kind] ?? "traces"} size={13} />
          </span>
          <span className="span-text">{span.name}</span>
          {(span.attempt ?? 0) > 1 && <Badge tone="warn">try {span.attempt}</Badge>}
          {hasWorkers && <span className="faint mono">{span.worker}</span>}
        </button>
      </span>
      <span className="span-track" onClick={onChoose}>
        <span className={cls("span-bar", `bar-${span.kind}`, span.status)} style={{ left: `${left}%`, width: `max(3px, ${width}%)` }} />
        <span className="span-took mono" style={isRight ? { right: `${100 - left}%`, paddingRight: 6 } : { left: `calc(${left}% + max(3px, ${width}%))`, paddingLeft: 6 }}>
          {took === null ? "…" : duration(took)}
        </span>
      </span>
    </li>
  );
}

function SpanDetails({ span, start, logs }: { span: Span; start: number; logs: LogLine[] }) {
  return (
    <section className="span-details" aria-label="Chosen span">
      <Facts
        facts={[
          ["kind", span.kind],
          ["step", span.step || "—"],
          ["began", `${duration(span.startTime - start)} after the trace, ${clock(span.startTime)}`],
          ["took", span.endTime === null ? "goes on" : duration(span.endTime - span.startTime)],
          ["attempt", span.attempt || "—"],
          ["worker", span.worker ?? "—"],
          ...(span.error ? ([["error", <span key="e" className="bad-text">{errorText(span.error)}</span>]] as [string, React.ReactNode][]) : []),
        ]}
      />
      {Object.keys(span.attributes).length > 0 && <Json value={span.attributes} label="Attributes of the span" />}
      {logs.length > 0 && <Lines logs={logs} start={start} />}
    </section>
  );
}

function Lines({ logs, start }: { logs: LogLine[]; start: number }) {
  if (!logs.length) return <p className="note">It logged nothing.</p>;
  return (
    <ul className="lines">
      {logs.map((line) => (
        <li key={line.seq} className={`log-${line.level}`} title={day(line.time)}>
          <span className="mono faint">+{duration(Math.max(0, line.time - start))}</span>
          <span className={`log-level level-${line.level}`}>{line.level}</span>
          <span>{line.step}</span>
          <span className="log-msg">
            {line.msg} {Object.keys(line.fields).length > 0 && <span className="mono faint">{JSON.stringify(line.fields).slice(0, 200)}</span>}
          </span>
        </li>
      ))}
    </ul>
  );
}

/** What came into the trace from outside of a handler, and can come again. */
function Replays({ id }: { id: string }) {
  const talk = useTalk();
  const { data } = usePoll<{ calls: Recorded[] }>(`/__motia/recorded/${encodeURIComponent(id)}`, 3000);
  const [isOpen, setOpen] = useState(false);
  const calls = data?.calls ?? [];
  if (!calls.length) return null;
  const replay = async (call: Recorded): Promise<void> => {
    setOpen(false);
    await talk.attempt(async () => {
      if (call.request) {
        const answer = await send(call.request);
        if (answer.traceId) go("traces", answer.traceId);
        talk.say(`${call.request.method} ${call.request.path} answered ${answer.status}`);
      } else {
        const done = await post<{ traceId: string }>("/__motia/replay", { traceId: id, id: call.id });
        talk.say(`The event went to ${call.name} again`);
        go("traces", done.traceId);
      }
    });
  };
  return (
    <div className="menu">
      <Button icon="replay" aria-expanded={isOpen} aria-haspopup="true" onClick={() => (calls.length === 1 ? void replay(calls[0]!) : setOpen(!isOpen))}>
        Replay
      </Button>
      {isOpen && (
        <ul className="menu-list">
          {calls.map((call) => (
            <li key={call.id}>
              <Button tone="quiet" onClick={() => void replay(call)}>
                {call.request ? `${call.request.method} ${call.request.path}` : `${call.topic} → ${call.name}`}
              </Button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
