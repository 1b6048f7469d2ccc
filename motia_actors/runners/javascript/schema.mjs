// Zod 3 and 4, Standard Schema and JSON Schema as JSON Schema, without an npm package of our own.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const OPTIONS = { target: 'draft-7', unrepresentable: 'any', io: 'input' }

/** JSON Schema of whatever an author gave; null where none can be made. Zod is the project's own. */
export async function toJsonSchema(schema, file) {
  if (schema === null || schema === undefined) return null
  if (schema._zod) return zod4(schema, file)
  if (schema._def?.typeName) return zod3(schema)
  const standard = schema['~standard']
  if (standard?.jsonSchema?.input) return clean(standard.jsonSchema.input({ target: 'draft-07' }))
  for (const name of ['toJsonSchema', 'toJSONSchema', 'toJSON']) {
    if (typeof schema[name] === 'function') return clean(schema[name]())
  }
  if (standard) {
    throw new TypeError(`a schema of ${standard.vendor} cannot say itself as JSON Schema; give JSON Schema or zod`)
  }
  return schema
}

async function zod4(schema, file) {
  if (typeof schema.toJSONSchema === 'function') return clean(schema.toJSONSchema(OPTIONS))
  for (const name of ['zod', 'zod/v4', 'zod/v4/core']) {
    let module
    try {
      module = await import(pathToFileURL(createRequire(file).resolve(name)).href)
    } catch {
      continue
    }
    const make = module.toJSONSchema ?? module.z?.toJSONSchema ?? module.default?.toJSONSchema
    if (make) return clean(make(schema, OPTIONS))
  }
  throw new TypeError('this zod has no toJSONSchema; update zod to 4.0 or newer')
}

