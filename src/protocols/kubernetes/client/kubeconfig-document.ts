import { isMap, isNode, isScalar, isSeq, Lexer, parseDocument, Scalar, type Node, type YAMLMap } from 'yaml'
import { asError, UsageError } from '../../../shared/errors.ts'
import type { ListenerInfo } from '../../client-half.ts'
import { entriesFor } from './kubeconfig.ts'

/** An open port of a Kubernetes target. */
export interface OpenPort {
  readonly target: string
  readonly gateway: string
  readonly listener: ListenerInfo
}

/** What cluster, user and context of a target are called in a kubeconfig of somebody's own. */
const contextName = (target: string): string => `${PREFIX}${target}`

/** A kubeconfig of these ports and nothing else; a single one is the current context. */
export function kubeconfigOf(ports: readonly OpenPort[]): string {
  const current = ports.length === 1 ? ports[0]?.target : undefined
  return new KubeconfigDocument('', '').merge(ports, current)
}

/**
 * A kubeconfig that belongs to somebody else. Only entries with names of pamctl and its mark are changed; everything else stays as
 * it is written, comments included. What cannot be changed in this way is refused.
 *
 * Values are read as text alone (the failsafe schema), so that none is written in another way than it was: `0x10`, `yes`, `1e400`.
 */
export class KubeconfigDocument {
  readonly #file: string
  readonly #text: string
  readonly #document: ReturnType<typeof parseDocument>
  readonly #before: unknown
  /** Parts of the text that are pamctl's own, and replaced. */
  readonly #own: [number, number][] = []

