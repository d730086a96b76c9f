import { stringify } from 'yaml'
import type { Recordable, Session } from '../../../gateway/engine.ts'
import { withoutSecrets, withoutSecretsOf } from '../../../host/without-secrets.ts'
import { commitmentMark, escapeMarks } from '../../../shared/commitment.ts'
import type { PathStep } from '../../../shared/field-path.ts'
import { fieldsOf, type Owner } from '../masking/masked-fields.ts'
import type { ApiRequest } from '../request/api-request.ts'
import { isList, isObject } from '../request/json-value.ts'
import type { Body, BodyFailure, PatchOperation } from '../request/read-body.ts'
import { groupOf, resourceOfKind } from '../request/resources.ts'
import { commandText, keptPath, keptWords, requestLine } from './request-line.ts'

export interface RequestText {
  /** For whoever decides: the request line and the body as YAML, with secrets left out; a long one as JSON, as it is on record. */
  readonly shown: string
  /** What may be kept for ever: a commitment stands in place of each secret. */
  readonly recorded: Recordable
}

/** A request as people read it. `target` is its path with the query, `bytes` its body as it was sent. */
export function requestText(
  request: ApiRequest,
  target: string,
  body: Body | BodyFailure,
  bytes: Buffer,
  session: Pick<Session, 'masking' | 'commitment'>,
): RequestText {
  const hiding = { masking: session.masking, commitment: () => HIDDEN }
  const keep = (text: string): string => withoutSecrets(escapeMarks(text), session)
  const hide = (text: string): string => withoutSecrets(text, hiding)
  const mark = (value: string): string => commitmentMark(session.commitment(value))
  if ('failure' in body) {
    const original = bytes.toString('utf8')
    const size = `a body of ${bytes.length} bytes that could not be read`
    return {
      shown: `${requestLine(request, target, { keep: hide, mark: () => HIDDEN })}\n\n(${size}: ${body.failure})`,
      recorded: {
        text: `${requestLine(request, target, { keep, mark })}\n\n${commitmentMark(`${size}, ${session.commitment(original)}`)}`,
        parameters: [],
        keep: keepBeside(request, keep, session),
        detached: `${request.method} ${target}\n\n${original}`,
      },
    }
  }
  const known = texts.get(body)
  if (known !== undefined) return known
  const isLong = bytes.length > MAX_YAML_BYTES
  const render = (mark: (value: string) => string, escape: (text: string) => string): string => {
    const line = requestLine(request, target, { keep: escape, mark })
    if (body.type === 'none') return line
    const replacer = new SecretReplacer(session, mark, escape)
    const value =
      body.type === 'patch' && body.patch === 'json'
        ? replacer.operations(body.operations, request)
        : replacer.object(body.object, request)
    return `${line}\n\n${isLong ? JSON.stringify(value, null, 2) : stringify(value, { lineWidth: 0, aliasDuplicateObjects: false }).trimEnd()}`
  }
  const recorded = render(mark, keep)
  const shown = isLong ? recorded : render(() => HIDDEN, hide)
  const beside = keepBeside(request, keep, session)
  const text = { shown, recorded: { text: recorded, parameters: [], keep: beside } }
  if (body.type !== 'none') texts.set(body, text)
  return text
}

/** Of what is said besides the text: a path outside resources is named as it is spelled, and words of a command without those around them. */
function keepBeside(
  request: ApiRequest,
  keep: (text: string) => string,
  session: Pick<Session, 'masking' | 'commitment'>,
): (said: string) => string {
  const ofCommand = withoutSecretsOf(commandText(request), session)
  const kept = keptPath(request.path, { keep })
  const plain = (text: string): string => ofCommand(escapeMarks(text))
  return (said) => (kept === request.path ? plain(said) : said.split(request.path).map(plain).join(kept))
}

/** By the body that was read: a request is judged several times on its way. */
const texts = new WeakMap<Body, RequestText>()

/**
 * An object, an event of a watch or a row of a table as a client got it, without the values of secrets: what rules hide is hidden in it
 * already.
 */
export function withoutSecretValues(
  piece: unknown,
  request: ApiRequest,
  session: Pick<Session, 'masking' | 'commitment'>,
): unknown {
  const replacer = new SecretReplacer(
    { ...session, masking: { ...session.masking, fields: [] } },
    (value) => commitmentMark(session.commitment(value)),
    (text) => withoutSecrets(escapeMarks(text), session),
  )
  if (!isObject(piece) || !isObject(piece['object']) || !('cells' in piece || 'type' in piece))
    return replacer.object(piece, request)
  const { object, ...around } = piece
  const shown = replacer.object(around, request)
  return isObject(shown) ? { ...shown, object: replacer.object(object, request) } : shown
}

/** With its paths as texts again. */
const operationOf = (operation: { readonly path: readonly string[]; readonly from?: readonly string[] }): object => ({
  ...operation,
  path: pointer(operation.path),
  ...(operation.from === undefined ? {} : { from: pointer(operation.from) }),
})

