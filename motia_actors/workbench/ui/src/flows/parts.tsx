import { BaseEdge, EdgeLabelRenderer, getBezierPath, Handle, Position, useStore, type EdgeProps, type NodeProps } from "@xyflow/react";
import { createContext, memo, useContext } from "react";
import { count, duration, fileName, rate, triggerLine } from "../lib/format";
import { Icon, KIND_ICON } from "../lib/icons";
import type { LiveStats } from "../lib/project";
import type { Edge, Queue, Step, StreamInfo } from "../lib/types";
import { cls, Fill } from "../lib/ui";

export interface Live {
  stats: LiveStats | null;
  queues: Map<string, Queue>;
}
export const LiveContext = createContext<Live>({ stats: null, queues: new Map() });

export interface NodeData extends Record<string, unknown> {
  step?: Step;
  stream?: StreamInfo;
  isWide: boolean;
}

function Ends({ isWide }: { isWide: boolean }) {
  return (
    <>
      <Handle type="target" position={isWide ? Position.Left : Position.Top} isConnectable={false} />
      <Handle type="source" position={isWide ? Position.Right : Position.Bottom} isConnectable={false} />
    </>
  );
}

export const StepNode = memo(function StepNode({ id, data, selected }: NodeProps) {
  const { step, isWide } = data as NodeData;
  const { stats, queues } = useContext(LiveContext);
  if (!step) return null;
  const live = stats?.steps[id];
  const queue = queues.get(id);
  const waits = (queue?.waiting ?? 0) + (queue?.leased ?? 0);
  const isTroubled = live && live.status !== "running";
  const line = step.triggers.map(triggerLine).join(" · ") || (step.description ?? "");
  return (
    <div className={cls("node", `node-${step.type}`, selected && "selected", isTroubled && "troubled", (stats?.moved[id] ?? 0) > 0 && "busy")}>
      <Ends isWide={isWide} />
      <div className="node-head">
        <span className={`node-icon kind-${step.type}`}>
          <Icon name={KIND_ICON[step.type] ?? "note"} size={14} />
        </span>
        <span className="node-name" title={`${step.name} · ${step.id}`}>
          {step.name}
        </span>
        {isTroubled && <span className="node-status">{live.status}</span>}
        {!!queue?.dead && <span className="node-dead" title={`${queue.dead} dead letters`}>{count(queue.dead)}</span>}
      </div>
      <div className="node-line mono" title={line}>
        {line || fileName(step.id)}
      </div>
      {live ? (
        <div className="node-figures">
          <span title="calls since the start">{count(live.calls)}</span>
          <span title="calls a second">{rate(live.perS)}</span>
          <span title="median time">{duration(live.p50Ms)}</span>
          {live.failures > 0 && <span className="bad-text" title="failures">{count(live.failures)} failed</span>}
          {live.inFlight > 0 && <span className="good-text" title="in flight">{live.inFlight} in flight</span>}
          {waits > 0 && <span className="warn-text" title="waiting in the queue">{count(waits)} queued</span>}
        </div>
      ) : (
        <div className="node-figures faint">{step.type === "noop" ? "drawn only" : "…"}</div>
      )}
      {live && <Fill value={live.mailbox.depth} max={live.mailbox.size} label={`mailbox of ${step.name}: ${live.mailbox.depth} of ${live.mailbox.size}`} />}
    </div>
  );
});

export const StreamNode = memo(function StreamNode({ data, selected }: NodeProps) {
  const { stream, isWide } = data as NodeData;
  if (!stream) return null;
  return (
    <div className={cls("node node-stream", selected && "selected")}>
      <Ends isWide={isWide} />
      <div className="node-head">
        <span className="node-icon kind-stream">
          <Icon name="streams" size={14} />
        </span>
        <span className="node-name" title={stream.file}>
          {stream.name}
        </span>
      </div>
      <div className="node-line mono">stream</div>
    </div>
  );
});

const DOTS_MAX = 3;
const isNear = (state: { transform: [number, number, number] }): boolean => state.transform[2] > 0.5;

export const TopicEdge = memo(function TopicEdge(props: EdgeProps) {
  const edge = (props.data as { edge: Edge }).edge;
  const { stats } = useContext(LiveContext);
  const hasLabel = useStore(isNear);
  const [path, x, y] = getBezierPath(props);
  const isStream = edge.kind === "reads" || edge.kind === "writes";
  const end = edge.kind === "writes" ? edge.source : edge.target;
  const moved = edge.kind === "virtual" || edge.kind === "reads" ? 0 : Math.min(DOTS_MAX, stats?.moved[end] ?? 0);
  const text = edge.label ?? edge.topic;
  return (
    <>
      <BaseEdge id={props.id} path={path} className={cls("topic", `topic-${edge.kind}`, edge.conditional && "conditional")} {...(props.markerEnd ? { markerEnd: props.markerEnd } : {})} />
      {Array.from({ length: moved }, (_, index) => (
        <circle key={`${stats?.at}-${index}`} r={4} className={`dot dot-${edge.kind}`}>
          <animateMotion dur="0.85s" begin={`${index * 0.12}s`} path={path} fill="freeze" calcMode="spline" keyTimes="0;1" keySplines="0.4 0 0.3 1" />
          <animate attributeName="opacity" values="0;1;1;0" keyTimes="0;0.1;0.85;1" dur="0.85s" begin={`${index * 0.12}s`} fill="freeze" />
        </circle>
      ))}
      {hasLabel && !isStream && (
        <EdgeLabelRenderer>
          <span className={cls("topic-label", edge.kind === "virtual" && "virtual", edge.conditional && "conditional")} style={{ transform: `translate(-50%,-50%) translate(${x}px,${y}px)` }} title={`${edge.topic}${edge.conditional ? " (conditional)" : ""}${edge.kind === "virtual" ? " (virtual)" : ""}`}>
            {edge.conditional && <span aria-hidden="true">◇ </span>}
            {text}
          </span>
        </EdgeLabelRenderer>
      )}
    </>
  );
});