  constructor(file: string, text: string) {
    this.#file = file
    this.#text = text
    const document = parseDocument(text, { schema: 'failsafe', stringKeys: true })
    const [error] = document.errors
    if (error !== undefined)
      throw this.#refusal(
        `is not a kubeconfig: ${error.code === 'MULTIPLE_DOCS' ? 'several documents' : firstLine(error.message)}`,
      )
    const [warning] = document.warnings
    if (warning !== undefined) throw this.#unsafe(firstLine(warning.message))
    this.#document = document
    this.#before = this.#plain()
    this.#check()
  }

  /** Refuses where an entry of that name is somebody else's, or of a target of another gateway. */
  needRoomFor(target: string, gateway: string): void {
    const name = contextName(target)
    for (const list of LISTS) {
      const items = this.#items(list).filter((item) => item.get('name') === name)
      if (items.length > 1) throw this.#refusal(`has ${items.length} ${list} named ${name}`)
      const [item] = items
      if (item === undefined) continue
      const owner = ownerOf(item, list)
      if (owner === undefined)
        throw this.#refusal(`has an entry ${name} among its ${list} that pamctl did not write`, 'rename or remove it')
      if (owner !== gateway)
        throw this.#refusal(
          `has ${name} for the gateway ${owner}, not ${gateway}`,
          `remove it first: pamctl kubeconfig ${target} --remove`,
        )
    }
  }

  /** The text with these ports, in place of what pamctl has written for them before. */
  merge(ports: readonly OpenPort[], current: string | undefined): string {
    for (const { target, gateway } of ports) this.needRoomFor(target, gateway)
    if (this.#document.contents === null) {
      this.#document.set('apiVersion', 'v1')
      this.#document.set('kind', 'Config')
    }
    for (const { target, gateway, listener } of ports) {
      const { name, cluster, user, context } = entriesFor(contextName(target), listener)
      this.#put('clusters', name, cluster, gateway)
      this.#put('users', name, user, gateway)
      this.#put('contexts', name, context, gateway)
    }
    if (current !== undefined) this.#setCurrent(contextName(current))
    return this.#written(new Set(ports.map(({ target }) => contextName(target))))
  }

  /** The targets that have entries of pamctl here. */
  targets(): string[] {
    const names = LISTS.flatMap((list) =>
      this.#items(list).flatMap((item) => (ownerOf(item, list) === undefined ? [] : [String(item.get('name'))])),
    )
    return [...new Set(names)].map((name) => name.slice(PREFIX.length)).toSorted()
  }

  /** The text without the entries of these targets; a current context that is none any more is taken out as well. */
  remove(targets: readonly string[]): string {
    const names = new Set(targets.map(contextName))
    for (const list of LISTS) {
      const items = this.#items(list)
      for (const item of items)
        if (names.has(String(item.get('name'))) && ownerOf(item, list) !== undefined) this.#take(list, item)
    }
    const current = this.#document.get('current-context')
    if (typeof current === 'string' && names.has(current)) {
      const isLeft = this.#items('contexts').some((item) => item.get('name') === current)
      if (!isLeft) this.#setCurrent('')
    }
    return this.#written(names)
  }

  #put(list: List, name: string, value: Readonly<Record<string, unknown>>, gateway: string): void {
    const content = { ...value, extensions: [{ name: MARK, extension: { gateway } }] }
    const item = this.#items(list).find((candidate) => candidate.get('name') === name)
    if (item === undefined) {
      const made = this.#made({ name, [KEY[list]]: content })
      const seq = this.#document.get(list)
      if (isSeq(seq)) seq.add(made)
      else this.#document.set(list, this.#made([made]))
      return
    }
    const old: unknown = item.get(KEY[list], true)
    if (!isMap(old)) throw this.#refusal(`has an entry ${name} among its ${list} that is not a map`)
    // A namespace that was chosen for the context stays.
    const namespace: unknown = list === 'contexts' ? old.get('namespace') : undefined
    const next = this.#made(typeof namespace === 'string' ? { ...content, namespace } : content)
    this.#replaces(old)
    next.commentBefore = old.commentBefore ?? null
    next.comment = old.comment ?? null
    item.set(KEY[list], next)
  }

  /** Comments around what is taken out stay where it was. */
  #take(list: List, item: YAMLMap): void {
    const seq = this.#document.get(list)
    if (!isSeq(seq)) return
    const at = seq.items.indexOf(item)
    this.#replaces(item)
    seq.items.splice(at, 1)
    const heir = seq.items[at]
    const comments = [item.commentBefore, item.comment]
    if (isMap(heir)) {
      heir.commentBefore = joined([...comments, heir.commentBefore])
    } else if (seq.items.length > 0) {
      seq.comment = joined([...comments, seq.comment])
    } else {
      // A list without entries has no place for them: above its key.
      const { contents } = this.#document
      const key = isMap(contents) ? contents.items.find(({ value }) => value === seq)?.key : undefined
      if (isNode(key)) key.commentBefore = joined([key.commentBefore, seq.commentBefore, ...comments, seq.comment])
      seq.commentBefore = seq.comment = null
    }
  }

  #setCurrent(name: string): void {
    const node = this.#document.get('current-context', true)
    if (isScalar(node)) {
      node.value = name
      if (name === '') node.type = Scalar.QUOTE_DOUBLE
    } else this.#document.set('current-context', this.#made(name))
  }

  #replaces({ range }: Node): void {
    if (range !== null && range !== undefined) this.#own.push([range[0], range[1]])
  }

  #made(value: unknown): Node {
    return this.#document.createNode(value)
  }

  /** The entries of a list, all of which are known to be maps with a name. */
  #items(list: List): YAMLMap[] {
    const seq = this.#document.get(list)
    return isSeq(seq) ? seq.items.filter((item) => isMap(item)) : []
  }

  #check(): void {
    const { contents } = this.#document
    if (contents === null) return
    if (!isMap(contents)) throw this.#refusal('is not a kubeconfig')
    const keys = contents.items.map(({ key }) => String(isScalar(key) ? key.value : key))
    const [kind, version] = [this.#document.get('kind'), this.#document.get('apiVersion')]
    // Both may be missing, as client-go has it: then nothing else may be there.
    const isKubeconfig =
      (kind === 'Config' && version === 'v1') ||
      ((kind ?? 'Config') === 'Config' && (version ?? 'v1') === 'v1' && keys.every((key) => KNOWN_KEYS.has(key)))
    if (!isKubeconfig) throw this.#refusal('is not a kubeconfig: expected apiVersion v1 and kind Config')
    const current = this.#document.get('current-context')
    if (current !== undefined && typeof current !== 'string')
      throw this.#refusal('is not a kubeconfig: current-context is not a name')
    for (const list of LISTS) {
      const value: unknown = this.#document.get(list)
      if (value === undefined || (typeof value === 'string' && NOTHING.has(value))) continue
      if (!isSeq(value)) throw this.#refusal(`is not a kubeconfig: ${list} is not a list`)
      for (const item of value.items)
        if (!isMap(item) || typeof item.get('name') !== 'string')
          throw this.#refusal(`is not a kubeconfig: one of its ${list} has no name`)
    }
  }

  /** What it says now; read again, it must say of everything else what it said before. */
  #written(names: ReadonlySet<string>): string {
    const isBlank = this.#before === null
    let text: string
    let after: KubeconfigDocument
    try {
      text = this.#document.toString({
        lineWidth: 0,
        indentSeq: /^\w+:[^\S\n]*\n(?:[^\S\n]*(?:#.*)?\n)*[^\S\n]+- /m.test(this.#text),
        flowCollectionPadding: /[[{] /.test(this.#text),
        ...(this.#text.trimStart().startsWith('{')
          ? { defaultStringType: 'QUOTE_DOUBLE' as const, defaultKeyType: 'QUOTE_DOUBLE' as const }
          : {}),
      })
      after = new KubeconfigDocument(this.#file, text)
    } catch (error) {
      throw this.#unsafe(asError(error).message)
    }
    const rest = [this.#before, after.#before].map((value) => JSON.stringify(withoutNames(value, names, isBlank)))
    if (rest[0] !== rest[1]) throw this.#unsafe('something else would change')
    const left = commentsOf(text)
    for (const { comment, offset } of commentsWithOffsets(this.#text)) {
      if (this.#own.some(([start, end]) => offset >= start && offset < end)) continue
      const at = left.indexOf(comment)
      if (at === -1) throw this.#unsafe(`the comment "${comment}" would be lost`)
      left.splice(at, 1)
    }
    return /^[^\n]*\r\n/.test(this.#text) ? text.replaceAll(/\r?\n/g, '\r\n') : text
  }

  #plain(): unknown {
    try {
      return this.#document.toJS()
    } catch (error) {
      throw this.#refusal(`is not a kubeconfig: ${asError(error).message}`)
    }
  }

  #unsafe(why: string): UsageError {
    return this.#refusal(
      `cannot be changed without loss: ${why}`,
      'edit it by hand, or give pamctl a file of its own: --merge FILE',
    )
  }

  #refusal(problem: string, hint = 'nothing was changed'): UsageError {
    return new UsageError(`${this.#file} ${problem}`, hint)
  }
}

/** The gateway that pamctl has noted in an entry; undefined: it is somebody else's. */
function ownerOf(item: YAMLMap, list: List): string | undefined {
  const name = item.get('name')
  const content = item.get(KEY[list])
  if (typeof name !== 'string' || !name.startsWith(PREFIX) || name === PREFIX || !isMap(content)) return undefined
  const extensions = content.get('extensions')
  if (!isSeq(extensions)) return undefined
  const marks = extensions.items.filter((mark) => isMap(mark) && mark.get('name') === MARK)
  const gateway: unknown = isMap(marks[0]) ? marks[0].getIn(['extension', 'gateway']) : undefined
  return marks.length === 1 && typeof gateway === 'string' ? gateway : undefined
}

/** All that is not of these names. The kind is added where there was nothing at all. */
function withoutNames(value: unknown, names: ReadonlySet<string>, wasBlank: boolean): unknown {
  const all: Record<string, unknown> = typeof value === 'object' ? { ...value } : {}
  const { 'current-context': current, ...rest } = all
  const lists = LISTS.map((list) => {
    const { [list]: items } = rest
    delete rest[list]
    return Array.isArray(items) ? items.filter(({ name }: { name: string }) => !names.has(name)) : []
  })
  if (wasBlank) for (const key of ['apiVersion', 'kind']) delete rest[key]
  void current
  return [rest, lists]
}

const firstLine = (text: string): string => text.split('\n')[0] ?? ''

/** Comments as one; null is none. */
function joined(comments: readonly (string | null | undefined)[]): string | null {
  const found = comments.filter((comment) => typeof comment === 'string')
  return found.length === 0 ? null : found.join('\n')
}

function commentsWithOffsets(text: string): { comment: string; offset: number }[] {
  const found: { comment: string; offset: number }[] = []
  let offset = 0
  let isScalarNext = false
  for (const token of new Lexer().lex(text)) {
    const isControl = token === DOCUMENT || token === FLOW_ERROR || token === SCALAR
    if (!isControl && !isScalarNext && token.startsWith('#')) found.push({ comment: token.trimEnd(), offset })
    isScalarNext = token === SCALAR
    if (!isControl) offset += token.length
  }
  return found
}

const commentsOf = (text: string): string[] => commentsWithOffsets(text).map(({ comment }) => comment)

type List = 'clusters' | 'users' | 'contexts'
const LISTS: readonly List[] = ['clusters', 'users', 'contexts']
const KEY = { clusters: 'cluster', users: 'user', contexts: 'context' } as const
const KNOWN_KEYS: ReadonlySet<string> = new Set([
  ...LISTS,
  'apiVersion',
  'kind',
  'current-context',
  'preferences',
  'extensions',
])
/** How YAML writes null, which client-go writes for a list without entries. */
const NOTHING: ReadonlySet<string> = new Set(['', '~', 'null', 'Null', 'NULL'])
const PREFIX = 'pamctl-'
/** The name of the extension by which pamctl knows its own entries again. */
const MARK = 'pamctl'
/** Tokens of the lexer that stand for no text. */
const [DOCUMENT, FLOW_ERROR, SCALAR] = ['\u0002', '\u0018', '\u001f']
