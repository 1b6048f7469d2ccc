import { useState } from "react";
import { post } from "../lib/api";
import { Code, Json } from "../lib/code";
import { count, duration, rate, triggerLine } from "../lib/format";
import { href, usePoll } from "../lib/hooks";
import { useProject, useStats } from "../lib/project";
import type { Adjusted, Queue, Step } from "../lib/types";
import { Badge, Button, Drawer, Facts, Fill, Kind, Tabs, useTalk } from "../lib/ui";

type Tab = "figures" | "config" | "schema" | "source";

/** Everything about one step: figures, config, schemas, source, and what can be done to it. */
export function StepDrawer({ step, onClose }: { step: Step; onClose: () => void }) {
  const [tab, setTab] = useState<Tab>("figures");
  return (
    <Drawer
      wide
      title={step.name}
      sub={
        <>
          <Kind kind={step.type} /> <code>{step.id}</code>
        </>
      }
      onClose={onClose}
    >
      <Tabs
        label="About the step"
        value={tab}
        onChange={setTab}
        tabs={[
          ["figures", "Statistics"],
          ["config", "Config"],
          ["schema", "Schema"],
          ["source", "Source"],
        ]}
      />
      <div className="tab-body" role="tabpanel" aria-label={tab}>
        {tab === "figures" && <Figures step={step} />}
        {tab === "config" && <Json value={configOf(step)} label="Config" />}
        {tab === "schema" && <Schemas step={step} />}
        {tab === "source" && <Source step={step} />}
      </div>
    </Drawer>
  );
}

function configOf(step: Step): Record<string, unknown> {
  const { drawingId: _drawing, id: _id, triggers, ...shown } = step;
  const said = triggers.map(({ bodySchema: _body, responseSchema: _response, inputSchema: _input, ...trigger }) => filled(trigger));
  // What one trigger says is said of the step, as in its file.
  return said.length === 1 ? { ...filled(shown), ...said[0] } : { ...filled(shown), triggers: said };
}

function filled(values: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => !(value === "" || value === null || (Array.isArray(value) && !value.length))),
  );
}

function Figures({ step }: { step: Step }) {
  const stats = useStats();
  const { data } = usePoll<{ queues: Queue[] }>("/__motia/queues", 1000);
  const live = stats?.steps[step.id];
  const queue = data?.queues.find((one) => one.step === step.id);
  return (
    <>
      {step.description && <p className="lead">{step.description}</p>}
      {live ? (
        <>
          <div className="tiles">
            <Tile name="calls" value={count(live.calls)} />
            <Tile name="rate" value={rate(live.perS)} />
            <Tile name="failures" value={count(live.failures)} tone={live.failures ? "bad" : undefined} />
            <Tile name="in flight" value={`${live.inFlight}${live.concurrency ? ` / ${live.concurrency}` : ""}`} />
            <Tile name="median" value={duration(live.p50Ms)} />
            <Tile name="99th of 100" value={duration(live.p99Ms)} />
          </div>
          <Facts
            facts={[
              ["status", <Badge key="s" tone={live.status === "running" ? "good" : "bad"}>{live.status}</Badge>],
              [
                "mailbox",
                <span key="m" className="row">
                  <Fill value={live.mailbox.depth} max={live.mailbox.size} label="mailbox" /> {count(live.mailbox.depth)} of {count(live.mailbox.size)}, then {step.infrastructure.mailbox.overflow}
                </span>,
              ],
              ["restarts", count(live.restarts)],
              ...(live.lastError ? ([["last error", <span key="e" className="bad-text">{live.lastError}</span>]] as [string, React.ReactNode][]) : []),
              ...(queue
                ? ([
                    [
                      "queue",
                      <a key="q" href={href("queues", step.id)}>
                        {queue.waiting} waiting, {queue.leased} in flight, {queue.dead} dead
                      </a>,
                    ],
                  ] as [string, React.ReactNode][])
                : []),
            ]}
          />
          <Orders step={step} />
        </>
      ) : (
        <p className="note">{step.type === "noop" ? "This step is drawn only: it has no handler." : "No figures: the step does not run."}</p>
      )}
      <Links step={step} />
    </>
  );
}

function Tile({ name, value, tone }: { name: string; value: string; tone?: "bad" | undefined }) {
  return (
    <div className="tile">
      <span className={tone === "bad" ? "tile-value bad-text" : "tile-value"}>{value}</span>
      <span className="tile-name">{name}</span>
    </div>
  );
}

