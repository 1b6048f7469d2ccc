// TypeScript to JavaScript with what Node carries, and imports that are only types left out.
import { createRequire, stripTypeScriptTypes } from 'node:module'
import path from 'node:path'

const require = createRequire(import.meta.url)
const DECORATED = /^[ \t]*(?:export\s+)?@[A-Za-z_$][\w$.]*/m
/** Names imported from 'motia' that may be types; only filled where the engine keeps imports. */
export const motiaNames = new Set()

let engine = null

/** It has decorators: the compiler of the project makes it, as its tsconfig says. */
export const isDecorated = (source) => DECORATED.test(source)

/** The JavaScript of a file, with its source map inline. Throws a SyntaxError that knows its `where`. */
export function compile(file, source) {
  if (isDecorated(source)) return decorated(file, source)
  engine ??= process.env.MOTIA_TS_ENGINE === 'public' ? stripped : (internal() ?? stripped)
  try {
    return engine(file, source)
  } catch (error) {
    throw broken(file, source, error)
  }
}

/** The swc inside Node, which can leave out unused imports; needs --expose-internals. */
function internal() {
  try {
    const { transformSync } = require('internal/deps/amaro/dist/index')
    return (file, source) => {
      const parser = file.endsWith('x') ? { parser: { syntax: 'typescript', tsx: true } } : {}
      const options = { mode: 'transform', sourceMap: true, filename: file, ...parser }
      const transform = { verbatimModuleSyntax: false, nativeClassProperties: true, noEmptyExport: true }
      const made = transformSync(source, { ...options, transform })
      return made.map ? mapped(made.code, made.map) : made.code
    }
  } catch {
    return null
  }
}

const mapped = (code, map) =>
  `${code}\n//# sourceMappingURL=data:application/json;base64,${Buffer.from(map).toString('base64')}`

/** A file with decorators, by the TypeScript or esbuild of the project. */
function decorated(file, source) {
  const project = createRequire(file)
  const typescript = optional(project, 'typescript')
  if (typescript?.transpileModule) {
    const { outputText, diagnostics = [] } = typescript.transpileModule(source, {
      fileName: file,
      reportDiagnostics: true,
      compilerOptions: {
        ...decoratorOptions(typescript, file),
        module: typescript.ModuleKind.ESNext,
        target: typescript.ScriptTarget.ES2022,
        inlineSourceMap: true,
        inlineSources: true,
      },
    })
    if (diagnostics.length) {
      const [first] = diagnostics
      const line = source.slice(0, first.start ?? 0).split('\n').length
      throw located(file, line, typescript.flattenDiagnosticMessageText(first.messageText, ' '))
    }
    return outputText
  }
  const esbuild = optional(project, 'esbuild')
  if (esbuild) {
    const options = { loader: file.endsWith('x') ? 'tsx' : 'ts', target: 'es2022', sourcemap: 'inline', sourcefile: file }
    return esbuild.transformSync(source, options).code
  }
  const line = source.slice(0, source.search(DECORATED)).split('\n').length + 1
  throw located(file, line, 'decorators need the typescript package in the project: npm install --save-dev typescript@5')
}

function decoratorOptions(typescript, file) {
  const place = typescript.findConfigFile(path.dirname(file), typescript.sys.fileExists)
  const read = place ? typescript.readConfigFile(place, typescript.sys.readFile).config?.compilerOptions : null
  const { experimentalDecorators, emitDecoratorMetadata, useDefineForClassFields } = read ?? {}
  return { experimentalDecorators, emitDecoratorMetadata, useDefineForClassFields }
}

function optional(project, name) {
  try {
    return project(name)
  } catch {
    return null
  }
}

function located(file, line, message) {
  return Object.assign(new SyntaxError(message), { code: 'TS_SYNTAX', where: { file, line } })
}

function broken(file, source, error) {
  if (error?.where) return error
  const text = String(error?.message ?? error).replace(/\u001b\[\d+m/g, '')
  const named = /^\s*,-\[(?:.*?):(\d+):\d+\]/m.exec(text) ?? /(?:^|\n)[^\n]*?:(\d+)(?::\d+)?(?:\n|$)/.exec(text)
  const line = error?.startLine ?? (named ? Number(named[1]) : null)
  const reason = text.split('\n').map((one) => one.replace(/^\s*x\s+/, '').trim()).find((one) => one) ?? text
  return located(file, line, reason)
}

// Without --expose-internals: the public function keeps every import, so the unused ones are cut here.

const IMPORT = /(?<=^[ \t]*|\*\/[ \t]*|;[ \t]*)import\s+(?!['"(])([\s\S]*?)\s+from\s*(['"][^'"\n]+['"])\s*(?:with\s*\{[^}]*\}\s*)?;?[ \t]*$/gm
const ERASED = /^[ \t]*export\s+(?:declare\s+)?(?:interface|type)\s+([A-Za-z_$][\w$]*)/gm

function stripped(file, source) {
  let code = pruned(stripTypeScriptTypes(source, { mode: 'transform', sourceMap: true, sourceUrl: file }))
  // An erased type keeps a binding, so that `import { SomeInterface } from './types'` still links.
  for (const name of new Set([...source.matchAll(ERASED)].map((match) => match[1]))) {
    const isKept = new RegExp(`\\bexport\\s+(?:async\\s+)?(?:const|let|var|function\\*?|class)\\s+${name}\\b|\\bexport\\s*\\{[^}]*\\b${name}\\b`)
    if (!isKept.test(code)) code = `var __type_${name};export{__type_${name} as ${name}};${code}`
  }
  for (const [, clause, from] of code.matchAll(IMPORT)) {
    if (!/^['"](motia|@motiadev\/core)['"]$/.test(from)) continue
    for (const name of /\{([\s\S]*)\}/.exec(clause)?.[1].split(',') ?? []) motiaNames.add(name.trim().split(/\s+as\s+/)[0])
  }
  return code
}

function pruned(code) {
  const rest = code.replace(IMPORT, '').replace(/\/\/# source(Mapping)?URL=.*$/gm, '')
  const isUsed = (name) => new RegExp(`(?<![\\w$.])${name.replaceAll('$', '\\$')}(?![\\w$])|(?<=\\.\\.\\.)${name.replaceAll('$', '\\$')}(?![\\w$])`).test(rest)
  return code.replace(IMPORT, (whole, clause, from) => {
    const named = /\{([\s\S]*)\}/.exec(clause)
    const names = named ? named[1].split(',').map((one) => one.trim()).filter(Boolean) : []
    const outer = clause.replace(/\{[\s\S]*\}/, '').split(',').map((one) => one.trim()).filter(Boolean)
    if (!names.length && !outer.length) return whole
    const kept = names.filter((one) => isUsed(one.split(/\s+as\s+/).pop()))
    const parts = outer.filter((one) => isUsed(one.replace(/^\*\s+as\s+/, '')))
    if (kept.length) parts.push(`{ ${kept.join(', ')} }`)
    return (parts.length ? `import ${parts.join(', ')} from ${from};` : '') + '\n'.repeat(whole.split('\n').length - 1)
  })
}
