import { useMemo, useRef, useState } from "react";
import { ask, post, query } from "../lib/api";
import { Code, parse } from "../lib/code";
import { bytes, pretty } from "../lib/format";
import { go, useBeat, useSettled } from "../lib/hooks";
import { Rows } from "../lib/rows";
import { Button, cls, Dialog, Drawer, Empty, Panel, Search, useTalk } from "../lib/ui";

interface Item {
  group: string;
  key: string;
  preview: string;
  bytes: number;
}

interface Seen {
  version: string;
  groups: { group: string; count: number }[];
  items: Item[];
  found: number;
  total: number;
}

const idOf = (item: { group: string; key: string }): string => `${item.group}\u0000${item.key}`;

/** The state, asked each second; what changed since the answer before is marked. */
function useBrowsed(group: string | null, q: string): { seen: Seen | null; changed: Set<string>; refresh: () => void } {
  const [held, setHeld] = useState<{ key: string; seen: Seen; changed: Set<string> } | null>(null);
  const key = JSON.stringify([group, q]);
  const now = useRef(key);
  now.current = key;
  const refresh = useBeat(async (signal) => {
    const known = held?.key === key ? held : null;
    const path = `/__motia/state/browse${query({ group, q, version: known?.seen.version })}`;
    const seen = await ask<Seen>(path, { signal });
    if (now.current !== key || seen.version === known?.seen.version) {
      if (known?.changed.size) setHeld({ ...known, changed: new Set() });
      return;
    }
    const before = new Map((known?.seen.items ?? []).map((item) => [idOf(item), item.preview]));
    const changed = new Set(known ? seen.items.filter((item) => before.get(idOf(item)) !== item.preview).map(idOf) : []);
    setHeld({ key, seen, changed });
  }, 1000);
  return { seen: held?.seen ?? null, changed: held?.changed ?? new Set(), refresh };
}

export default function State({ rest }: { rest: string[] }) {
  const talk = useTalk();
  const group = rest[0] ?? null;
  const key = rest[1] ?? null;
  const [text, setText] = useState("");
  const q = useSettled(text.trim());
  const { seen, changed, refresh } = useBrowsed(group, q);
  const [isNew, setNew] = useState(false);
  const chosen = useMemo(() => (group !== null && key !== null ? { group, key } : null), [group, key]);
  const remove = async (item: { group: string; key: string }): Promise<void> => {
    if (!(await talk.confirm(`Delete ${item.group} / ${item.key}?`, "Delete"))) return;
    if (await talk.attempt(() => post("/__motia/state/delete", { ids: [`${item.group}:${item.key}`] }), "Deleted")) go("state", item.group);
    refresh();
  };
  return (
    <Panel
      title="State"
      tools={
        <>
          <Search value={text} onChange={setText} label="Search groups, keys and values" />
          <Button icon="plus" tone="primary" onClick={() => setNew(true)}>
            Add
          </Button>
        </>
      }
      drawer={chosen && <ItemEditor key={idOf(chosen)} group={chosen.group} name={chosen.key} onDelete={() => void remove(chosen)} onSaved={refresh} />}
    >
      {seen && seen.total === 0 ? (
        <Empty icon="state" title="The state is empty">
          What steps store with context.state.set shows here as it changes.
        </Empty>
      ) : (
        <div className="split has-list">
          <nav className="side narrow" aria-label="Groups">
            <button type="button" className={cls("side-item", group === null && "chosen")} aria-pressed={group === null} onClick={() => go("state")}>
              <span className="side-text">All groups</span>
              <span className="faint mono">{seen?.total ?? 0}</span>
            </button>
            {(seen?.groups ?? []).map((one) => (
              <button key={one.group} type="button" className={cls("side-item", group === one.group && "chosen")} aria-pressed={group === one.group} onClick={() => go("state", one.group)}>
                <span className="side-text mono">{one.group || "(empty)"}</span>
                <span className="faint mono">{one.count}</span>
              </button>
            ))}
          </nav>
          <div className="list">
            {seen && seen.items.length === 0 ? (
              <Empty icon="search" title="Nothing fits" />
            ) : (
              <Rows
                label="Items of the state"
                rows={seen?.items ?? []}
                keyOf={idOf}
                height={34}
                chosen={chosen ? idOf(chosen) : null}
                onChoose={(item) => go("state", item.group, item.key)}
                classOf={(item) => (changed.has(idOf(item)) ? "flash" : "")}
                draw={(item) => (
                  <>
                    {group === null && <span className="cell-group mono faint">{item.group}</span>}
                    <span className="cell-key mono">{item.key}</span>
                    <span className="cell-value mono faint">{item.preview}</span>
                    <span className="cell-size faint">{bytes(item.bytes)}</span>
                  </>
                )}
              />
            )}
            {seen && seen.found > seen.items.length && <p className="note pad">The first {seen.items.length} of {seen.found}; search for the rest.</p>}
          </div>
        </div>
      )}
      {isNew && (
        <NewItem
          group={group ?? ""}
          onClose={() => setNew(false)}
          onSaved={(made) => {
            setNew(false);
            refresh();
            go("state", made.group, made.key);
          }}
        />
      )}
    </Panel>
  );
}