function Links({ step }: { step: Step }) {
  const { edges, steps } = useProject();
  const names = new Map(steps.map((one) => [one.id, one.name]));
  const shown = (id: string): string => names.get(id) ?? id.replace("stream:", "stream ");
  const before = edges.filter((edge) => edge.target === step.id);
  const after = edges.filter((edge) => edge.source === step.id);
  const list = (found: typeof edges, end: "source" | "target") =>
    found.map((edge) => (
      <li key={`${edge[end]}${edge.topic}${edge.kind}`}>
        {shown(edge[end])} <span className="faint mono">{edge.topic}</span> {edge.conditional && <Badge>conditional</Badge>} {edge.kind === "virtual" && <Badge>virtual</Badge>}
      </li>
    ));
  return (
    <div className="links">
      <h3>Before it</h3>
      <ul>{before.length ? list(before, "source") : <li className="faint">nothing</li>}</ul>
      <h3>After it</h3>
      <ul>{after.length ? list(after, "target") : <li className="faint">nothing</li>}</ul>
      <p className="row">
        {step.triggers.some((one) => one.type === "api") && <a href={href("endpoints", step.id)}>Try a request</a>}
        <a href={`#/logs?step=${encodeURIComponent(step.name)}`}>Its logs</a>
        <a href={`#/traces?step=${encodeURIComponent(step.name)}`}>Its traces</a>
      </p>
    </div>
  );
}

function Schemas({ step }: { step: Step }) {
  const found: [string, unknown][] = [];
  for (const trigger of step.triggers) {
    const of = step.triggers.length > 1 ? ` of ${triggerLine(trigger)}` : "";
    if (trigger.bodySchema) found.push([`Body${of}`, trigger.bodySchema]);
    if (trigger.inputSchema) found.push([`Input${of}`, trigger.inputSchema]);
    for (const [status, schema] of Object.entries(trigger.responseSchema)) found.push([`Response ${status}${of}`, schema]);
    if (trigger.queryParams.length) found.push([`Query${of}`, trigger.queryParams]);
  }
  if (!found.length) return <p className="note">The step declares none.</p>;
  return (
    <>
      {found.map(([name, schema]) => (
        <section key={name}>
          <h3>{name}</h3>
          <Json value={schema} label={`${name} schema`} />
        </section>
      ))}
    </>
  );
}

function Source({ step }: { step: Step }) {
  const { data, error } = usePoll<{ content: string }>(`/__motia/step/${step.drawingId}`, 3000);
  if (error) return <p className="bad-text">{error}</p>;
  return <div className="source">{data && <Code value={data.content} language={step.language} label={`Source of ${step.name}`} />}</div>;
}

/** What an operator may change while the step runs: kept in the store, for all workers. */
export function Orders({ step }: { step: Step }) {
  const talk = useTalk();
  const { data, refresh } = usePoll<{ steps: Record<string, Adjusted> }>("/__motia/adjustments", 2000);
  const adjusted = data?.steps[step.id];
  const order = async (word: string, value: unknown, done: string): Promise<void> => {
    await talk.attempt(() => post("/__motia/adjustments", { step: step.id, word, value }), done);
    refresh();
  };
  return (
    <fieldset className="orders">
      <legend>Change it while it runs</legend>
      <Size label="Mailbox size" config={step.infrastructure.mailbox.size_max} value={adjusted?.mailboxSize ?? null} max={1_000_000} onSet={(value) => order("mailboxSize", value, "The mailbox has its new size")} />
      <Size label="Concurrency" config={step.infrastructure.concurrency} value={adjusted?.concurrency ?? null} max={10_000} onSet={(value) => order("concurrency", value, "The step runs with its new concurrency")} />
      <div className="row">
        <Button icon="replay" onClick={() => order("restarts", null, `${step.name} was restarted`)}>
          Restart
        </Button>
        {adjusted?.suspended ? (
          <Button icon="play" tone="primary" onClick={() => order("suspended", false, `${step.name} runs again`)}>
            Resume
          </Button>
        ) : (
          <Button icon="pause" onClick={() => order("suspended", true, `${step.name} is suspended; its events wait`)}>
            Suspend
          </Button>
        )}
      </div>
    </fieldset>
  );
}

function Size({ label, config, value, max, onSet }: { label: string; config: number | null; value: number | null; max: number; onSet: (value: number | null) => void }) {
  const [text, setText] = useState<string | null>(null);
  const shown = text ?? String(value ?? config ?? "");
  const number = Number(shown);
  const isRight = shown !== "" && Number.isInteger(number) && number >= 1 && number <= max;
  const id = `size-${label.replaceAll(" ", "-")}`;
  return (
    <form
      className="size"
      onSubmit={(event) => {
        event.preventDefault();
        if (isRight) onSet(number);
        setText(null);
      }}
    >
      <label htmlFor={id}>{label}</label>
      <input id={id} inputMode="numeric" value={shown} placeholder="default" aria-invalid={text !== null && !isRight} onChange={(event) => setText(event.target.value)} />
      <Button type="submit" disabled={text === null || !isRight}>
        Set
      </Button>
      {value !== null && (
        <Button tone="quiet" onClick={() => onSet(null)}>
          As configured
        </Button>
      )}
    </form>
  );
}
