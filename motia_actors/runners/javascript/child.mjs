// A long-lived process that runs the JavaScript and TypeScript steps of one project.
// It is asked by its parent over a socket (see frames.py for the frames) and asks back.
import { AsyncLocalStorage } from 'node:async_hooks'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { contextOf, errorOf } from './context.mjs'
import { filesOf, warm } from './loader.mjs'
import { toJsonSchema } from './schema.mjs'
import { watch } from './watchdog.mjs'
import { MotiaError, Wire, written } from './wire.mjs'

const OURS = fileURLToPath(new URL('.', import.meta.url))
const require = createRequire(import.meta.url)
const end = process.reallyExit.bind(process)
const storage = new AsyncLocalStorage()
const calls = new Map() // Of calls that run: by id, what is known of each.
const modules = new Map() // Promises of what a file exports, by file and version.
const asked = new Map() // Requests without a reply yet.
let lastAsked = 0
let streams = []

const wire = new Wire(3, receive, () => end(0))
const tell = (frame) => wire.send(JSON.stringify(frame))

function receive(frame) {
  switch (frame.t) {
    case 'call': return void run(frame)
    case 'res': return replied(frame)
    case 'streams': streams = frame.names; return
    case 'warm': return void answer(frame, () => warm(frame.files))
    case 'load': return void answer(frame, () => describe(frame))
    case 'fn': return void answer(frame, async () => (await pick(frame))(...frame.args))
    case 'pull': return void pull(frame.id)
    case 'cancel': return cancel(frame.id)
    case 'ping': return pong()
    case 'exit': return wire.flush(() => end(0))
  }
}

let toldCount = 0

function pong() {
  tell({ t: 'pong', v: process.memoryUsage.rss() })
  const files = filesOf()
  if (files.length === toldCount) return
  toldCount = files.length
  tell({ t: 'files', v: files })
}

// Loading.

function load(file, version) {
  const key = `${file}?v=${version}`
  let loaded = modules.get(key)
  if (!loaded) {
    if (version) delete require.cache[file]
    loaded = import(pathToFileURL(file).href + (version ? `?v=${version}` : '')).then((module) => ({
      config: module.config ?? module.default?.config,
      handler: module.handler ?? module.default?.handler,
      whole: module.default,
    }))
    loaded.catch(() => modules.delete(key))
    modules.set(key, loaded)
  }
  return loaded
}

/** What a file exports, as data: schemas are JSON Schema, functions are named by their place. */
async function describe({ file, version, what }) {
  const module = await load(file, version)
  const config = what === 'config' ? module.whole : module.config
  const functions = []
  const data = await dataOf(config, file, functions)
  const handler = module.handler === undefined ? null : typeof module.handler
  const middleware = what === 'config' ? middlewareOf(config).length : 0
  return { config: data ?? null, functions, handler, middleware, files: filesOf(file) }
}

const SCHEMAS = new Set(['input', 'bodySchema', 'schema', 'contextSchema'])

async function dataOf(config, file, functions) {
  if (config === null || typeof config !== 'object') return config
  const data = {}
  for (const [key, value] of Object.entries(config)) {
    if (SCHEMAS.has(key)) data[key] = await toJsonSchema(value, file)
    else if (key === 'responseSchema' && value) {
      data[key] = {}
      for (const [status, schema] of Object.entries(value)) data[key][status] = await toJsonSchema(schema, file)
    } else if (key === 'middleware') checkMiddleware(value)
    else if (key === 'streamAuth') {
      const inner = []
      data[key] = await dataOf(value, file, inner)
      functions.push(...inner.map((name) => `streamAuth.${name}`))
    } else if (key === 'triggers' && Array.isArray(value)) data[key] = await Promise.all(value.map((one) => triggerOf(one, file)))
    else if (typeof value === 'function') functions.push(key)
    else if (value !== undefined) data[key] = value
  }
  return data
}

/** What a trigger may not hold is named, so that whoever reads it can say so. */
async function triggerOf(trigger, file) {
  const functions = []
  const data = await dataOf(trigger, file, functions)
  if (data !== null && typeof data === 'object') {
    for (const name of functions) data[name] = 'a function'
    if (trigger.middleware) data.middleware = 'functions'
  }
  return data
}

const middlewareOf = (config) => [config?.middleware ?? []].flat()