function ItemEditor({ group, name, onDelete, onSaved }: { group: string; name: string; onDelete: () => void; onSaved: () => void }) {
  const talk = useTalk();
  const [stored, setStored] = useState<string | null>(null);
  const [text, setText] = useState<string | null>(null);
  const [isGone, setGone] = useState(false);
  const path = `/__motia/state/value?${new URLSearchParams({ group, key: name })}`;
  useBeat(async (signal) => {
    const { value } = await ask<{ value: unknown }>(path, { signal });
    setGone(value === null);
    setStored(pretty(value));
  }, 1000);
  const shown = text ?? stored ?? "";
  const { value, problem } = parse(shown || "null");
  const isEdited = text !== null && text !== stored;
  const save = async (): Promise<void> => {
    if (problem) return;
    if (await talk.attempt(() => post("/__motia/state", { groupId: group, key: name, value }), "Saved")) {
      setStored(pretty(value));
      setText(null);
      onSaved();
    }
  };
  return (
    <Drawer
      title={name}
      sub={
        <>
          in <code>{group}</code>
        </>
      }
      onClose={() => go("state", group)}
      actions={<Button icon="trash" tone="quiet" aria-label="Delete the item" onClick={onDelete} />}
    >
      {isGone && !isEdited && <p className="note">There is no such item now.</p>}
      <div className="value">{stored !== null && <Code value={shown} onChange={setText} onSubmit={() => void save()} label={`Value of ${name}`} />}</div>
      <footer className="row wrap spread value-foot">
        <span className={problem ? "bad-text note" : "note"}>{problem ?? (isEdited ? "Changed by you, not saved" : "Shows changes as they happen")}</span>
        <span className="row">
          {isEdited && <Button onClick={() => setText(null)}>Undo</Button>}
          <Button tone="primary" disabled={!isEdited || problem !== null} onClick={() => void save()}>
            Save
          </Button>
        </span>
      </footer>
    </Drawer>
  );
}

function NewItem({ group, onClose, onSaved }: { group: string; onClose: () => void; onSaved: (made: { group: string; key: string }) => void }) {
  const talk = useTalk();
  const [place, setPlace] = useState({ group, key: "" });
  const [text, setText] = useState("{}");
  const { value, problem } = parse(text);
  const isWhole = place.group !== "" && place.key !== "" && problem === null;
  const save = async (): Promise<void> => {
    if (isWhole && (await talk.attempt(() => post("/__motia/state", { groupId: place.group, key: place.key, value }), "Saved"))) onSaved(place);
  };
  return (
    <Dialog title="Add to the state" onClose={onClose}>
      <div className="field">
        <label htmlFor="new-group">Group</label>
        <input id="new-group" value={place.group} onChange={(event) => setPlace({ ...place, group: event.target.value })} />
      </div>
      <div className="field">
        <label htmlFor="new-key">Key</label>
        <input id="new-key" value={place.key} onChange={(event) => setPlace({ ...place, key: event.target.value })} />
      </div>
      <div className="dialog-editor">
        <Code value={text} onChange={setText} onSubmit={() => void save()} label="Value" />
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