const clean = ({ $schema, '~standard': _, ...r }) => r
const JS = v => typeof v === 'number' ? 'number' : typeof v === 'boolean' ? 'boolean' : v === null ? 'null' : 'string'
export function zod3(s, seen = new Map(), lvl = 0) {
  const d = s._def; if (lvl > 40) return {}
  const go = x => zod3(x, seen, lvl + 1), desc = o => d.description ? { ...o, description: d.description } : o
  switch (d.typeName) {
    case 'ZodString': { const o = { type: 'string' }
      for (const c of d.checks) { if (c.kind === 'min') o.minLength = Math.max(o.minLength ?? 0, c.value); else if (c.kind === 'max') o.maxLength = c.value; else if (c.kind === 'length') o.minLength = o.maxLength = c.value
        else if (c.kind === 'email') o.format = 'email'; else if (c.kind === 'url') o.format = 'uri'; else if (c.kind === 'uuid') o.format = 'uuid'; else if (c.kind === 'datetime') o.format = 'date-time'; else if (['date', 'time', 'duration'].includes(c.kind)) o.format = c.kind; else if (c.kind === 'ip') o.format = c.version === 'v6' ? 'ipv6' : 'ipv4'
        else if (c.kind === 'regex') o.pattern = c.regex.source; else if (c.kind === 'cuid') o.pattern = '^[cC][^\\s-]{8,}$'; else if (c.kind === 'startsWith') o.pattern = '^' + c.value.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'); else if (c.kind === 'endsWith') o.pattern = c.value.replace(/[.*+?^${}()|[\]\\]/g, '\\$&') + '$' }
      return desc(o) }
    case 'ZodNumber': case 'ZodBigInt': { const o = { type: d.typeName === 'ZodBigInt' ? 'integer' : 'number' }
      for (const c of d.checks ?? []) { const v = Number(c.value); if (c.kind === 'int') o.type = 'integer'; else if (c.kind === 'min') o[c.inclusive ? 'minimum' : 'exclusiveMinimum'] = v; else if (c.kind === 'max') o[c.inclusive ? 'maximum' : 'exclusiveMaximum'] = v; else if (c.kind === 'multipleOf') o.multipleOf = v }
      return desc(o) }
    case 'ZodBoolean': return desc({ type: 'boolean' })
    case 'ZodDate': return desc({ type: 'string', format: 'date-time' })
    case 'ZodNull': return desc({ type: 'null' })
    case 'ZodUndefined': case 'ZodVoid': case 'ZodNever': return desc({ not: {} })
    case 'ZodLiteral': return desc({ type: JS(d.value), const: d.value })
    case 'ZodEnum': return desc({ type: 'string', enum: d.values })
    case 'ZodNativeEnum': { const v = Object.entries(d.values).filter(([k]) => typeof d.values[d.values[k]] !== 'number').map(e => e[1]); const t = [...new Set(v.map(JS))]; return desc({ type: t.length === 1 ? t[0] : t, enum: v }) }
    case 'ZodArray': { const o = { type: 'array' }; if (d.type?._def?.typeName !== 'ZodAny') o.items = go(d.type); if (d.minLength) o.minItems = d.minLength.value; if (d.maxLength) o.maxItems = d.maxLength.value; if (d.exactLength) o.minItems = o.maxItems = d.exactLength.value; return desc(o) }
    case 'ZodSet': return desc({ type: 'array', uniqueItems: true, items: go(d.valueType) })
    case 'ZodTuple': return desc({ type: 'array', minItems: d.items.length, maxItems: d.items.length, items: d.items.map(go) })
    case 'ZodObject': { const o = { type: 'object', properties: {} }, req = []
      for (const [k, v] of Object.entries(d.shape())) { o.properties[k] = go(v); if (!v.isOptional()) req.push(k) }
      if (req.length) o.required = req
      o.additionalProperties = d.catchall?._def?.typeName !== 'ZodNever' ? go(d.catchall) : d.unknownKeys === 'passthrough'
      return desc(o) }
    case 'ZodRecord': { const o = { type: 'object', additionalProperties: go(d.valueType) }; const k = d.keyType?._def; if (k?.typeName === 'ZodEnum') o.propertyNames = { enum: k.values }; else if (k?.typeName === 'ZodString' && k.checks?.length) { const { type, ...r } = go(d.keyType); o.propertyNames = r } return desc(o) }
    case 'ZodMap': return desc({ type: 'array', items: { type: 'array', items: [go(d.keyType), go(d.valueType)], minItems: 2, maxItems: 2 } })
    case 'ZodUnion': case 'ZodDiscriminatedUnion': { const os = [...(d.options instanceof Map ? d.options.values() : d.options)].map(go)
      if (os.every(o => Object.keys(o).length === 1 && typeof o.type === 'string')) return desc({ type: [...new Set(os.map(o => o.type))] })
      if (os.every(o => 'const' in o && Object.keys(o).length === 2)) { const t = [...new Set(os.map(o => o.type))]; return desc({ type: t.length === 1 ? t[0] : t, enum: os.map(o => o.const) }) }
      return desc({ anyOf: os }) }
    case 'ZodIntersection': return desc({ allOf: [go(d.left), go(d.right)] })
    case 'ZodOptional': { const o = go(d.innerType); return desc(o) }
    case 'ZodNullable': { const o = go(d.innerType); if (typeof o.type === 'string' && Object.keys(o).length === 1) return desc({ type: [o.type, 'null'] }); return desc({ anyOf: [o, { type: 'null' }] }) }
    case 'ZodDefault': { let v; try { v = d.defaultValue() } catch {} return desc({ ...go(d.innerType), default: v }) }
    case 'ZodCatch': case 'ZodReadonly': return desc(go(d.innerType))
    case 'ZodBranded': case 'ZodPromise': return desc(go(d.type))
    case 'ZodEffects': return desc(go(d.schema))
    case 'ZodPipeline': return desc(go(d.in))
    case 'ZodLazy': { const inner = d.getter(); if (seen.get(inner) > 2) return {}; seen.set(inner, (seen.get(inner) ?? 0) + 1); return desc(go(inner)) }
    default: return desc({})         // any, unknown, function, symbol
  }
}