function checkMiddleware(value) {
  for (const one of middlewareOf({ middleware: value })) {
    if (typeof one !== 'function') throw new TypeError(`config.middleware holds a ${typeof one}; it takes functions`)
  }
}

async function pick({ file, version, what, name }) {
  const module = await load(file, version)
  let owner = what === 'config' ? module.whole : module.config
  const path = name.split('.')
  for (const part of path.slice(0, -1)) owner = owner[part]
  return owner[path.at(-1)].bind(owner)
}

async function answer({ id }, work) {
  try {
    wire.send(`{"t":"done","id":${id},"v":${written(await work())}}`)
  } catch (error) {
    tell({ t: 'done', id, e: told(error) })
  }
}

// Calls.

function run(frame) {
  const call = { id: frame.id, open: 0, quiet: null, abort: new AbortController() }
  calls.set(call.id, call)
  return storage.run(call, () => attempt(call, frame))
}

async function attempt(call, frame) {
  try {
    const { handler, config } = frame.what === 'around' ? around(call, await load(frame.file, frame.version)) : await load(frame.file, frame.version)
    if (typeof handler !== 'function') throw new TypeError(`no function 'handler' is exported by ${frame.file}`)
    for (const path of frame.bytes ?? []) restore(frame.input, path)
    const context = contextOf(
      { ...frame, streams }, (method, given) => ask(call, method, given), logOf(call), call.abort.signal)
    const shared = frame.around ? middlewareOf((await load(frame.around.file, frame.around.version)).whole) : []
    const called = config?.triggers && frame.kind === 'cron' && handler.length > 1 ? (given) => handler(null, given) : handler
    const value = await layer(0, frame.kind === 'api' ? [...shared, ...middlewareOf(config)] : [], frame, frame.input, context, called)
    if (call.open) await quiet(call)
    const source = sourceOf(value?.body)
    if (source) begin(call, value, source)
    else finish(call, 'v', value)
  } catch (error) {
    finish(call, 'e', error)
  }
}

/** The middleware of a config file as a step whose handler is the parent's. */
function around(call, { whole }) {
  return { config: { middleware: middlewareOf(whole) }, handler: (request) => ask(call, 'next', [request]) }
}

/** What was binary is base64 text on the wire. */
function restore(value, path) {
  for (const part of path.slice(0, -1)) value = value[part]
  value[path.at(-1)] = Buffer.from(value[path.at(-1)], 'base64')
}

function layer(index, middleware, frame, input, context, handler) {
  if (index === middleware.length) return frame.kind === 'cron' ? handler(context) : handler(input, context)
  const next = (request = input) => layer(index + 1, middleware, frame, request, context, handler)
  return middleware[index](input, context, async (request) => next(request))
}

/** Everything that the call still asks for is there, and whoever left an error unheard was told on. */
async function quiet(call) {
  while (call.open) await new Promise((resolve) => { call.quiet = resolve })
  await new Promise(setImmediate)
}

function finish(call, kind, value) {
  if (!calls.delete(call.id)) return
  try {
    if (kind === 'e') return tell({ t: 'done', id: call.id, e: told(value) })
    const body = value?.body
    if (body instanceof Uint8Array) {
      const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('base64')
      wire.send(`{"t":"done","id":${call.id},"v":${written({ ...value, body: null })},"b":"${bytes}"}`)
    } else wire.send(`{"t":"done","id":${call.id},"v":${written(value)}}`)
  } catch (error) {
    tell({ t: 'done', id: call.id, e: told(error) })
  }
}

// Bodies that are made while they are sent: a piece for each pull.

function sourceOf(body) {
  if (body === null || typeof body !== 'object' || ArrayBuffer.isView(body)) return null
  if (typeof body[Symbol.asyncIterator] === 'function') return body[Symbol.asyncIterator]()
  return typeof body.next === 'function' && typeof body[Symbol.iterator] === 'function' ? body : null
}

function begin(call, value, source) {
  if (!calls.has(call.id)) return void ended(source)
  call.source = source
  // A stream that fails while nobody pulls has its error told by the next pull.
  value.body.on?.('error', () => {})
  wire.send(`{"t":"done","id":${call.id},"v":${written({ ...value, body: null })},"s":true}`)
}

