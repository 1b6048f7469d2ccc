// What `import … from 'motia'` gives at run time; its types are erased before.
export { MotiaError } from './wire.mjs'
export const config = (value) => value
export const defineConfig = (value) => value
export const step = (value) => value
export const globalLogger = console
export class Logger {
  debug(...args) { console.debug(...args) }
  info(...args) { console.info(...args) }
  warn(...args) { console.warn(...args) }
  error(...args) { console.error(...args) }
}
export default {}
