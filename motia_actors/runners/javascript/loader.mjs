// Synchronous module hooks: TypeScript, tsconfig paths, extension-less imports and `motia` itself.
// What loads is what loads under Motia; no npm package is needed.
import { readFileSync, statSync } from 'node:fs'
import { createRequire, registerHooks } from 'node:module'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { compile, isDecorated, motiaNames } from './typescript.mjs'

const SHIM = new URL('./motia.mjs', import.meta.url).href
const HERE = new URL('.', import.meta.url).href
const MOTIA = new Set(['motia', '@motiadev/core'])
const TYPED = /\.(ts|tsx|mts|cts|jsx)$/
const ENDINGS = ['.ts', '.tsx', '.mts', '.cts', '.js', '.mjs', '.cjs', '.jsx', '.json']

const isFile = (file) => statSync(file, { throwIfNoEntry: false })?.isFile() ?? false

/** The file that an import without its ending, of a folder, or of a .js that is a .ts, means. */
function probe(place) {
  if (isFile(place)) return place
  const script = /^(.*)\.([mc]?)jsx?$/.exec(place)
  const other = script && ['.ts', '.tsx', '.mts', '.cts'].map((ending) => script[1] + ending)
  const tried = [...(other ?? []), ...ENDINGS.map((one) => place + one), ...ENDINGS.map((one) => path.join(place, `index${one}`))]
  return tried.find(isFile) ?? null
}

const configs = new Map()

/** The nearest tsconfig.json: its paths and baseUrl, with those it extends. */
function tsconfigOf(folder) {
  let config = configs.get(folder)
  if (config !== undefined) return config
  const file = path.join(folder, 'tsconfig.json')
  if (isFile(file)) config = tsconfig(file)
  else config = path.dirname(folder) === folder ? null : tsconfigOf(path.dirname(folder))
  configs.set(folder, config)
  return config
}

function tsconfig(file, depth = 0) {
  let found = { compilerOptions: {} }
  try {
    found = parseJsonc(readFileSync(file, 'utf8'))
  } catch (error) {
    console.error(`${file} cannot be read and is left out: ${error.message}`)
  }
  const options = found.compilerOptions ?? {}
  const folder = path.dirname(file)
  let merged = { base: folder, paths: {}, hasBase: false }
  for (const parent of depth < 10 ? [found.extends ?? []].flat() : []) {
    const place = /^\.|^\//.test(parent) ? [path.resolve(folder, parent), `${path.resolve(folder, parent)}.json`].find(isFile) : packaged(parent, folder)
    if (place) merged = { ...merged, ...tsconfig(place, depth + 1) }
  }
  if (options.baseUrl) merged = { ...merged, base: path.resolve(folder, options.baseUrl), hasBase: true }
  else if (options.paths && !merged.hasBase) merged.base = folder
  return { ...merged, paths: options.paths ?? merged.paths }
}

function packaged(name, folder) {
  try {
    return createRequire(path.join(folder, '_.js')).resolve(name)
  } catch {
    return null
  }
}

/** JSON with comments and trailing commas, as tsconfig.json has it. */
function parseJsonc(text) {
  const bare = text.replace(/^\uFEFF/, '').replace(/("(?:\\.|[^"\\])*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (_, quoted) => quoted ?? '')
  return JSON.parse(bare.replace(/("(?:\\.|[^"\\])*")|,(?=\s*[\]}])/g, (_, quoted) => quoted ?? ''))
}

function aliased(name, folder) {
  const config = tsconfigOf(folder)
  if (!config) return null
  for (const [pattern, targets] of Object.entries(config.paths)) {
    const [head, tail] = pattern.split('*')
    if (tail === undefined ? name !== pattern : !(name.startsWith(head) && name.endsWith(tail) && name.length >= head.length + tail.length)) continue
    const middle = tail === undefined ? '' : name.slice(head.length, name.length - tail.length)
    for (const target of targets) {
      const file = probe(path.resolve(config.base, target.replace('*', () => middle)))
      if (file && !file.endsWith('.d.ts')) return file
    }
  }
  return config.hasBase ? probe(path.join(config.base, name)) : null
}

const isForeign = (url) => url.includes('/node_modules/')

function found(name, parent) {
  if (!parent?.startsWith('file:') || isForeign(parent)) return null
  const folder = path.dirname(fileURLToPath(parent.split('?')[0]))
  if (/^\.{1,2}(\/|$)/.test(name) || path.isAbsolute(name)) return probe(path.resolve(folder, name))
  if (/^(node|file|data|https?):/.test(name)) return null
  return aliased(name, folder)
}