function pull(id) {
  const call = calls.get(id)
  if (!call) return tell({ t: 'piece', id })
  return storage.run(call, async () => {
    try {
      const { done, value } = await call.source.next()
      if (!calls.has(id)) return
      if (!done) return wire.send(`{"t":"piece","id":${id},"b":"${pieceOf(value)}"}`)
      calls.delete(id)
      tell({ t: 'piece', id })
    } catch (error) {
      if (!calls.delete(id)) return
      tell({ t: 'piece', id, e: told(error) })
      ended(call.source)
    }
  })
}

function pieceOf(value) {
  if (typeof value === 'string') return Buffer.from(value).toString('base64')
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
  throw new TypeError(`a streamed body yielded a ${typeof value}; yield text or bytes, or return events(…)`)
}

/** Its `finally` runs, as far as it does not wait itself; a Readable is destroyed. */
function ended(source) {
  Promise.resolve(source.return?.()).catch(() => {})
}

function cancel(id) {
  // Whatever it still awaits is rejected below. That this is read at all says that nothing spins.
  tell({ t: 'gone', id })
  const call = calls.get(id)
  if (!call) return
  calls.delete(id)
  const reason = Object.assign(new MotiaError('the call was given up: it ran past its limit'), { name: 'CancelledError', code: 'CANCELLED' })
  for (const [key, one] of asked) {
    if (one.call === call) {
      asked.delete(key)
      one.reject(reason)
    }
  }
  call.abort.abort(reason)
  if (call.source) storage.run(call, ended, call.source)
}

function ask(call, method, given) {
  const place = {}
  Error.captureStackTrace(place, ask)
  return new Promise((resolve, reject) => {
    if (!calls.has(call.id)) throw errorOf({ name: 'UsageError', code: 'USAGE', message: `${method} came after the end of its call; await it before the handler returns` }, place)
    // Written now: what the handler changes afterwards is not sent.
    const text = written(given)
    const id = ++lastAsked
    call.open++
    asked.set(id, { call, resolve, reject, place })
    wire.send(`{"t":"rpc","id":${id},"call":${call.id},"m":"${method}","a":${text}}`)
  })
}

function replied({ id, v, e }) {
  const one = asked.get(id)
  if (!one) return
  asked.delete(id)
  if (--one.call.open === 0) one.call.quiet?.()
  // Within its call: a rejection that nobody handles is put down to where it was made.
  if (e) storage.run(one.call, one.reject, errorOf(e, one.place))
  else one.resolve(v)
}

const logOf = (call) => (level, message, args) => {
  let fields
  try {
    fields = written(args ?? null)
  } catch (error) {
    fields = written({ unwritable: error.message })
  }
  const text = message instanceof Error ? `${message.name}: ${message.message}` : message
  wire.send(`{"t":"log","call":${call?.id ?? 0},"l":"${level}","m":${written(text)},"f":${fields}}`)
}

// Errors.

/** An error as the parent takes it; the stack has the author's frames only. */
function told(error) {
  const isError = error instanceof Error || (error !== null && typeof error === 'object' && 'message' in error)
  const name = String((isError && error.name) || 'Error')
  const message = String(isError ? error.message : error)
  const facts = { name, message, code: error?.code === undefined ? null : String(error.code), stack: shortened(error) }
  if (error?.cause instanceof Error) facts.stack += `\nCaused by ${shortened(error.cause)}`
  if (error instanceof MotiaError && error.retryAfter !== undefined) facts.retryAfter = error.retryAfter
  if (error?.where) facts.where = error.where
  return facts
}

const isTheirs = (line) => !line.includes(OURS) && !line.includes('node:internal')

function shortened(error) {
  try {
    return String(error?.stack ?? '').split('\n').filter(isTheirs).join('\n')
  } catch {
    return ''
  }
}

// What a step must not do to its neighbours.

process.exit = (code) => {
  const error = Object.assign(new Error(`process.exit(${code ?? ''}) was called; return or throw instead`), { name: 'ExitError', code: 'STEP_EXIT' })
  const call = storage.getStore()
  if (call) finish(call, 'e', error)
  throw error
}

function stray(error, what) {
  const call = storage.getStore()
  if (call && calls.has(call.id)) return finish(call, 'e', error)
  logOf(call)('error', `${what} outside of any running call: ${error?.message ?? error}`, { error: told(error) })
}
process.on('unhandledRejection', (error) => stray(error, 'a promise was rejected'))
process.on('uncaughtException', (error) => stray(error, 'an exception was thrown'))
// The parent decides when this ends.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})

watch()
tell({ t: 'ready', node: process.version })
