import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'
import {
  isAlias,
  isCollection,
  isMap,
  isNode,
  isPair,
  isScalar,
  LineCounter,
  parseDocument,
  Parser,
  visit,
  type Document,
} from 'yaml'
import { z } from 'zod'
import { describeIssue } from './describe-issue.ts'
import { PamError } from './errors.ts'
import { fileProblem } from './file-problem.ts'
import { didYouMean } from './nearest-word.ts'
import { visible } from './visible.ts'

/**
 * Keys that had another name once, by that name: whoever still writes it is told the new one. `register` it last, behind every
 * check, since a check makes a schema of its own.
 */
export const renamedKeys = z.registry<Readonly<Record<string, string>>>()

/** A step into the value: keys, and indexes of lists. */
export type YamlPath = readonly (string | number)[]

export interface YamlFile<T> {
  readonly data: T
  /** As it is written, before defaults and transformations. */
  readonly raw: unknown
  /** `file:line:column` of what stands there, or of the nearest thing around it that the file says. */
  place(path: YamlPath): string
}

/**
 * Reads a YAML file into a typed value. What is wrong is said with file, line, column and what was expected,
 * all of it at once.
 */
export function readYamlFile<Schema extends z.ZodType>(file: string, schema: Schema): z.output<Schema> {
  return openYamlFile(file, schema).data
}

export function parseYaml<Schema extends z.ZodType>(text: string, file: string, schema: Schema): z.output<Schema> {
  return openYaml(text, file, schema).data
}

export function openYamlFile<Schema extends z.ZodType>(file: string, schema: Schema): YamlFile<z.output<Schema>> {
  return openYaml(readText(file), file, schema)
}

