import { useRef, useState } from "react";
import { ask, post } from "../lib/api";
import { Code, Json, parse } from "../lib/code";
import { pretty } from "../lib/format";
import { go, useBeat, usePoll } from "../lib/hooks";
import { useProject } from "../lib/project";
import { Rows } from "../lib/rows";
import { sample } from "../lib/sample";
import type { StreamInfo } from "../lib/types";
import { Button, cls, Dialog, Drawer, Empty, Panel, Search, useTalk } from "../lib/ui";

type Item = Record<string, unknown> & { id: string };

export default function Streams({ rest }: { rest: string[] }) {
  const { streams } = useProject();
  const [text, setText] = useState("");
  const stream = streams.find((one) => one.name === rest[0]) ?? streams[0] ?? null;
  const { data } = usePoll<{ groups: string[] }>(stream && `/__motia/stream-groups/${encodeURIComponent(stream.name)}`, 1000);
  const groups = data?.groups ?? [];
  const group = rest[1] ?? groups[0] ?? null;
  const [isNew, setNew] = useState(false);
  if (!stream) {
    return (
      <Panel title="Streams">
        <Empty icon="streams" title="No streams yet">
          A file steps/name_stream.py with a config is one.
        </Empty>
      </Panel>
    );
  }
  return (
    <Panel
      title="Streams"
      tools={
        <>
          <Search value={text} onChange={setText} label="Search the items" />
          <Button icon="plus" tone="primary" onClick={() => setNew(true)}>
            Add
          </Button>
        </>
      }
      drawer={group !== null && rest[2] !== undefined && <ItemDrawer key={rest.join("/")} stream={stream} group={group} id={rest[2]} />}
    >
      <div className="split has-list">
        <nav className="side narrow" aria-label="Streams and groups">
          {streams.map((one) => (
            <section key={one.name}>
              <button type="button" className={cls("side-item side-head", one === stream && "chosen")} aria-pressed={one === stream} onClick={() => go("streams", one.name)}>
                <span className="side-text strong">{one.name}</span>
              </button>
              {one === stream &&
                groups.map((name) => (
                  <button key={name} type="button" className={cls("side-item inner", name === group && "chosen")} aria-pressed={name === group} onClick={() => go("streams", stream.name, name)}>
                    <span className="side-text mono">{name || "(empty)"}</span>
                  </button>
                ))}
            </section>
          ))}
        </nav>
        <div className="list">
          {group === null ? (
            data && (
              <Empty icon="streams" title="Nothing in this stream">
                Items show here as steps set them.
              </Empty>
            )
          ) : (
            <Items key={`${stream.name}/${group}`} stream={stream} group={group} text={text} chosen={rest[2] ?? null} />
          )}
        </div>
      </div>
      {isNew && <NewItem stream={stream} group={group ?? ""} onClose={() => setNew(false)} />}
    </Panel>
  );
}

/** The items of a group, asked each second; what changed since is marked for that second. */
function Items({ stream, group, text, chosen }: { stream: StreamInfo; group: string; text: string; chosen: string | null }) {
  const [held, setHeld] = useState<{ items: Item[]; changed: Set<string> } | null>(null);
  const before = useRef<Map<string, string> | null>(null);
  useBeat(async (signal) => {
    const path = `/__motia/streams/group/${encodeURIComponent(stream.name)}/${encodeURIComponent(group)}`;
    const { items } = await ask<{ items: Item[] }>(path, { signal });
    const now = new Map(items.map((item) => [item.id, JSON.stringify(item)]));
    const old = before.current;
    const changed = new Set(old ? [...now].filter(([id, value]) => old.get(id) !== value).map(([id]) => id) : []);
    const isSame = old && !changed.size && old.size === now.size;
    before.current = now;
    if (!isSame || held?.changed.size) setHeld({ items, changed });
  }, 1000);
  const wanted = text.trim().toLowerCase();
  const items = (held?.items ?? []).filter((item) => !wanted || JSON.stringify(item).toLowerCase().includes(wanted));
  if (held && !items.length) return <Empty icon="streams" title={wanted ? "Nothing fits" : "The group is empty"} />;
  return (
    <>
      <Rows
        label={`Items of ${stream.name}, ${group}`}
        rows={items}
        keyOf={(item) => item.id}
        height={34}
        chosen={chosen}
        onChoose={(item) => go("streams", stream.name, group, item.id)}
        classOf={(item) => (held?.changed.has(item.id) ? "flash" : "")}
        draw={(item) => (
          <>
            <span className="cell-key mono">{item.id}</span>
            <span className="cell-value mono faint">{JSON.stringify({ ...item, id: undefined })}</span>
          </>
        )}
      />
      <p className="note pad">
        {items.length} {items.length === 1 ? "item" : "items"}, live
      </p>
    </>
  );
}

