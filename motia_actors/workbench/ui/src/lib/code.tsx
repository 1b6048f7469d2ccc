import { lazy, Suspense } from "react";
import type { EditorProps } from "./editor";
import { pretty } from "./format";

// The editor is the largest part by far, and the first picture needs none.
const LazyEditor = lazy(() => import("./editor"));

export function Code(props: EditorProps) {
  return (
    <Suspense fallback={<pre className="editor plain">{props.value}</pre>}>
      <LazyEditor {...props} />
    </Suspense>
  );
}

export function Json({ value, label }: { value: unknown; label: string }) {
  return (
    <pre className="json" aria-label={label} tabIndex={0}>
      {typeof value === "string" ? value : pretty(value)}
    </pre>
  );
}

/** The value of a JSON text, or what is wrong with it. */
export function parse(text: string): { value: unknown; problem: string | null } {
  try {
    return { value: JSON.parse(text), problem: null };
  } catch (error) {
    return { value: undefined, problem: error instanceof Error ? error.message : String(error) };
  }
}
