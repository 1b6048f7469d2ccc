// Ends this process when its parent is gone, also while a step spins: a thread of its own sees to it.
import { Worker } from 'node:worker_threads'

const CODE = `
const parent = ${Number(process.env.MOTIA_PARENT_PID) || 0} || process.ppid
setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL') }, 500)
`

export function watch() {
  const limits = { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 2 }
  // Without the flags of this process: the thread needs none of the loader.
  new Worker(CODE, { eval: true, resourceLimits: limits, execArgv: [] }).unref()
}
