import { useMemo, useState } from "react";
import { Code, Json, parse } from "../lib/code";
import { bytes, duration, pretty } from "../lib/format";
import { go } from "../lib/hooks";
import { useProject } from "../lib/project";
import { send, type Answered } from "../lib/request";
import { sample } from "../lib/sample";
import type { Step, Trigger } from "../lib/types";
import { Badge, Button, cls, Empty, Facts, Method, Panel, Search, Tabs, TraceLink } from "../lib/ui";

const NAMES = /:(\w+)\??/g;
const BODILESS = ["GET", "HEAD", "DELETE"];

/** A step with one of its routes; index counts the routes of the step. */
type Endpoint = Omit<Step, "type"> & Trigger & { index: number };

function endpointsOf(step: Step): Endpoint[] {
  return step.triggers.filter((one) => one.type === "api").map((one, index) => ({ ...step, ...one, index }));
}

export default function Endpoints({ rest }: { rest: string[] }) {
  const { steps, name } = useProject();
  const [text, setText] = useState("");
  const apis = useMemo(
    () => steps.flatMap(endpointsOf).sort((one, other) => one.path.localeCompare(other.path) || one.method.localeCompare(other.method)),
    [steps],
  );
  const wanted = text.trim().toLowerCase();
  const shown = apis.filter((step) => `${step.method} ${step.path} ${step.name} ${step.flows.join(" ")}`.toLowerCase().includes(wanted));
  const chosen = apis.find((one) => one.id === rest[0] && String(one.index) === (rest[1] ?? "0")) ?? null;
  if (!apis.length) {
    return (
      <Panel title="Endpoints">
        <Empty icon="endpoints" title="No endpoints yet">
          A step of type api is one.
        </Empty>
      </Panel>
    );
  }
  const groups = new Map<string, Endpoint[]>();
  for (const step of shown) {
    const flow = step.flows[0] ?? "no flow";
    groups.set(flow, [...(groups.get(flow) ?? []), step]);
  }
  return (
    <Panel
      title="Endpoints"
      tools={
        <>
          <Search value={text} onChange={setText} label="Find an endpoint" />
          <a className="button plain" href="/openapi.json" target="_blank" rel="noreferrer">
            OpenAPI
          </a>
        </>
      }
    >
      <div className={cls("split", chosen && "has-choice")}>
        <nav className="side" aria-label={`Endpoints of ${name}`}>
          {[...groups].map(([flow, list]) => (
            <section key={flow}>
              <h2>{flow}</h2>
              {list.map((step) => (
                <button key={`${step.id} ${step.index}`} type="button" className={cls("side-item", step === chosen && "chosen")} aria-pressed={step === chosen} onClick={() => (step.index ? go("endpoints", step.id, String(step.index)) : go("endpoints", step.id))}>
                  <Method method={step.method} />
                  <span className="side-text">
                    <span className="mono">{step.path}</span>
                    <span className="faint">{step.name}</span>
                  </span>
                </button>
              ))}
            </section>
          ))}
        </nav>
        {chosen ? (
          <Try key={`${chosen.id} ${chosen.index}`} step={chosen} />
        ) : (
          <div className="side-empty">
            <Empty icon="endpoints" title="Choose an endpoint">
              Its request is filled in from its schema.
            </Empty>
          </div>
        )}
      </div>
    </Panel>
  );
}

type Tab = "body" | "params" | "headers";