const pointer = (path: readonly string[]): string =>
  path.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

type Paths = readonly (readonly PathStep[])[]

/** Replaces what is secret in an object: contents of Secrets, tokens, and fields that are masked. */
class SecretReplacer {
  readonly #session: Pick<Session, 'masking' | 'commitment'>
  readonly #mark: (value: string) => string
  readonly #escape: (text: string) => string

  constructor(
    session: Pick<Session, 'masking' | 'commitment'>,
    mark: (value: string) => string,
    escape: (text: string) => string,
  ) {
    this.#session = session
    this.#mark = mark
    this.#escape = escape
  }

  object(content: unknown, owner: Owner): unknown {
    return this.#replace(content, this.#pathsOf(owner), [])
  }

  operations(operations: readonly PatchOperation[], owner: Owner): readonly object[] {
    const paths = this.#pathsOf(owner)
    return operations.map((operation) => {
      const shown = operationOf(operation)
      if (!('value' in operation)) return shown
      const inner = operation.path.reduce(
        (left, step) => left.flatMap((path) => (path.length === 0 ? [path] : after(path, step))),
        paths,
      )
      return { ...shown, value: this.#replace(operation.value, inner, operation.path) }
    })
  }

  #pathsOf(owner: Owner): Paths {
    const own = `${owner.resource}.${owner.group}`
    const always = ALWAYS.get(own) ?? []
    return [...always, ...fieldsOf(owner, this.#session.masking.fields ?? []).map(({ path }) => path)]
  }

  #replace(value: unknown, paths: Paths, trail: readonly string[]): unknown {
    if (paths.some((path) => path.length === 0)) return this.#whole(value)
    if (COMMANDS.has(trail.at(-1) ?? '') && isTexts(value)) {
      const kept = keptWords(value, { keep: this.#escape, mark: this.#mark })
      return value.map((word, index) => kept[index] ?? word)
    }
    if (isList(value))
      return value.map((item) =>
        this.#replace(
          item,
          paths.map((path) => (path[0] === null ? path.slice(1) : path)),
          trail,
        ),
      )
    if (typeof value === 'string') {
      const [top, second] = trail
      return top === 'metadata' && second === 'annotations' ? this.#annotation(value, trail) : this.#escape(value)
    }
    if (!isObject(value)) return value
    const inner = trail.length === 0 ? paths : [...paths, ...this.#ofKind(value)]
    const { name: own } = value
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => {
        const isNamed = SECRET_NAME.test(name) || (name === 'value' && typeof own === 'string' && SECRET_NAME.test(own))
        const left = inner.flatMap((path) => after(path, name))
        return [
          this.#escape(name),
          isNamed && typeof item === 'string' ? this.#mark(item) : this.#replace(item, left, [...trail, name]),
        ]
      }),
    )
  }

  /** An object that says what it is, within another. */
  #ofKind({ kind, apiVersion }: Readonly<Record<string, unknown>>): Paths {
    if (typeof kind !== 'string' || typeof apiVersion !== 'string') return []
    const owner = resourceOfKind(groupOf(apiVersion), kind)
    return owner === undefined ? [] : this.#pathsOf(owner)
  }

  /** `kubectl apply` keeps the whole object in one. */
  #annotation(text: string, trail: readonly string[]): unknown {
    if (!/^\s*[[{]/.test(text)) return this.#escape(text)
    try {
      const copy: unknown = JSON.parse(text)
      return JSON.stringify(this.#replace({ copy }, [], trail))
    } catch {
      return this.#mark(text)
    }
  }

  #whole(value: unknown): unknown {
    if (value === null || value === undefined) return value
    if (isList(value)) return value.map((item) => this.#whole(item))
    if (isObject(value))
      return Object.fromEntries(Object.entries(value).map(([name, item]) => [this.#escape(name), this.#whole(item)]))
    return this.#mark(String(value))
  }
}

const after = (path: readonly PathStep[], name: string): Paths =>
  path[0] === null || path[0] === name ? [path.slice(1)] : []

/** Secret whatever rules say, by the resource. */
const ALWAYS: ReadonlyMap<string, Paths> = new Map([
  ['secrets.', [['data'], ['stringData']]],
  ['tokenreviews.authentication.k8s.io', [['spec', 'token']]],
])
/** Fields that have the words of a command. */
const COMMANDS: ReadonlySet<string> = new Set(['command', 'args'])
const isTexts = (value: unknown): value is readonly string[] =>
  isList(value) && value.every((item) => typeof item === 'string')
/** What passwords are called, as keys and as variables of an environment. */
const SECRET_NAME = /(?:pass(?:word|wd|phrase)?|pwd|secret|token|credentials?|(?:api|access|private)[_-]?key)$/i
/** YAML of more would be written for longer than other sessions should wait. */
const MAX_YAML_BYTES = 32 * 1024
const HIDDEN = '(not shown)'
