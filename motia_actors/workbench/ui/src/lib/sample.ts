import type { Schema } from "./types";

const DEPTH_MAX = 8;
const FORMATS: Record<string, string> = {
  date: "2026-01-31",
  "date-time": "2026-01-31T12:00:00Z",
  time: "12:00:00Z",
  email: "ada@example.com",
  uri: "https://example.com",
  url: "https://example.com",
  uuid: "3f1c9a52-7d1e-4b0a-9c55-0d9f6c1b2a34",
  ipv4: "192.0.2.1",
  hostname: "example.com",
};

/** A value that keeps a schema, as far as a schema says how: a body to begin with. */
export function sample(schema: unknown, root: unknown = schema, depth = 0): unknown {
  if (typeof schema !== "object" || schema === null || depth > DEPTH_MAX) return null;
  const told = schema as Schema & Record<string, any>;
  if (typeof told.$ref === "string") return sample(resolve(root, told.$ref), root, depth + 1);
  if (told.default !== undefined) return told.default;
  if (told.const !== undefined) return told.const;
  if (Array.isArray(told.examples) && told.examples.length) return told.examples[0];
  if (told.example !== undefined) return told.example;
  if (Array.isArray(told.enum) && told.enum.length) return told.enum[0];
  for (const key of ["oneOf", "anyOf"]) {
    const choices = told[key];
    if (Array.isArray(choices) && choices.length) {
      return sample(choices.find((one) => one?.type !== "null") ?? choices[0], root, depth + 1);
    }
  }
  if (Array.isArray(told.allOf)) {
    const parts = told.allOf.map((part: unknown) => sample(part, root, depth + 1));
    if (parts.every((part: unknown) => typeof part === "object")) return Object.assign({}, ...parts);
    return parts[0];
  }
  const types: string[] = Array.isArray(told.type) ? told.type : [told.type];
  const type = types.find((one) => one !== "null") ?? (told.properties ? "object" : "");
  switch (type) {
    case "object": {
      const found: Record<string, unknown> = {};
      const required = new Set<string>(told.required ?? Object.keys(told.properties ?? {}));
      for (const [name, inner] of Object.entries<unknown>(told.properties ?? {})) {
        if (required.has(name) || depth === 0) found[name] = sample(inner, root, depth + 1);
      }
      return found;
    }
    case "array": {
      const length = Math.max(1, Number(told.minItems ?? 1));
      return Array.from({ length: Math.min(length, 10) }, () => sample(told.items, root, depth + 1));
    }
    case "integer":
    case "number":
      return number(told, type === "integer");
    case "boolean":
      return true;
    case "string": {
      const text = FORMATS[String(told.format)] ?? "text";
      const longer = text.padEnd(Number(told.minLength ?? 0), "x");
      return told.maxLength === undefined ? longer : longer.slice(0, Number(told.maxLength));
    }
    default:
      return null;
  }
}

function number(told: Record<string, any>, isWhole: boolean): number {
  const step = isWhole ? 1 : 0.1;
  let value = 1;
  if (told.minimum !== undefined) value = Math.max(value, told.minimum);
  if (typeof told.exclusiveMinimum === "number") value = Math.max(value, told.exclusiveMinimum + step);
  if (told.maximum !== undefined) value = Math.min(value, told.maximum);
  if (typeof told.exclusiveMaximum === "number") value = Math.min(value, told.exclusiveMaximum - step);
  if (told.multipleOf) value = Math.ceil(value / told.multipleOf) * told.multipleOf;
  return value;
}

function resolve(root: unknown, ref: string): unknown {
  let at: any = root;
  for (const part of ref.replace(/^#\/?/, "").split("/").filter(Boolean)) {
    at = at?.[decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~")];
  }
  return at;
}