/** YAML 1.2, one document, string keys, no tags of its own. Anchors, aliases and merge keys are read, within limits. */
export function openYaml<Schema extends z.ZodType>(
  text: string,
  file: string,
  schema: Schema,
): YamlFile<z.output<Schema>> {
  const lines = new LineCounter()
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}`
  }
  const deep = tooDeep(text, lines)
  if (deep !== undefined) throw invalid([`${at(deep)}: nested more than ${MAX_DEPTH} levels deep`])
  const document = parseDocument(text, { uniqueKeys: true, stringKeys: true, merge: true, version: '1.2' })
  const problems = [...document.errors, ...document.warnings].map(({ code, message, pos }) => ({
    offset: pos[0],
    message: code === 'MULTIPLE_DOCS' ? 'expected one document, without a second ---' : firstLine(message),
  }))
  if (document.directives.yaml.version !== '1.2') problems.push({ offset: 0, message: 'expected YAML 1.2' })
  problems.push(...aliasProblems(document))
  if (problems.length > 0) throw invalid(problems.map(({ offset, message }) => `${at(offset)}: ${message}`))

  const raw = toJs(document, at)
  const place = (path: YamlPath): string => at(offsetOf(document, path))
  const result = schema.safeParse(raw ?? {}, { error: (issue) => describeFileIssue(issue, schema) })
  if (result.success) return { data: result.data, raw, place }
  throw invalid(
    result.error.issues.flatMap((issue) => {
      const path = issue.path.map((step) => (typeof step === 'symbol' ? step.toString() : step))
      if (issue.code !== 'unrecognized_keys') return describeProblem(place(path), path, issue.message)
      const told = issue.message.split('\n')
      return issue.keys.map((key, index) =>
        describeProblem(at(keyOffset(document, path, key)), path, told[index] as string),
      )
    }),
  )
}

/** What was given and what could be, where one of some words was expected. */
function describeFileIssue(issue: z.core.$ZodRawIssue, file: z.core.$ZodType): string | undefined {
  if (issue.code === 'invalid_value') {
    const words = issue.values.map(String)
    const { input } = issue
    if (input === undefined) return `expected ${oneOf(words)}`
    return `expected ${oneOf(words)}, not ${shown(input)}${typeof input === 'string' ? didYouMean(input, words) : ''}`
  }
  if (issue.code === 'invalid_union' && typeof issue.discriminator === 'string') {
    const words = ((issue['options'] ?? []) as readonly unknown[]).map(String)
    const given = (issue.input as Record<string, unknown> | undefined)?.[issue.discriminator]
    if (given === undefined) return `expected ${oneOf(words)}`
    return `expected ${oneOf(words)}, not ${shown(given)}${typeof given === 'string' ? didYouMean(given, words) : ''}`
  }
  if (issue.code === 'unrecognized_keys') {
    const schema = issue.inst as z.core.$ZodObject
    const known = Object.keys(schema._zod.def.shape ?? {}) // a map has none
    const renamed = renamedKeys.get(schema) ?? {}
    const elsewhere = keysByName(file)
    // One line for each, in their order: a key cannot break one, since it is shown escaped.
    return issue.keys
      .map((key) => {
        const now = Object.hasOwn(renamed, key) ? renamed[key] : undefined
        if (now !== undefined) return `unknown key ${shown(key)}: it is called ${now} now`
        const meant = didYouMean(key, known)
        if (meant !== '') return `unknown key ${shown(key)}${meant}`
        const places = elsewhere.get(key) ?? []
        if (places.length > 0 && places.length <= MAX_PLACES)
          return `unknown key ${shown(key)}: did you mean ${oneOf(places)}?`
        return `unknown key ${shown(key)}${known.length === 0 ? '' : `: expected ${oneOf(known)}`}`
      })
      .join('\n')
  }
  return describeIssue(issue)
}

/**
 * Every key that a file may have, by its last name, with where it stands (`identity.reverifyEvery`, `targets[].host`); old names of keys
 * too. For a key that stands in the wrong section.
 */
function keysByName(file: z.core.$ZodType): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>()
  const note = (name: string, place: string): void => {
    const places = found.get(name) ?? []
    if (!places.includes(place)) found.set(name, [...places, place])
  }
  const walk = (schema: z.core.$ZodType, path: string): void => {
    const { def } = (schema as z.core.$ZodTypes)._zod
    for (const [old, now] of Object.entries(renamedKeys.get(schema) ?? {})) note(old, join(path, now))
    if (def.type === 'object') {
      for (const [name, value] of Object.entries(def.shape)) {
        note(name, join(path, name))
        walk(value, join(path, name))
      }
    } else if (def.type === 'array') walk(def.element, `${path}[]`)
    else if (def.type === 'union') for (const option of def.options) walk(option, path)
    else if (def.type === 'pipe') walk(def.in, path)
    else if ('innerType' in def) walk(def.innerType, path)
  }
  walk(file, '')
  return found
}

const join = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`)

const shown = (value: unknown): string => visible(JSON.stringify(value))

