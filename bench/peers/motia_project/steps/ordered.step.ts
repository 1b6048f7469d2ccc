import { appendFileSync } from 'node:fs'

export const config = {
  name: 'Ordered', type: 'event', subscribes: ['bench.ordered', 'bench.emitted'], emits: [], flows: [],
}

// As bench/ledger.py notes it: when it was handled, and how long after its emit.
export const handler = async (event: any) => {
  const now_s = Number(process.hrtime.bigint()) / 1e9
  const entry = new Float64Array([now_s, now_s - event.at_s])
  appendFileSync(`${process.env.BENCH_LEDGER}/${process.pid}`, Buffer.from(entry.buffer))
}
