// What a handler gets as its context: emit cancel state streams logger, and who is calling.
import { MotiaError } from './wire.mjs'

const STATE = { get: 2, set: 3, delete: 2, getGroup: 1, clear: 1 }
const STREAM = { get: 2, set: 3, update: 3, delete: 2, getGroup: 1, send: 2 }

/** The context of one call; `ask` sends a request and answers a promise of its reply. */
export function contextOf({ traceId, flows, delivery, streams }, ask, log, signal) {
  return {
    traceId,
    flows,
    delivery,
    signal,
    emit: (event) => ask('emit', [event]),
    cancel: (eventId) => ask('cancel', [eventId]),
    state: methods(STATE, (name, given) => ask(`state.${name}`, given)),
    streams: streamsOf(streams, ask, log),
    logger: loggerOf(log),
  }
}

function methods(counts, call) {
  const made = {}
  for (const [name, count] of Object.entries(counts)) made[name] = (...given) => call(name, given.slice(0, count))
  return made
}

function streamsOf(names, ask, log) {
  const made = {}
  for (const name of names) {
    Object.defineProperty(made, name, {
      enumerable: true,
      configurable: true,
      get() {
        const stream = methods(STREAM, (method, given) => ask(`stream.${method}`, [name, ...given]))
        Object.defineProperty(made, name, { value: stream, enumerable: true })
        return stream
      },
    })
  }
  return new Proxy(made, {
    get(target, name) {
      if (typeof name === 'string' && !(name in target) && !['then', 'toJSON', 'nodeType'].includes(name)) {
        const known = [...names].sort().join(', ') || 'none'
        log('warn', `no stream '${name}'; streams of this project: ${known}`)
      }
      return target[name]
    },
  })
}

function loggerOf(log) {
  const logger = {}
  for (const level of ['debug', 'info', 'warn', 'error']) logger[level] = (message, args) => log(level, message, args)
  logger.log = (line, args) => {
    if (line === null || typeof line !== 'object') return log('info', line, args)
    const { level = 'info', msg = '', ...rest } = line
    return log(level, msg, { ...rest, ...args })
  }
  return logger
}

/** The error of a reply, with the stack of whoever asked. */
export function errorOf(told, place) {
  const { message, ...rest } = told
  const error = Object.assign(new MotiaError(message), rest)
  error.stack = `${rest.name}: ${message}\n${place.stack?.split('\n').slice(1).join('\n') ?? ''}`
  return error
}
