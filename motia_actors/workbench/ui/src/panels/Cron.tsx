import { post } from "../lib/api";
import { ago, day } from "../lib/format";
import { go, href, usePoll } from "../lib/hooks";
import type { Job } from "../lib/types";
import { Badge, Button, cls, Empty, Panel, useTalk } from "../lib/ui";
import { useNow } from "./Traces";

const RUN: Record<string, string> = {
  fired: "A run is queued",
  busy: "It still runs; nothing was queued",
  taken: "This moment has its run already",
  failed: "The run could not be queued; the log says why",
};

export default function Cron() {
  const talk = useTalk();
  const { data, refresh } = usePoll<{ now: number; jobs: Job[] }>("/__motia/cron", 1000);
  const now = useNow();
  const run = (job: Job): Promise<boolean> =>
    talk.attempt(async () => {
      const { result } = await post<{ result: string }>("/__motia/cron/run", { step: job.step });
      talk.say(RUN[result] ?? result, result === "fired" ? "good" : "bad");
      refresh();
    });
  const pause = (job: Job): Promise<boolean> =>
    talk.attempt(
      async () => {
        await post("/__motia/adjustments", { step: job.step, word: "paused", value: !job.paused });
        refresh();
      },
      job.paused ? `${job.name} follows its schedule again` : `${job.name} skips its slots until you resume it`,
    );
  return (
    <Panel title="Cron">
      {data && !data.jobs.length ? (
        <Empty icon="cron" title="No cron steps">
          A step of type cron runs by the clock.
        </Empty>
      ) : (
        <div className="scroll cards">
          {(data?.jobs ?? []).map((job) => (
            <article key={job.step} className={cls("card", job.paused && "paused")} aria-label={job.name}>
              <header className="row spread wrap">
                <h2>
                  <a href={href("flows", "*", job.step)}>{job.name}</a>
                </h2>
                {job.paused ? <Badge tone="warn">paused</Badge> : <Badge tone="good">scheduled</Badge>}
              </header>
              {job.description && <p className="lead">{job.description}</p>}
              <p>
                <code className="cron">{job.cron}</code> <span className="faint">{job.timezone}</span>
              </p>
              <dl className="facts">
                <div>
                  <dt>last</dt>
                  <dd>{job.lastMs === null ? "never" : `${ago(job.lastMs, now)} · ${day(job.lastMs)}`}</dd>
                </div>
                <div>
                  <dt>next</dt>
                  <dd>{job.paused ? "when it is resumed" : job.nextMs[0] === undefined ? "never" : `${ago(job.nextMs[0], now)} · ${day(job.nextMs[0])}`}</dd>
                </div>
                <div>
                  <dt>then</dt>
                  <dd className="faint">{job.paused ? "—" : job.nextMs.slice(1).map(day).join(", ") || "never"}</dd>
                </div>
                <div>
                  <dt>while it runs</dt>
                  <dd className="faint">{job.overlap === "allow" ? "the next run starts beside it" : "slots are skipped"}</dd>
                </div>
              </dl>
              <div className="row wrap">
                <Button icon="play" tone="primary" onClick={() => void run(job)}>
                  Run now
                </Button>
                <Button icon={job.paused ? "play" : "pause"} onClick={() => void pause(job)}>
                  {job.paused ? "Resume" : "Pause"}
                </Button>
                <Button tone="quiet" onClick={() => go("queues", job.step)}>
                  Queue
                </Button>
              </div>
            </article>
          ))}
        </div>
      )}
    </Panel>
  );
}