function ItemDrawer({ stream, group, id }: { stream: StreamInfo; group: string; id: string }) {
  const talk = useTalk();
  const [stored, setStored] = useState<string | null>(null);
  const [text, setText] = useState<string | null>(null);
  useBeat(async (signal) => {
    const path = `/__motia/streams/item/${[stream.name, group, id].map(encodeURIComponent).join("/")}`;
    const { data } = await ask<{ data: unknown }>(path, { signal });
    setStored(pretty(data));
  }, 1000);
  const shown = text ?? stored ?? "";
  const { value, problem } = parse(shown || "null");
  const isEdited = text !== null && text !== stored;
  const save = async (): Promise<void> => {
    if (!problem && (await talk.attempt(() => post("/__motia/streams/set", { stream: stream.name, group, id, data: value }), "Saved; listeners were told"))) {
      setStored(pretty(value));
      setText(null);
    }
  };
  const remove = async (): Promise<void> => {
    if (!(await talk.confirm(`Delete ${id} of ${stream.name}?`, "Delete"))) return;
    if (await talk.attempt(() => post("/__motia/streams/delete", { stream: stream.name, group, id }), "Deleted; listeners were told")) go("streams", stream.name, group);
  };
  return (
    <Drawer
      title={id}
      sub={
        <>
          in <code>{stream.name}</code> / <code>{group}</code>
        </>
      }
      onClose={() => go("streams", stream.name, group)}
      actions={<Button icon="trash" tone="quiet" aria-label="Delete the item" onClick={() => void remove()} />}
    >
      <div className="value">{stored !== null && <Code value={shown} onChange={setText} onSubmit={() => void save()} label={`Item ${id}`} />}</div>
      <footer className="row wrap spread value-foot">
        <span className={problem ? "bad-text note" : "note"}>{problem ?? (isEdited ? "Changed by you, not saved" : "Shows changes as they happen")}</span>
        <span className="row">
          {isEdited && <Button onClick={() => setText(null)}>Undo</Button>}
          <Button tone="primary" disabled={!isEdited || problem !== null} onClick={() => void save()}>
            Save
          </Button>
        </span>
      </footer>
      {stream.schema && (
        <details className="schema">
          <summary>Schema of the stream</summary>
          <Json value={stream.schema} label="Schema of the stream" />
        </details>
      )}
    </Drawer>
  );
}

function NewItem({ stream, group, onClose }: { stream: StreamInfo; group: string; onClose: () => void }) {
  const talk = useTalk();
  const [place, setPlace] = useState({ group, id: "" });
  const [text, setText] = useState(() => pretty(stream.schema ? sample(stream.schema) : {}));
  const { value, problem } = parse(text);
  const isWhole = place.group !== "" && place.id !== "" && problem === null;
  const save = async (): Promise<void> => {
    if (isWhole && (await talk.attempt(() => post("/__motia/streams/set", { stream: stream.name, group: place.group, id: place.id, data: value }), "Saved"))) {
      onClose();
      go("streams", stream.name, place.group, place.id);
    }
  };
  return (
    <Dialog title={`Add to ${stream.name}`} onClose={onClose}>
      <div className="field">
        <label htmlFor="new-group">Group</label>
        <input id="new-group" value={place.group} onChange={(event) => setPlace({ ...place, group: event.target.value })} />
      </div>
      <div className="field">
        <label htmlFor="new-id">Id</label>
        <input id="new-id" value={place.id} onChange={(event) => setPlace({ ...place, id: event.target.value })} />
      </div>
      <div className="dialog-editor">
        <Code value={text} onChange={setText} onSubmit={() => void save()} label="Item" />
      </div>
      {problem && <p className="bad-text note">{problem}</p>}
      <div className="dialog-actions">
        <Button onClick={onClose}>Cancel</Button>
        <Button tone="primary" disabled={!isWhole} onClick={() => void save()}>
          Save
        </Button>
      </div>
    </Dialog>
  );
}
