// What `import … from 'motia'` gives at run time; its types are erased before.
import { written } from './wire.mjs'

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

const REDIRECTS = [301, 302, 303, 307, 308]
const CONTROL = /[\x00-\x1f\x7f]/
const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/

/** An answer that sends the client elsewhere; 303 has it ask with GET. */
export function redirect(location, status = 302, { cookies = [] } = {}) {
  if (!REDIRECTS.includes(status)) throw new TypeError(`redirect with status ${status}; write one of ${REDIRECTS.join(', ')}`)
  if (CONTROL.test(location)) throw new TypeError(`redirect to ${JSON.stringify(location)}, which has control characters`)
  // Escapes that are there already stay.
  const headers = { location: encodeURI(location).replaceAll('%25', '%').replace(/%5B|%5D/g, decodeURIComponent) }
  if (cookies.length) headers['set-cookie'] = [...cookies]
  return { status, headers }
}

/** A value for the header `set-cookie`; percent-encoded, and decoded again in `req.cookies`. */
export function cookie(name, value, { maxAge, expires, path = '/', domain, secure = false, httpOnly = true, sameSite = 'Lax' } = {}) {
  if (!TOKEN.test(name)) throw new TypeError(`cookie name ${JSON.stringify(name)} has characters that no name may have`)
  if (sameSite === 'None' && !secure) throw new TypeError(`cookie '${name}' is SameSite=None and not secure; write secure: true`)
  const parts = [`${name}=${encodeURIComponent(value)}`]
  for (const [word, given] of [['Path', path], ['Domain', domain]]) {
    if (given === undefined || given === null) continue
    if (CONTROL.test(given) || given.includes(';')) throw new TypeError(`cookie '${name}': ${word} is ${JSON.stringify(given)}; leave out ; and controls`)
    parts.push(`${word}=${given}`)
  }
  if (maxAge !== undefined) parts.push(`Max-Age=${Math.trunc(maxAge)}`)
  if (expires !== undefined) parts.push(`Expires=${expires.toUTCString()}`)
  if (secure) parts.push('Secure')
  if (httpOnly) parts.push('HttpOnly')
  if (sameSite) parts.push(`SameSite=${sameSite}`)
  return parts.join('; ')
}

/** An answer of Server-Sent Events: each value of source is one, sent when it is yielded. */
export function events(source, { headers = {} } = {}) {
  const own = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store', 'x-accel-buffering': 'no' }
  return { status: 200, headers: { ...own, ...headers }, body: eventsOf(source) }
}

async function* eventsOf(source) {
  for await (const value of source) yield eventOf(value)
}

const FIELDS = ['event', 'data', 'id', 'retry']

function eventOf(value) {
  const isFields = value !== null && typeof value === 'object' && 'data' in value && Object.keys(value).every((key) => FIELDS.includes(key))
  const fields = isFields ? value : { data: value }
  const lines = []
  for (const name of ['event', 'id', 'retry']) {
    const given = fields[name]
    if (given === undefined || given === null) continue
    const text = String(name === 'retry' ? Math.trunc(given) : given)
    if (CONTROL.test(text)) throw new TypeError(`${name} of an event is ${JSON.stringify(text)}, with control characters`)
    lines.push(`${name}: ${text}`)
  }
  const text = typeof fields.data === 'string' ? fields.data : written(fields.data)
  for (const line of text.split(/\r\n|\r|\n/)) lines.push(`data: ${line}`)
  return lines.join('\n') + '\n\n'
}

export default {}
