import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, type ReactNode } from "react";
import { cls } from "./ui";

/**
 * A list of any length: only what is seen is in the page. Arrow keys move, Enter opens.
 *
 * isFollowing keeps its end in view; onFollow hears when the reader scrolls away from it or back.
 */
export function Rows<T>({
  rows,
  keyOf,
  height,
  draw,
  label,
  chosen,
  onChoose,
  classOf,
  isFollowing,
  onFollow,
}: {
  rows: T[];
  keyOf: (row: T) => string | number;
  height: number;
  draw: (row: T) => ReactNode;
  label: string;
  chosen?: string | number | null;
  onChoose?: (row: T) => void;
  classOf?: (row: T) => string;
  isFollowing?: boolean;
  onFollow?: (isFollowing: boolean) => void;
}) {
  const frame = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => frame.current,
    estimateSize: () => height,
    getItemKey: (index) => keyOf(rows[index]!),
    overscan: 12,
  });
  const last = rows.length ? keyOf(rows[rows.length - 1]!) : null;
  useEffect(() => {
    if (isFollowing && rows.length) virtual.scrollToIndex(rows.length - 1, { align: "end" });
  }, [isFollowing, last, rows.length, virtual]);
  const at = rows.findIndex((row) => keyOf(row) === chosen);
  const move = (event: React.KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15 }[event.key];
    if (!step || !rows.length || !onChoose) return;
    event.preventDefault();
    const focused = Number((event.target as HTMLElement).dataset.index ?? at);
    const next = Math.max(0, Math.min(rows.length - 1, focused + step));
    onChoose(rows[next]!);
    virtual.scrollToIndex(next, { align: "auto" });
    requestAnimationFrame(() =>
      frame.current?.querySelector<HTMLElement>(`[data-index="${next}"]`)?.focus({ preventScroll: true }),
    );
  };
  return (
    <div
      ref={frame}
      className="rows"
      role="region"
      aria-label={label}
      tabIndex={0}
      onKeyDown={move}
      onScroll={(event) => {
        const seen = event.currentTarget;
        onFollow?.(seen.scrollHeight - seen.scrollTop - seen.clientHeight < height * 1.5);
      }}
    >
      <div className="rows-space" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map((item) => {
          const row = rows[item.index]!;
          const key = keyOf(row);
          return (
            <button
              key={item.key}
              type="button"
              data-index={item.index}
              className={cls("line", key === chosen && "chosen", classOf?.(row))}
              style={{ height, transform: `translateY(${item.start}px)` }}
              aria-pressed={key === chosen}
              tabIndex={key === chosen || (at < 0 && item.index === 0) ? 0 : -1}
              onClick={() => onChoose?.(row)}
            >
              {draw(row)}
            </button>
          );
        })}
      </div>
    </div>
  );
}
