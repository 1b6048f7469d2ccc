// What a handler gets as its context: emit cancel state streams logger, and who is calling.
import { setTimeout as pause } from 'node:timers/promises'
import { MotiaError } from './wire.mjs'

const STATE = { get: 2, set: 3, delete: 2, getGroup: 1, clear: 1 }
const STATE_USAGE = { get: 'group, key', set: 'group, key, value', delete: 'group, key', getGroup: 'group', clear: 'group' }
// So often a value may have been changed between a look at it and the write, and so long the waits are.
const TRIES_MAX = 100
const PAUSE_MS_MAX = 50
// What is written in place of a key of `emit`.
const SLIPS = [['type', 'topic'], ['payload', 'data'], ['delaySeconds', 'delay']]
const STREAM = { get: 2, set: 3, update: 3, delete: 2, getGroup: 1, send: 2 }

/** The context of one call; `ask` sends a request and answers a promise of its reply. */
export function contextOf({ traceId, flows, delivery, trigger, kind, streams }, ask, log, signal) {
  return {
    traceId,
    flows,
    delivery,
    trigger: trigger ?? { type: kind },
    signal,
    emit: (...given) => ask('emit', [asEvent(given, log)]),
    cancel: (eventId) => ask('cancel', [eventId]),
    state: stateOf(ask, log),
    streams: streamsOf(streams, ask, log),
    logger: loggerOf(log),
  }
}

function stateOf(ask, log) {
  const state = methods(STATE, (name, given) => {
    if (given.length === STATE[name]) return ask(`state.${name}`, given)
    // As Motia does: nothing.
    slipped(log, `state.${name} with ${given.length} arguments`, `state.${name}(${STATE_USAGE[name]})`)
    return Promise.resolve(null)
  })
  const { set } = state
  state.set = (...given) => {
    const ttl = given[3]?.ttl ?? null
    return ttl === null ? set(...given) : ask('state.set', [...given.slice(0, 3), ttl])
  }
  state.increment = (group, key, by = 1) => ask('state.increment', [group, key, by])
  state.update = (group, key, change) =>
    typeof change === 'function' ? updated(ask, group, key, change) : ask('state.update', [group, key, change])
  state.compareAndSet = (group, key, expected, value, options) => {
    const ttl = options?.ttl ?? null
    return ask('state.compareAndSet', ttl === null ? [group, key, expected, value] : [group, key, expected, value, ttl])
  }
  state.keys = (group) => ask('state.keys', [group])
  return state
}

/** Store what change makes of a value; again with the newer one where somebody else was quicker. */
async function updated(ask, group, key, change) {
  for (let tries = 1; tries <= TRIES_MAX; tries++) {
    const old = await ask('state.get', [group, key])
    // Change may alter what it is given, and the old value is still to be compared with.
    const value = await change(structuredClone(old))
    if (await ask('state.compareAndSet', [group, key, old, value])) return value ?? null
    await pause(Math.random() * Math.min(PAUSE_MS_MAX, 2 ** tries))
  }
  const message = `state '${group}', '${key}' was changed by somebody else meanwhile ${TRIES_MAX} times in a row; try again when fewer write it`
  throw Object.assign(new MotiaError(message), { name: 'ConflictError', code: 'CONFLICT' })
}

function asEvent([event, data], log) {
  if (typeof event === 'string') {
    slipped(log, `emit('${event}', data)`, `emit({ topic: '${event}', data })`)
    return { topic: event, data }
  }
  if (event === null || typeof event !== 'object') return event
  for (const [wrong, right] of SLIPS) {
    if (right in event || !(wrong in event)) continue
    slipped(log, `emit({ ${wrong}: … })`, `emit({ ${right}: … })`)
    event = { ...event, [right]: event[wrong] }
  }
  return event
}

/** Say what to write in place of what was written. */
function slipped(log, wrote, right) {
  log('warn', `context.${wrote} is not Motia's way; write context.${right}`)
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
