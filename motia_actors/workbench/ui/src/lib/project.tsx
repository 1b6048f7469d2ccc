import { createContext, useContext, useMemo, useRef, useState, type ReactNode } from "react";
import { ask, Failure, query } from "./api";
import { useBeat } from "./hooks";
import type { Mailbox, Project, Stats, Step, StepStats } from "./types";

const PROJECT_EVERY_MS = 2000;
const STATS_EVERY_MS = 1000;

const ProjectContext = createContext<Project | null>(null);

export function ProjectProvider({
  children,
  waiting,
}: {
  children: ReactNode;
  waiting: ReactNode;
}) {
  const [project, setProject] = useState<Project | null>(null);
  useBeat(async (signal) => {
    const version = project?.version;
    const answer = await ask<Project>(`/__motia/project${query({ version })}`, { signal });
    if (answer.version !== version) setProject(answer);
  }, PROJECT_EVERY_MS);
  if (!project) return <>{waiting}</>;
  return <ProjectContext.Provider value={project}>{children}</ProjectContext.Provider>;
}

export function useProject(): Project {
  const project = useContext(ProjectContext);
  if (!project) throw new Error("outside of ProjectProvider");
  return project;
}

export function useStepsById(): Map<string, Step> {
  const { steps } = useProject();
  return useMemo(() => new Map(steps.map((step) => [step.id, step])), [steps]);
}

/** The step a log line or a span means: these have its name, which may be that of several. */
export function useStepsByName(): Map<string, Step> {
  const { steps } = useProject();
  return useMemo(() => new Map([...steps].reverse().map((step) => [step.name, step])), [steps]);
}

export interface LiveStats extends Stats {
  /** Calls of each step since the answer before. */
  moved: Record<string, number>;
  at: number;
}

export function useStats(): LiveStats | null {
  const [stats, setStats] = useState<LiveStats | null>(null);
  const before = useRef<{ at: number; calls: Record<string, number> } | null>(null);
  const hasAll = useRef(true);
  useBeat(async (signal) => {
    const answer = await askStats(hasAll, signal);
    const at = Date.now();
    const found = read(answer);
    const old = before.current;
    const calls: Record<string, number> = {};
    const moved: Record<string, number> = {};
    for (const step of Object.values(found.steps)) {
      calls[step.id] = step.calls;
      const was = old?.calls[step.id];
      // Less than before: the server began anew.
      moved[step.id] = was === undefined ? 0 : step.calls >= was ? step.calls - was : step.calls;
    }
    before.current = { at, calls };
    setStats({ ...found, moved, at });
  }, STATS_EVERY_MS);
  return stats;
}

/** The figures of all workers, where the server has them; else those of the one that answers. */
async function askStats(hasAll: { current: boolean }, signal: AbortSignal): Promise<any> {
  if (hasAll.current) {
    try {
      return await ask("/__motia/stats", { signal });
    } catch (error) {
      if (!(error instanceof Failure) || error.status !== 404) throw error;
      hasAll.current = false;
    }
  }
  return ask("/__motia/statistics", { signal });
}

function mailbox(given: any): Mailbox {
  return {
    depth: given?.depth ?? 0,
    size: given?.size ?? given?.size_max ?? 0,
    refused: given?.refused ?? 0,
    dropped: given?.dropped ?? 0,
    overflow: given?.overflow ?? "reject",
  };
}

function read(answer: any): Stats {
  const steps: Record<string, StepStats> = {};
  const tree: any[] = answer.tree?.children ?? Object.entries<any>(answer.actors ?? {}).map(([name, one]) => ({ ...one, name }));
  const inTree = new Map<string, any>((tree.find((one) => one.name === "steps")?.children ?? []).map((one: any) => [one.name, one]));
  const given: [string, any][] = Array.isArray(answer.steps)
    ? answer.steps.map((one: any) => [one.id, one])
    : Object.entries(answer.steps ?? {});
  for (const [id, one] of given) {
    steps[id] = {
      id,
      name: one.name,
      status: one.status ?? inTree.get(id)?.status ?? (one.suspended ? "suspended" : "running"),
      calls: one.calls ?? one.handled ?? 0,
      failures: one.failures ?? one.failed ?? 0,
      perS: one.perSecond ?? one.per_s ?? 0,
      p50Ms: one.p50Ms ?? (one.p50_s ?? 0) * 1000,
      p99Ms: one.p99Ms ?? (one.p99_s ?? 0) * 1000,
      inFlight: one.inFlight ?? one.in_flight ?? 0,
      concurrency: one.concurrency ?? 0,
      restarts: one.restarts ?? 0,
      suspended: one.suspended ?? one.status === "suspended",
      lastError: one.lastError ?? one.last_error ?? null,
      mailbox: mailbox(one.mailbox),
    };
  }
  const actors = tree.map((one) => ({
    name: one.name,
    status: one.status ?? "running",
    restarts: one.restarts ?? 0,
    lastError: one.lastError ?? one.last_error ?? null,
    mailbox: mailbox(one.mailbox),
  }));
  const workers = typeof answer.workers === "number" ? answer.workers : (answer.workers?.length ?? 1);
  return { steps, actors, store: answer.store ?? {}, workers };
}