function Try({ step }: { step: Endpoint }) {
  const names = useMemo(() => [...step.path.matchAll(NAMES)].map((found) => found[1]!), [step.path]);
  const hasBody = !BODILESS.includes(step.method) || step.bodySchema !== null;
  const [tab, setTab] = useState<Tab>(hasBody ? "body" : "params");
  const [params, setParams] = useState<Record<string, string>>({});
  const [values, setValues] = useState<Record<string, string>>({});
  const [headers, setHeaders] = useState('{\n  "content-type": "application/json"\n}');
  const [body, setBody] = useState(() => (hasBody ? pretty(step.bodySchema ? sample(step.bodySchema) : {}) : ""));
  const [answer, setAnswer] = useState<Answered | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const path = step.path.replace(NAMES, (whole, name: string) => (params[name] ? encodeURIComponent(params[name]) : whole));
  const query = new URLSearchParams(Object.entries(values).filter(([, value]) => value !== "")).toString();
  const bodyProblem = hasBody && body.trim() ? parse(body).problem : null;
  const headersRead = parse(headers || "{}");

  const submit = async (): Promise<void> => {
    const missing = names.find((name) => !params[name]);
    if (missing) {
      setTab("params");
      setProblem(`Give a value for :${missing}.`);
      return;
    }
    if (headersRead.problem) {
      setTab("headers");
      setProblem(`The headers are no JSON: ${headersRead.problem}`);
      return;
    }
    setBusy(true);
    setProblem(null);
    try {
      const sent = Object.fromEntries(Object.entries(headersRead.value as Record<string, unknown>).map(([key, value]) => [key, String(value)]));
      if (!hasBody) delete sent["content-type"];
      setAnswer(await send({ method: step.method, path, query, headers: sent, body: hasBody ? body : null }));
    } catch (error) {
      setAnswer(null);
      setProblem(error instanceof Error ? error.message : String(error));
    }
    setBusy(false);
  };

  const tabs: [Tab, React.ReactNode][] = [
    ...(hasBody ? ([["body", <>Body {bodyProblem && <span className="bad-text">!</span>}</>]] as [Tab, React.ReactNode][]) : []),
    ["params", `Params${names.length + step.queryParams.length ? ` (${names.length + step.queryParams.length})` : ""}`],
    ["headers", "Headers"],
  ];
  return (
    <div className="try">
      <section className="try-ask" aria-label="Request">
        <form
          className="try-line"
          onSubmit={(event) => {
            event.preventDefault();
            void submit();
          }}
        >
          <Button className="back" tone="quiet" aria-label="Back to the list" onClick={() => go("endpoints")}>
            ←
          </Button>
          <Method method={step.method} />
          <span className="mono try-path">
            {path}
            {query && <span className="faint">?{query}</span>}
          </span>
          <Button tone="primary" icon="play" type="submit" disabled={isBusy}>
            {isBusy ? "Sending…" : "Send"}
          </Button>
        </form>
        {step.description && <p className="lead">{step.description}</p>}
        <Tabs label="Parts of the request" tabs={tabs} value={tab} onChange={setTab} />
        <div className="try-body" role="tabpanel" aria-label={tab}>
          {tab === "body" && (
            <>
              <Code value={body} onChange={setBody} onSubmit={() => void submit()} label="Request body" />
              {bodyProblem && <p className="bad-text note">{bodyProblem}</p>}
            </>
          )}
          {tab === "headers" && <Code value={headers} onChange={setHeaders} onSubmit={() => void submit()} label="Request headers" />}
          {tab === "params" && (
            <div className="params">
              {names.map((name) => (
                <Field key={name} name={name} note="in the path" value={params[name] ?? ""} onChange={(value) => setParams({ ...params, [name]: value })} />
              ))}
              {step.queryParams.map(({ name, description }) => (
                <Field key={name} name={name} note={description || "query"} value={values[name] ?? ""} onChange={(value) => setValues({ ...values, [name]: value })} />
              ))}
              {!names.length && !step.queryParams.length && <p className="note">It declares none.</p>}
            </div>
          )}
        </div>
        {step.bodySchema && (
          <details className="schema">
            <summary>Schema of the body</summary>
            <Json value={step.bodySchema} label="Schema of the body" />
          </details>
        )}
      </section>
      <section className="try-answer" aria-label="Answer" aria-live="polite">
        {problem && <p className="bad-text">{problem}</p>}
        {answer ? <Answer answer={answer} /> : !problem && <Empty icon="endpoints" title="No answer yet">Ctrl Enter sends too.</Empty>}
      </section>
    </div>
  );
}

function Field({ name, note, value, onChange }: { name: string; note: string; value: string; onChange: (value: string) => void }) {
  const id = `param-${name}`;
  return (
    <div className="field">
      <label htmlFor={id} className="mono">
        {name}
      </label>
      <input id={id} value={value} placeholder={note} spellCheck={false} onChange={(event) => onChange(event.target.value)} />
    </div>
  );
}

function Answer({ answer }: { answer: Answered }) {
  const [tab, setTab] = useState<"body" | "headers">("body");
  const tone = answer.status < 300 ? "good" : answer.status < 500 ? "warn" : "bad";
  return (
    <>
      <div className="row wrap answer-head">
        <Badge tone={tone}>
          <span data-status="">
            {answer.status} {answer.statusText}
          </span>
        </Badge>
        <span className="mono">{duration(answer.tookMs)}</span>
        <span className="faint">{bytes(answer.bytes)}</span>
        {answer.traceId && <TraceLink id={answer.traceId} />}
      </div>
      <Tabs
        label="Parts of the answer"
        value={tab}
        onChange={setTab}
        tabs={[
          ["body", "Body"],
          ["headers", `Headers (${answer.headers.length})`],
        ]}
      />
      <div className="try-body" role="tabpanel" aria-label={tab}>
        {tab === "body" ? <Code value={answer.body} language={answer.isJson ? "json" : "text"} label="Answer body" /> : <Facts facts={answer.headers.map(([name, value]) => [name, <code key={name}>{value}</code>])} />}
      </div>
    </>
  );
}
