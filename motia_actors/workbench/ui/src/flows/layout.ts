import { graphlib, layout } from "@dagrejs/dagre";
import type { Edge, Project, Step, StreamInfo } from "../lib/types";

export const NODE = { width: 232, height: 100 };
export const STREAM = { width: 176, height: 52 };

export interface Placed {
  id: string;
  x: number;
  y: number;
  step?: Step;
  stream?: StreamInfo;
}

export interface Drawing {
  nodes: Placed[];
  edges: Edge[];
}

/** What of the project belongs to a flow: its steps, streams they use, and edges between them. */
export function part(project: Project, flow: string | null): { steps: Step[]; streams: StreamInfo[]; edges: Edge[] } {
  const steps = project.steps.filter((step) => flow === null || step.flows.includes(flow));
  const ids = new Set(steps.map((step) => step.id));
  const isIn = (end: string): boolean => ids.has(end) || end.startsWith("stream:");
  const edges = project.edges.filter((edge) => isIn(edge.source) && isIn(edge.target));
  const used = new Set(edges.flatMap((edge) => [edge.source, edge.target]));
  const streams = project.streams.filter((stream) => flow === null || used.has(`stream:${stream.name}`));
  return { steps, streams, edges };
}

/** Places in layers, from what starts a flow to what ends it. Pure: the same drawing each time. */
export function place(
  { steps, streams, edges }: { steps: Step[]; streams: StreamInfo[]; edges: Edge[] },
  direction: "LR" | "TB",
): Drawing {
  const graph = new graphlib.Graph({ multigraph: true });
  const isWide = direction === "LR";
  graph.setGraph({ rankdir: direction, nodesep: isWide ? 34 : 26, ranksep: isWide ? 44 : 60, edgesep: 18, ranker: "network-simplex" });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const step of steps) graph.setNode(step.id, { ...NODE });
  for (const stream of streams) graph.setNode(`stream:${stream.name}`, { ...STREAM });
  edges.forEach((edge, index) => {
    // What a step reads would turn the order around: the stream stands behind who writes it.
    const label = edge.label ?? edge.topic;
    const width = isWide && edge.kind !== "reads" && edge.kind !== "writes" ? Math.min(180, 20 + label.length * 6.4) : 10;
    graph.setEdge(edge.source, edge.target, { weight: edge.kind === "event" ? 3 : 1, width, height: 16, labelpos: "c" }, String(index));
  });
  layout(graph);
  const nodes: Placed[] = [
    ...steps.map((step) => ({ id: step.id, step, ...corner(graph, step.id, NODE) })),
    ...streams.map((stream) => ({ id: `stream:${stream.name}`, stream, ...corner(graph, `stream:${stream.name}`, STREAM) })),
  ];
  return { nodes, edges };
}

function corner(graph: InstanceType<typeof graphlib.Graph>, id: string, size: { width: number; height: number }) {
  const { x, y } = graph.node(id) as { x: number; y: number };
  return { x: x - size.width / 2, y: y - size.height / 2 };
}
