import { useState } from "react";
import { post, query } from "../lib/api";
import { Code, Json, parse } from "../lib/code";
import { count, duration, pretty } from "../lib/format";
import { go, usePoll } from "../lib/hooks";
import type { Letter, Queue } from "../lib/types";
import { Badge, Button, cls, Dialog, Drawer, Empty, Facts, Kind, Panel, Search, TraceLink, useTalk } from "../lib/ui";

export default function Queues({ rest }: { rest: string[] }) {
  const { data } = usePoll<{ now: number; queues: Queue[] }>("/__motia/queues", 1000);
  const [text, setText] = useState("");
  const wanted = text.trim().toLowerCase();
  const queues = (data?.queues ?? []).filter((queue) => `${queue.name} ${queue.step}`.toLowerCase().includes(wanted));
  const chosen = data?.queues.find((queue) => queue.step === rest[0]);
  const sum = (of: "waiting" | "leased" | "dead"): number => (data?.queues ?? []).reduce((all, one) => all + one[of], 0);
  return (
    <Panel
      title="Queues"
      tools={<Search value={text} onChange={setText} label="Find a queue" />}
      drawer={chosen && <QueueDrawer key={chosen.step} queue={chosen} onClose={() => go("queues")} />}
    >
      {data && !data.queues.length ? (
        <Empty icon="queues" title="No queues">
          Every event and cron step has one.
        </Empty>
      ) : (
        <div className="scroll">
          <div className="tiles">
            <div className="tile">
              <span className="tile-value">{count(sum("waiting"))}</span>
              <span className="tile-name">waiting</span>
            </div>
            <div className="tile">
              <span className="tile-value">{count(sum("leased"))}</span>
              <span className="tile-name">in flight</span>
            </div>
            <div className="tile">
              <span className={cls("tile-value", sum("dead") > 0 && "bad-text")}>{count(sum("dead"))}</span>
              <span className="tile-name">dead letters</span>
            </div>
          </div>
          <table className="table">
            <thead>
              <tr>
                <th>Step</th>
                <th className="num">Waiting</th>
                <th className="num">Oldest</th>
                <th className="num">In flight</th>
                <th className="num">Dead</th>
              </tr>
            </thead>
            <tbody>
              {queues.map((queue) => (
                <tr key={queue.step} className={cls(queue.step === chosen?.step && "chosen")} onClick={() => go("queues", queue.step)}>
                  <td>
                    <button type="button" className="cell-button" aria-pressed={queue.step === chosen?.step}>
                      <span className="strong">{queue.name}</span> {queue.type ? <Kind kind={queue.type} /> : <Badge tone="warn">no step</Badge>} {queue.fifo && <Badge>fifo</Badge>}
                      <span className="faint mono cell-sub">{queue.step}</span>
                    </button>
                  </td>
                  <td className="num">
                    <Depth value={queue.waiting} />
                  </td>
                  <td className="num mono">{queue.waiting && queue.ageMs !== null ? (queue.ageMs > 0 ? duration(queue.ageMs) : `due in ${duration(Math.max(0, (queue.dueMs ?? 0) - (data?.now ?? 0)))}`) : "—"}</td>
                  <td className="num">{queue.leased ? <Badge tone="info">{count(queue.leased)}</Badge> : <span className="faint">0</span>}</td>
                  <td className="num">{queue.dead ? <Badge tone="bad">{count(queue.dead)}</Badge> : <span className="faint">0</span>}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

function Depth({ value }: { value: number }) {
  return value ? <Badge tone={value > 1000 ? "bad" : "warn"}>{count(value)}</Badge> : <span className="faint">0</span>;
}

function QueueDrawer({ queue, onClose }: { queue: Queue; onClose: () => void }) {
  const talk = useTalk();
  const { data, refresh } = usePoll<{ letters: Letter[] }>(queue.dead ? `/__motia/dlq/letters${query({ step: queue.step, limit: 100 })}` : null, 2000);
  const [edited, setEdited] = useState<Letter | null>(null);
  const letters = queue.dead ? (data?.letters ?? []) : [];
  const replay = async (ids?: string[], more?: { data: unknown }): Promise<boolean> => {
    const isDone = await talk.attempt(async () => {
      const { replayed } = await post<{ replayed: number }>("/__motia/dlq/replay", { step: queue.step, ...(ids && { ids }), ...more });
      talk.say(`${replayed} put back into the queue`);
    });
    refresh();
    return isDone;
  };
  const purge = async (ids?: string[]): Promise<void> => {
    const what = ids ? "this dead letter" : `all ${count(queue.dead)} dead letters of ${queue.name}`;
    if (!(await talk.confirm(`Forget ${what}?`, "Forget"))) return;
    await talk.attempt(() => post("/__motia/dlq/purge", { step: queue.step, ...(ids && { ids }) }), "Forgotten");
    refresh();
  };
  return (
    <Drawer wide title={queue.name} sub={<code>{queue.step}</code>} onClose={onClose}>
      <Facts
        facts={[
          ["waiting", count(queue.waiting)],
          ["in flight", count(queue.leased)],
          ["order", queue.fifo ? "first in, first out within a group" : "oldest first, side by side"],
        ]}
      />
      <div className="row wrap spread">
        <h3>Dead letters {queue.dead > 0 && <Badge tone="bad">{count(queue.dead)}</Badge>}</h3>
        {queue.dead > 0 && (
          <span className="row">
            <Button icon="replay" onClick={() => void replay()}>
              Replay all
            </Button>
            <Button icon="trash" tone="danger" onClick={() => void purge()}>
              Purge
            </Button>
          </span>
        )}
      </div>
      {!queue.dead && <p className="note">None: what failed was tried again, and came through.</p>}
      <ul className="letters">
        {letters.map((letter) => (
          <li key={letter.id} className="letter">
            <div className="row wrap spread">
              <span className="row wrap">
                <span className="mono strong">{letter.topic}</span>
                <span className="faint">
                  {letter.attempts} {letter.attempts === 1 ? "try" : "tries"}, died {new Date(letter.diedAt).toLocaleString()}
                </span>
              </span>
              <TraceLink id={letter.traceId} />
            </div>
            <p className="bad-text letter-error">{letter.error}</p>
            <details>
              <summary>Payload{letter.stack && " and stack"}</summary>
              <Json value={letter.data} label="Payload" />
              {letter.stack && <Json value={letter.stack} label="Stack" />}
            </details>
            <div className="row wrap">
              <Button icon="replay" onClick={() => void replay([letter.id])}>
                Replay
              </Button>
              <Button icon="edit" onClick={() => setEdited(letter)}>
                Edit and replay
              </Button>
              <Button icon="trash" tone="quiet" aria-label="Forget this letter" onClick={() => void purge([letter.id])} />
            </div>
          </li>
        ))}
      </ul>
      {edited && <Edit letter={edited} onClose={() => setEdited(null)} onReplay={async (data) => (await replay([edited.id], { data })) && setEdited(null)} />}
    </Drawer>
  );
}

function Edit({ letter, onClose, onReplay }: { letter: Letter; onClose: () => void; onReplay: (data: unknown) => void }) {
  const [text, setText] = useState(() => pretty(letter.data));
  const { value, problem } = parse(text);
  return (
    <Dialog title={`Edit ${letter.topic}`} onClose={onClose}>
      <div className="dialog-editor">
        <Code value={text} onChange={setText} onSubmit={() => !problem && onReplay(value)} label="Payload" />
      </div>
      {problem && <p className="bad-text note">{problem}</p>}
      <div className="dialog-actions">
        <Button onClick={onClose}>Cancel</Button>
        <Button tone="primary" disabled={problem !== null} onClick={() => onReplay(value)}>
          Replay with this
        </Button>
      </div>
    </Dialog>
  );
}
