import { useState } from "react";
import { bytes, count, duration, rate } from "../lib/format";
import { go } from "../lib/hooks";
import { useStats, useStepsById } from "../lib/project";
import type { ActorStats, StepStats } from "../lib/types";
import { Badge, cls, Drawer, Facts, Fill, Kind, Panel, Search, Select, type Tone } from "../lib/ui";
import { Orders } from "./Step";

const STATUS: Record<string, Tone> = { running: "good", starting: "info", backoff: "warn", suspended: "bad", stopped: "neutral", stopping: "warn" };

const DOES: Record<string, string> = {
  writer: "group commits of the store",
  journalist: "logs and spans to the journal",
  router: "deliveries to mailboxes",
  clock: "cron ticks",
  janitor: "forgets what has expired",
  watchdog: "time limits of handlers",
  steps: "one actor for each step",
  adjuster: "what an operator changed",
};

const ORDERS: [string, string][] = [
  ["name", "by name"],
  ["mailbox", "fullest mailbox first"],
  ["flight", "most in flight first"],
  ["restarts", "most restarts first"],
];

export default function Actors({ rest }: { rest: string[] }) {
  const stats = useStats();
  const byId = useStepsById();
  const [text, setText] = useState("");
  const [order, setOrder] = useState("name");
  const wanted = text.trim().toLowerCase();
  const steps = Object.values(stats?.steps ?? {})
    .filter((one) => `${one.name} ${one.id} ${one.status}`.toLowerCase().includes(wanted))
    .sort((one, other) => rank(other, order) - rank(one, order) || one.name.localeCompare(other.name) || one.id.localeCompare(other.id));
  const chosen = rest[0] ? stats?.steps[rest[0]] : undefined;
  const step = rest[0] ? byId.get(rest[0]) : undefined;
  const isAsleep = steps.filter((one) => one.suspended).length;
  return (
    <Panel
      title="Actors"
      tools={
        <>
          <Search value={text} onChange={setText} label="Find an actor" />
          <Select label="Order" value={order} onChange={setOrder} options={ORDERS} />
        </>
      }
      drawer={
        chosen &&
        step && (
          <Drawer
            title={chosen.name}
            sub={
              <>
                <Kind kind={step.type} /> <code>{step.id}</code>
              </>
            }
            onClose={() => go("actors")}
          >
            <ActorFacts stats={chosen} />
            <Orders step={step} />
          </Drawer>
        )
      }
    >
      <div className="scroll">
        {stats && (
          <ul className="tree">
            <li>
              <Line name="system" status="running" does={`root of ${stats.workers === 1 ? "this worker" : `${stats.workers} workers`} · ${bytes(stats.store.bytes_used ?? stats.store.used_bytes ?? 0)} stored${stats.store.is_connected === 0 ? " · the cluster is away" : ""}`} />
              <ul>
                {stats.actors.map((actor) => (
                  <li key={actor.name}>
                    <Line name={actor.name} status={actor.status} does={DOES[actor.name] ?? ""} actor={actor} />
                    {actor.name === "steps" && (
                      <>
                        {isAsleep > 0 && <p className="note warn-text">{isAsleep} suspended</p>}
                        <div className="step-head" aria-hidden="true">
                          <span>step</span>
                          <span>mailbox</span>
                          <span className="num">in flight</span>
                          <span className="num">rate</span>
                          <span className="num">median</span>
                          <span className="num">restarts</span>
                        </div>
                        <ul>
                          {steps.map((one) => (
                            <li key={one.id}>
                              <StepLine stats={one} kind={byId.get(one.id)?.type ?? "noop"} isChosen={one.id === rest[0]} isBusy={(stats.moved[one.id] ?? 0) > 0} />
                            </li>
                          ))}
                        </ul>
                      </>
                    )}
                  </li>
                ))}
              </ul>
            </li>
          </ul>
        )}
      </div>
    </Panel>
  );
}

function rank(one: StepStats, order: string): number {
  if (order === "mailbox") return one.mailbox.depth / Math.max(1, one.mailbox.size);
  if (order === "flight") return one.inFlight;
  if (order === "restarts") return one.restarts;
  return 0;
}

function Line({ name, status, does, actor }: { name: string; status: string; does: string; actor?: ActorStats }) {
  return (
    <div className="actor">
      <span className={cls("pulse", STATUS[status] ?? "neutral")} aria-hidden="true" />
      <span className="strong">{name}</span>
      <span className="faint actor-does">{does}</span>
      {status !== "running" && <Badge tone={STATUS[status] ?? "neutral"}>{status}</Badge>}
      {actor && actor.restarts > 0 && <Badge tone="warn">{actor.restarts} restarts</Badge>}
      {actor && actor.mailbox.depth > 0 && <span className="mono faint">{count(actor.mailbox.depth)} waiting</span>}
      {actor?.lastError && <span className="bad-text">{actor.lastError}</span>}
    </div>
  );
}

function StepLine({ stats, kind, isChosen, isBusy }: { stats: StepStats; kind: string; isChosen: boolean; isBusy: boolean }) {
  return (
    <button type="button" className={cls("step-line", isChosen && "chosen")} aria-pressed={isChosen} onClick={() => go("actors", stats.id)}>
      <span className="step-name">
        <span className={cls("pulse", STATUS[stats.status] ?? "neutral", isBusy && "busy")} aria-hidden="true" />
        <span className="step-label">{stats.name}</span>
        <Kind kind={kind} />
        {stats.status !== "running" && <Badge tone={STATUS[stats.status] ?? "neutral"}>{stats.status}</Badge>}
      </span>
      <span className="step-box">
        <Fill value={stats.mailbox.depth} max={stats.mailbox.size} label={`mailbox of ${stats.name}`} />
        <span className="mono">
          {count(stats.mailbox.depth)}/{count(stats.mailbox.size)}
        </span>
      </span>
      <span className="num mono" data-label="in flight">
        {stats.inFlight}
        {stats.concurrency > 0 && <span className="faint">/{stats.concurrency}</span>}
      </span>
      <span className="num mono" data-label="rate">
        {rate(stats.perS)}
      </span>
      <span className="num mono" data-label="median">
        {duration(stats.p50Ms)}
      </span>
      <span className={cls("num mono", stats.restarts > 0 && "warn-text")} data-label="restarts">
        {stats.restarts}
      </span>
    </button>
  );
}

function ActorFacts({ stats }: { stats: StepStats }) {
  return (
    <Facts
      facts={[
        ["status", <Badge key="s" tone={STATUS[stats.status] ?? "neutral"}>{stats.status}</Badge>],
        ["mailbox", `${count(stats.mailbox.depth)} of ${count(stats.mailbox.size)}`],
        ["in flight", `${stats.inFlight} of ${stats.concurrency || "any number"}`],
        ["handled", `${count(stats.calls)}, ${count(stats.failures)} failed`],
        ["median, 99 of 100", `${duration(stats.p50Ms)}, ${duration(stats.p99Ms)}`],
        ["restarts", count(stats.restarts)],
        ...(stats.lastError ? ([["last error", <span key="e" className="bad-text">{stats.lastError}</span>]] as [string, React.ReactNode][]) : []),
      ]}
    />
  );
}