const oneOf = (words: readonly string[]): string =>
  words.length <= 1 ? (words[0] ?? 'nothing') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`

/** `pam.yaml:7:3: access.0.name: expected …`. */
export const describeProblem = (place: string, path: YamlPath, message: string): string =>
  `${place}: ${path.length === 0 ? 'the file' : path.join('.')}: ${message}`

/** The parser of tokens keeps its own stack; what composes them would overflow this thread's. */
function tooDeep(text: string, lines: LineCounter): number | undefined {
  const pending: { token: unknown; depth: number }[] = []
  for (const token of new Parser(lines.addNewLine).parse(text)) pending.push({ token, depth: 0 })
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { token, depth } = next
    if (token === null || typeof token !== 'object') continue
    const { offset, items, value } = token as {
      offset?: number
      items?: { key?: unknown; value?: unknown }[]
      value?: unknown
    }
    if (depth > MAX_DEPTH) return offset ?? 0
    for (const item of items ?? [])
      for (const part of [item.key, item.value]) pending.push({ token: part, depth: depth + 1 })
    if (typeof value === 'object') pending.push({ token: value, depth })
  }
  return undefined
}

/** An alias of what is not there, or of what it stands in; or so many of so much that they are meant to exhaust the reader. */
function aliasProblems(document: Document.Parsed): { offset: number; message: string }[] {
  const problems: { offset: number; message: string }[] = []
  const sizes = new Map<string, number>()
  const sizeOf = (value: unknown): number => {
    if (isAlias(value)) return sizes.get(value.source) ?? 1
    if (isPair(value)) return sizeOf(value.key) + sizeOf(value.value)
    if (!isNode(value)) return 1
    const size = 1 + (isCollection(value) ? value.items.reduce<number>((sum, item) => sum + sizeOf(item), 0) : 0)
    if ('anchor' in value && typeof value.anchor === 'string') sizes.set(value.anchor, size)
    return size
  }
  const open = new Set<string>()
  const known = new Set<string>()
  const offset = (node: unknown): number => (isNode(node) ? (node.range?.[0] ?? 0) : 0)
  visit(document, {
    Node: (_key, node, ancestors) => {
      if (!isAlias(node)) {
        if (typeof node.anchor === 'string') known.add(node.anchor)
        return
      }
      open.clear()
      for (const ancestor of ancestors)
        if (isNode(ancestor) && 'anchor' in ancestor && typeof ancestor.anchor === 'string') open.add(ancestor.anchor)
      if (!known.has(node.source))
        problems.push({ offset: offset(node), message: `there is no anchor &${node.source} before this` })
      else if (open.has(node.source))
        problems.push({ offset: offset(node), message: `*${node.source} contains itself` })
    },
  })
  if (problems.length > 0) return problems
  let total = 0
  visit(document, {
    Node: (_key, node) => {
      if (isAlias(node)) total += sizes.get(node.source) ?? 1
      else if (typeof node.anchor === 'string') sizeOf(node)
      if (total <= MAX_ALIASED) return
      problems.push({ offset: offset(node), message: `aliases stand for more than ${MAX_ALIASED} values: write fewer` })
      return visit.BREAK
    },
  })
  return problems
}

function toJs(document: Document.Parsed, at: (offset: number) => string): unknown {
  try {
    return document.toJS({ maxAliasCount: -1 })
  } catch (error) {
    throw invalid([`${at(document.contents?.range?.[0] ?? 0)}: ${firstLine((error as Error).message)}`])
  }
}

function offsetOf(document: Document.Parsed, path: YamlPath): number {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true)
    if (isNode(node) && node.range) return node.range[0]
  }
  return 0
}

/** Where a key is written; where it arrives by an alias or a merge, what takes it in. */
function keyOffset(document: Document.Parsed, path: YamlPath, key: string): number {
  const map = path.length === 0 ? document.contents : document.getIn(path, true)
  const pair = isMap(map) ? map.items.find((item) => isScalar(item.key) && item.key.value === key) : undefined
  return isNode(pair?.key) && pair.key.range ? pair.key.range[0] : offsetOf(document, path)
}

function readText(file: string): string {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (error) {
    throw new PamError('CONFIG_INVALID', fileProblem(file, error), { cause: error })
  }
  const text = bytes.toString('utf8')
  if (isUtf8(bytes)) return text
  const before = text.slice(0, text.indexOf('\ufffd')).split('\n')
  throw invalid([`${file}:${before.length}:${(before.at(-1)?.length ?? 0) + 1}: is not UTF-8`])
}

/** The parser adds the place, and a drawing of it. */
const firstLine = (text: string): string => (text.split('\n')[0] as string).replace(/ at line \d+, column \d+:$/, '')

const invalid = (problems: readonly string[]): PamError => new PamError('CONFIG_INVALID', problems.join('\n'))

/** A key that many sections have is not the key of one of them. */
const MAX_PLACES = 3
const MAX_DEPTH = 64
/** Values that all aliases together stand for. */
const MAX_ALIASED = 10_000
