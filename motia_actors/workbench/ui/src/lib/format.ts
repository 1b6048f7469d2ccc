import type { Trigger } from "./types";

const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
  hour12: false,
});
const DAY = new Intl.DateTimeFormat(undefined, {
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hour12: false,
});

export const clock = (ms: number): string => CLOCK.format(ms);
export const day = (ms: number): string => DAY.format(ms);

export function duration(ms: number): string {
  if (ms < 1) return ms <= 0 ? "0 ms" : `${ms.toFixed(2)} ms`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min`;
  if (ms < 86_400_000) return `${Math.floor(ms / 3_600_000)} h`;
  return `${Math.floor(ms / 86_400_000)} d`;
}

export function ago(ms: number, now: number): string {
  const past = now - ms;
  if (Math.abs(past) < 1000) return "now";
  return past >= 0 ? `${duration(past)} ago` : `in ${duration(-past)}`;
}

export function count(value: number): string {
  if (value < 10_000) return value.toLocaleString("en");
  if (value < 1_000_000) return `${(value / 1000).toFixed(value < 100_000 ? 1 : 0)}k`;
  return `${(value / 1_000_000).toFixed(1)}M`;
}

export function rate(perS: number): string {
  if (perS <= 0) return "0/s";
  if (perS < 0.1) return `${(perS * 60).toFixed(1)}/min`;
  return `${perS < 10 ? perS.toFixed(1) : Math.round(perS)}/s`;
}

export function bytes(value: number): string {
  if (value < 1024) return `${value} B`;
  if (value < 1 << 20) return `${(value / 1024).toFixed(1)} KB`;
  if (value < 2 ** 30) return `${(value / (1 << 20)).toFixed(1)} MB`;
  return `${(value / 2 ** 30).toFixed(1)} GB`;
}

export const pretty = (value: unknown): string => JSON.stringify(value, null, 2) ?? "null";

export const fileName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

export function errorText(error: unknown): string {
  if (error === null || error === undefined) return "";
  if (typeof error === "string") return error;
  if (typeof error === "object") {
    const { name, kind, message } = error as Record<string, unknown>;
    if (message !== undefined) return [name ?? kind, message].filter(Boolean).join(": ");
  }
  return JSON.stringify(error);
}

/** What sets a step off, in a line. */
export function triggerLine(trigger: Trigger): string {
  if (trigger.type === "api") return `${trigger.method} ${trigger.path}`;
  return trigger.type === "cron" ? trigger.cron : trigger.subscribes.join(", ");
}
