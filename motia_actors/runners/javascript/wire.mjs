// The wire to the parent: one JSON value a line, both ways, over an inherited socket.
// docs/node.md states how values cross; `plain` is where JavaScript's own kinds become JSON's.
import net from 'node:net'

const BIG = /\d{16}/
const NEWLINE = 10

/** An error that the runtime raised: `name` and `code` say which. */
export class MotiaError extends Error {}

/** The same value where it is JSON already, else a copy with Date, Map, BigInt, … written out. */
export function plain(value, depth = 0) {
  switch (typeof value) {
    case 'bigint': return JSON.rawJSON(String(value))
    case 'string': return value.isWellFormed() ? value : value.toWellFormed()
    case 'object': return value === null ? null : structured(value, depth)
    case 'function': case 'symbol': return undefined
    default: return value
  }
}

function structured(value, depth) {
  if (depth > 500) throw refuse('it is nested too deep, or refers to itself')
  if (Array.isArray(value)) {
    let copy = null
    for (let index = 0; index < value.length; index++) {
      const item = plain(value[index], depth + 1)
      if (item !== value[index] && copy === null) copy = value.slice()
      if (copy !== null) copy[index] = item
    }
    return copy ?? value
  }
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
  if (value instanceof ArrayBuffer) return Buffer.from(value).toString('base64')
  if (typeof value.toJSON === 'function') return plain(value.toJSON(), depth + 1)
  if (value instanceof Set) return plain([...value], depth + 1)
  if (value instanceof Map) return plain(Object.fromEntries(value), depth + 1)
  if (value instanceof Error) return plain(described(value), depth + 1)
  let copy = null
  for (const key of Object.keys(value)) {
    const item = plain(value[key], depth + 1)
    if (item !== value[key]) (copy ??= { ...value })[key] = item
  }
  return copy ?? value
}

const described = (error) => ({ ...error, name: error.name, message: error.message, stack: error.stack })

function refuse(why) {
  return Object.assign(new MotiaError(`cannot write value as JSON: ${why}`), { name: 'PayloadError', code: 'PAYLOAD' })
}

/** Value as JSON text; throws PayloadError. */
export function written(value) {
  try {
    return JSON.stringify(plain(value)) ?? 'null'
  } catch (error) {
    throw error instanceof MotiaError ? error : refuse(error?.message ?? String(error))
  }
}

/** JSON text as a value; integers that a number cannot hold arrive as BigInt. */
export function read(text) {
  return BIG.test(text) ? JSON.parse(text, whole) : JSON.parse(text)
}

function whole(_key, value, context) {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  return context && /^-?\d+$/.test(context.source) ? BigInt(context.source) : value
}

/** Frames over the socket fd; what is sent within one turn of the loop leaves in one write. */
export class Wire {
  constructor(fd, receive, onEnd) {
    this.socket = new net.Socket({ fd, readable: true, writable: true })
    this.lines = []
    this.parts = []
    for (const event of ['end', 'error', 'close']) this.socket.on(event, onEnd)
    this.socket.on('data', (chunk) => this.split(chunk, receive))
  }

  /** Send a frame that is JSON text already. */
  send(line) {
    this.lines.push(line)
    if (this.lines.length === 1) setImmediate(() => this.flush())
  }

  flush(done) {
    const lines = this.lines
    this.lines = []
    if (lines.length || done) this.socket.write(lines.length ? lines.join('\n') + '\n' : '', done)
  }

  split(chunk, receive) {
    let start = 0
    for (let end; (end = chunk.indexOf(NEWLINE, start)) !== -1; start = end + 1) {
      let line = chunk.subarray(start, end)
      if (this.parts.length) {
        line = Buffer.concat([...this.parts, line])
        this.parts = []
      }
      receive(read(line.toString('utf8')))
    }
    if (start < chunk.length) this.parts.push(chunk.subarray(start))
  }
}
