import { Background, BackgroundVariant, Controls, MarkerType, MiniMap, ReactFlow, ReactFlowProvider, useReactFlow, type Edge as FlowEdge, type Node } from "@xyflow/react";
import { useEffect, useMemo, useState } from "react";
import { LiveContext, StepNode, StreamNode, TopicEdge, type NodeData } from "../flows/parts";
import { NODE, part, place, STREAM } from "../flows/layout";
import { go, useMedia, usePoll, useStored } from "../lib/hooks";
import { useProject, useStats } from "../lib/project";
import type { Queue } from "../lib/types";
import { Empty, Panel, Search, Select } from "../lib/ui";
import { StepDrawer } from "./Step";

const NODES = { step: StepNode, stream: StreamNode };
const EDGES = { topic: TopicEdge };
const ALL = "*";

export default function Flows({ rest }: { rest: string[] }) {
  const project = useProject();
  const [kept, keep] = useStored("flow", "");
  const wanted = rest[0] ?? kept;
  const flow = wanted === ALL || project.flows.includes(wanted) ? wanted : (project.flows[0] ?? ALL);
  const chosen = rest[1] ?? null;
  const [text, setText] = useState("");
  const step = project.steps.find((one) => one.id === chosen);
  useEffect(() => {
    if (rest[0]) keep(rest[0]);
  }, [rest, keep]);
  return (
    <Panel
      title="Flows"
      tools={
        <>
          <Search value={text} onChange={setText} label="Find a step" />
          <Select
            label="Flow"
            value={flow}
            onChange={(value) => go("flows", value)}
            options={[...project.flows.map((name): [string, string] => [name, name]), [ALL, "All steps"]]}
          />
        </>
      }
      drawer={step && <StepDrawer step={step} onClose={() => go("flows", flow)} />}
    >
      {project.steps.length === 0 ? (
        <Empty icon="flows" title="No steps yet">
          A file steps/hello_step.py with a config and a handler is one; it shows here once it is saved.
        </Empty>
      ) : (
        <ReactFlowProvider key={flow}>
          <Graph flow={flow} chosen={chosen} text={text} onChoose={(id) => go("flows", flow, ...(id ? [id] : []))} />
        </ReactFlowProvider>
      )}
    </Panel>
  );
}

function Graph({ flow, chosen, text, onChoose }: { flow: string; chosen: string | null; text: string; onChoose: (id: string | null) => void }) {
  const project = useProject();
  const stats = useStats();
  const { data: told } = usePoll<{ queues: Queue[] }>("/__motia/queues", 1000);
  const isPhone = useMedia("(max-width: 720px)");
  const isWide = !isPhone;
  const queues = useMemo(() => new Map((told?.queues ?? []).map((queue) => [queue.step, queue])), [told]);
  const live = useMemo(() => ({ stats, queues }), [stats, queues]);
  const drawing = useMemo(
    () => place(part(project, flow === ALL ? null : flow), isWide ? "LR" : "TB"),
    [project, flow, isWide],
  );
  const wanted = text.trim().toLowerCase();
  const nodes = useMemo<Node[]>(
    () =>
      drawing.nodes.map(({ id, x, y, step, stream }) => {
        const name = step?.name ?? stream?.name ?? id;
        const isFaded = wanted !== "" && !`${name} ${id} ${step?.triggers.map((one) => one.path).join(" ") ?? ""}`.toLowerCase().includes(wanted);
        const data: NodeData = { isWide, ...(step && { step }), ...(stream && { stream }) };
        const size = step ? NODE : STREAM;
        return {
          id,
          type: step ? "step" : "stream",
          position: { x, y },
          data,
          ...size,
          selected: id === chosen,
          className: isFaded ? "faded" : "",
          ariaLabel: step ? `${step.type} step ${name}` : `stream ${name}`,
        };
      }),
    [drawing, chosen, wanted, isWide],
  );
  const edges = useMemo<FlowEdge[]>(
    () =>
      drawing.edges.map((edge, index) => ({
        id: `${edge.source}>${edge.target}>${edge.topic}>${edge.kind}>${index}`,
        source: edge.source,
        target: edge.target,
        type: "topic",
        focusable: false,
        data: { edge },
        markerEnd: { type: MarkerType.ArrowClosed, width: 16, height: 16, color: `var(--edge-${edge.kind})` },
      })),
    [drawing],
  );
  return (
    <LiveContext.Provider value={live}>
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={NODES}
        edgeTypes={EDGES}
        nodesDraggable={false}
        nodesConnectable={false}
        onlyRenderVisibleElements={nodes.length > 60}
        fitView
        fitViewOptions={{ padding: 0.06, maxZoom: 1.1, minZoom: 0.35 }}
        minZoom={0.08}
        maxZoom={2}
        proOptions={{ hideAttribution: true }}
        onNodeClick={(_, node) => choose(node.id, onChoose)}
        onPaneClick={() => onChoose(null)}
        onKeyDown={(event) => {
          const id = (event.target as HTMLElement).dataset.id;
          if (id && (event.key === "Enter" || event.key === " ")) choose(id, onChoose);
        }}
      >
        <Background variant={BackgroundVariant.Dots} gap={22} size={1.8} color="var(--dots)" />
        <Controls showInteractive={false} position="bottom-left" />
        {isWide && nodes.length > 12 && <MiniMap pannable zoomable position="bottom-right" nodeColor={colour} nodeBorderRadius={10} ariaLabel="Map of the flow" />}
        <Seek text={wanted} chosen={chosen} hit={wanted ? nodes.find((node) => node.className !== "faded")?.id ?? null : null} />
      </ReactFlow>
      <Legend />
    </LiveContext.Provider>
  );
}

function choose(id: string, onChoose: (id: string) => void): void {
  if (id.startsWith("stream:")) go("streams", id.slice("stream:".length));
  else onChoose(id);
}

function colour(node: Node): string {
  const { step } = node.data as NodeData;
  return `var(--kind-${step?.type ?? "stream"})`;
}

/** Brings what was searched or chosen by its address into view. */
function Seek({ text, hit, chosen }: { text: string; hit: string | null; chosen: string | null }) {
  const flow = useReactFlow();
  const id = hit ?? chosen;
  useEffect(() => {
    if (!id) return;
    const timer = window.setTimeout(() => {
      const node = flow.getNode(id);
      if (!node) return;
      const { zoom } = flow.getViewport();
      void flow.setCenter(node.position.x + NODE.width / 2, node.position.y + NODE.height / 2, { zoom: Math.max(zoom, 0.75), duration: 250 });
    }, 60);
    return () => window.clearTimeout(timer);
  }, [flow, id, text]);
  return null;
}

const LINES: [string, string][] = [
  ["event", "event"],
  ["conditional", "conditional"],
  ["virtual", "virtual"],
  ["writes", "stream"],
];

function Legend() {
  return (
    <div className="legend" aria-hidden="true">
      {LINES.map(([kind, text]) => (
        <span key={kind}>
          <i className={`legend-line legend-${kind}`} />
          {text}
        </span>
      ))}
    </div>
  );
}
