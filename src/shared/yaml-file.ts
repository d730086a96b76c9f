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

/**
 * Words of other programs for a key of an object, or for one of the words of an enum or union: what to write here instead. Registered
 * last, too.
 */
export const foreignWords = z.registry<Readonly<Record<string, string>>>()

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
  // Places are added here: the library would look for each in all of the text, for tens of thousands of errors in seconds.
  const document = parseDocument(text, {
    uniqueKeys: true,
    stringKeys: true,
    merge: true,
    version: '1.2',
    prettyErrors: false,
  })
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
  if (issue.code === 'invalid_value') return describeWord(issue.input, issue.values.map(String), issue.inst)
  if (issue.code === 'invalid_union' && typeof issue.discriminator === 'string') {
    const words = ((issue['options'] ?? []) as readonly unknown[]).map(String)
    const given = (issue.input as Record<string, unknown> | undefined)?.[issue.discriminator]
    return describeWord(given, words, issue.inst)
  }
  if (issue.code !== 'unrecognized_keys') return describeIssue(issue)
  const schema = issue.inst as z.core.$ZodObject
  const known = Object.keys(schema._zod.def.shape ?? {}) // a map has none
  const elsewhere = keysByName(file)
  const section = sectionOf(issue.path ?? [])
  const advice = (key: string): string => {
    const now = wordIn(renamedKeys, schema, key)
    if (now !== undefined) return `: it was renamed to ${now}`
    const instead = wordIn(foreignWords, schema, key)
    if (instead !== undefined) return `: ${instead}`
    const meant = didYouMean(key, known)
    if (meant !== '') return meant
    // Of another kind of the same entry, which this one is not.
    const places = (elsewhere.get(key) ?? []).filter((place) => place !== join(section, key))
    if (places.length > 0 && places.length <= MAX_PLACES) return `: did you mean ${oneOf(places)}?`
    return known.length === 0 ? '' : `: expected ${oneOf(known)}`
  }
  // One line for each, in their order: a key cannot break one, since it is shown escaped.
  return issue.keys.map((key) => `unknown key ${shown(key)}${advice(key)}`).join('\n')
}

function describeWord(given: unknown, words: readonly string[], schema: z.core.$ZodRawIssue['inst']): string {
  if (given === undefined) return `expected ${oneOf(words)}`
  const expected = `expected ${oneOf(words)}, not ${shown(given)}`
  if (typeof given !== 'string') return expected
  const instead = wordIn(foreignWords, schema, given)
  return expected + (instead === undefined ? didYouMean(given, words) : `: ${instead}`)
}

const wordIn = (
  registry: typeof foreignWords,
  schema: z.core.$ZodRawIssue['inst'],
  word: string,
): string | undefined => {
  const words = (schema !== undefined && '~standard' in schema ? registry.get(schema) : undefined) ?? {}
  return Object.hasOwn(words, word) ? words[word] : undefined
}

/** `targets[]`, as `keysByName` says it. */
const sectionOf = (path: readonly PropertyKey[]): string =>
  path.reduce<string>((section, step) => (typeof step === 'number' ? `${section}[]` : join(section, String(step))), '')

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
const firstLine = (text: string): string => text.split('\n')[0] as string

const invalid = (problems: readonly string[]): PamError => new PamError('CONFIG_INVALID', problems.join('\n'))

/** A key that many sections have is not the key of one of them. */
const MAX_PLACES = 3
const MAX_DEPTH = 64
/** Values that all aliases together stand for. */
const MAX_ALIASED = 10_000