const fileOf = (url) => (url?.startsWith('file:') && !isForeign(url) ? fileURLToPath(url.split('?')[0]) : null)

/** Of the project's files: which import which. */
const imports = new Map()

function remember(parent, url) {
  const [from, to] = [fileOf(parent), fileOf(url)]
  if (!to || url.startsWith(HERE)) return
  if (!imports.has(to)) imports.set(to, new Set())
  if (from && !parent.startsWith(HERE)) imports.get(from)?.add(to)
}

/** The files that a file has loaded, itself included; without one, all that are loaded. */
export function filesOf(file) {
  if (file === undefined) return [...imports.keys()]
  const files = new Set([file])
  for (const one of files) for (const other of imports.get(one) ?? []) files.add(other)
  return [...files]
}

registerHooks({
  resolve(name, context, next) {
    if (MOTIA.has(name)) return { url: SHIM + '?names=' + [...motiaNames].join(','), format: 'module', shortCircuit: true }
    const file = found(name, context.parentURL)
    const resolved = file ? { url: pathToFileURL(file).href, shortCircuit: true } : next(name, context)
    remember(context.parentURL, resolved.url)
    return resolved
  },
  load(url, context, next) {
    if (url.startsWith(`${SHIM}?`)) return { format: 'module', shortCircuit: true, source: shim(url) }
    if (!url.startsWith('file:') || isForeign(url)) return next(url, context)
    const file = fileURLToPath(url.split('?')[0])
    if (TYPED.test(file)) return loaded(file)
    if (file.endsWith('.json') && context.format !== 'commonjs') {
      return { format: 'json', source: readFileSync(file, 'utf8'), shortCircuit: true }
    }
    return next(url, context)
  },
})

/** The module `motia` with names that only types had, so that what imports them links. */
function shim(url) {
  const text = readFileSync(fileURLToPath(SHIM), 'utf8')
  const names = url.slice(url.indexOf('=') + 1).split(',')
  const missing = names.filter((name) => /^[\w$]+$/.test(name) && !new RegExp(`\\b${name.replaceAll('$', '\\$')}\\b`).test(text))
  // Absolute: the query makes this another module than the one on disk.
  return text.replace("'./wire.mjs'", JSON.stringify(new URL('./wire.mjs', SHIM).href)) + missing.map((name) => `export const ${name} = undefined\n`).join('')
}

/** What was made of files before anybody asked for them, as long as their text is the same. */
const ahead = new Map()

/** Make JavaScript of these files in advance; one that cannot be is told of when it is loaded. */
export async function warm(files) {
  for (const file of files.filter((one) => TYPED.test(one))) {
    try {
      const source = readFileSync(file, 'utf8')
      // What these become depends on more than their text.
      if (!isDecorated(source)) ahead.set(file, { source, made: made(file, source) })
    } catch {
      ahead.delete(file)
    }
    // Whoever asks for something meanwhile does not wait for all of them.
    await new Promise(setImmediate)
  }
}

function loaded(file) {
  const source = readFileSync(file, 'utf8')
  const known = ahead.get(file)
  ahead.delete(file)
  return known?.source === source ? known.made : made(file, source)
}

function made(file, source) {
  let code = compile(file, source)
  const isModule = file.endsWith('.mts') || /^\s*(import\b(?!\s*\()|export\b)/m.test(code)
  const isCommon = file.endsWith('.cts') || (!isModule && /\b(module\.exports|exports\.[\w$]+\s*=)/.test(code))
  if (!isCommon) code = commonNames(code) + code
  return { format: isCommon ? 'commonjs' : 'module', source: code, shortCircuit: true }
}

/** What CommonJS has in every file, for modules that use it all the same; on their first line. */
function commonNames(code) {
  const needs = (name) => new RegExp(`(?<![\\w$.])${name}(?![\\w$])`).test(code) &&
    !new RegExp(`(?:const|let|var|function|import)\\s+(?:\\{[^}]*\\b)?${name}\\b`).test(code)
  let text = ''
  if (needs('require')) text += "import{createRequire as __motiaRequire}from'node:module';const require=__motiaRequire(import.meta.url);"
  if (needs('__filename')) text += 'const __filename=import.meta.filename;'
  if (needs('__dirname')) text += 'const __dirname=import.meta.dirname;'
  return text
}
