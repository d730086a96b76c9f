import { z } from 'zod'
import { PamError } from '../../../shared/errors.ts'
import { describeIssue } from '../../../shared/describe-issue.ts'
import { describeProblem, openYaml, type YamlFile, type YamlPath } from '../../../shared/yaml-file.ts'
import type { DescribedOperation } from '../facts/described-request.ts'
import { basePathOf } from './base-path.ts'
import { readPathTemplate, relationOf, requestOnBoth } from './path-template.ts'
import { documentSchema, pathItemMethods, pathItemSchema, type OpenApiServer, type PathItem } from './schema.ts'
import { ServiceDescription, type DescribedPath } from './service-description.ts'

export interface DocumentOptions {
  /** Where the paths of the document begin, in place of its servers; without a slash at the end. */
  readonly basePath: string | undefined
  /** Names of operations that change something although their method says that they do not. */
  readonly unsafe: readonly string[]
}

/**
 * An OpenAPI document, 3.0 or 3.1, in JSON or YAML. `file` is what errors call it. Throws CONFIG_INVALID with every problem, a line each, with file, line
 * and column.
 */
export const readDocument = (text: string, file: string, options: DocumentOptions): ServiceDescription =>
  new ServiceDescription(readPaths(text, file, options))

/** The paths of the document alone, which can be sent from one thread to another. */
export function readPaths(text: string, file: string, { basePath, unsafe }: DocumentOptions): readonly DescribedPath[] {
  const document = openYaml(text, file, documentSchema)
  const reader = new DocumentReader(document, basePath, new Set(unsafe))
  const paths = Object.keys(document.data.paths)
    .filter((key) => !key.startsWith('x-'))
    .flatMap((key) => reader.path(key) ?? [])
  reader.review(paths)
  if (reader.problems.length > 0)
    throw new PamError('CONFIG_INVALID', reader.problems.slice(0, MAX_PROBLEMS).join('\n'))
  return paths.map(({ described }) => described)
}

interface ReadPath {
  readonly key: string
  readonly described: DescribedPath
}

class DocumentReader {
  readonly problems: string[] = []
  readonly #document: YamlFile<z.output<typeof documentSchema>>
  readonly #basePath: string | undefined
  readonly #unsafe: ReadonlySet<string>
  /** Where each name stands. */
  readonly #names = new Map<string, YamlPath>()

  constructor(
    document: YamlFile<z.output<typeof documentSchema>>,
    basePath: string | undefined,
    unsafe: ReadonlySet<string>,
  ) {
    this.#document = document
    this.#basePath = basePath
    this.#unsafe = unsafe
  }

  path(key: string): ReadPath | undefined {
    const at = ['paths', key]
    const item = this.#itemOf(key)
    if (item === undefined) return undefined
    const base = this.#baseOf(item.servers ?? this.#document.data.servers, at)
    if (base === undefined) return undefined
    const path = base + key
    const template = readPathTemplate(path)
    if ('failure' in template) return this.#problem(at, `${template.failure}; correct the path, or leave it out`)
    const operations = new Map<string, DescribedOperation>()
    for (const method of pathItemMethods) {
      const operation = this.#operation(item, method, key, base)
      if (operation !== undefined) operations.set(method.toUpperCase(), operation)
    }
    return { key, described: { basePath: base, path, steps: template.steps, operations } }
  }

  /** Paths of which none comes first for some request. */
  review(paths: readonly ReadPath[]): void {
    const bySteps = new Map<number, ReadPath[]>()
    for (const path of paths) {
      const { steps, operations } = path.described
      const known = bySteps.get(steps.length) ?? []
      for (const other of known) {
        const relation = relationOf(other.described.steps, steps)
        if (relation === 'same')
          this.#problem(['paths', path.key], `is the same path as ${other.key}: put them together`)
        if (relation === 'crossing' && shareMethod(operations, other.described.operations))
          this.#problem(
            ['paths', path.key],
            `${requestOnBoth(other.described.steps, steps)} would match both this path and ${other.key}: leave one of them out`,
          )
      }
      bySteps.set(steps.length, [...known, path])
    }
  }

  #operation(
    item: PathItem,
    method: (typeof pathItemMethods)[number],
    key: string,
    base: string,
  ): DescribedOperation | undefined {
    const given = item[method]
    if (given === undefined) return undefined
    const at = ['paths', key, method]
    const name = given.operationId ?? `${method.toUpperCase()} ${key}`
    const isReading = READING.has(method)
    const other = this.#names.get(name)
    if (other !== undefined)
      this.#problem(
        [...at, 'operationId'],
        `"${name}" is the name of another operation, at ${this.#document.place(other)}`,
      )
    this.#names.set(name, at)
    if (given['x-pam-safe'] === true && !isReading)
      this.#problem([...at, 'x-pam-safe'], 'only a GET, HEAD or OPTIONS can be safe: remove it')
    if (given.servers !== undefined && (this.#baseOf(given.servers, at) ?? base) !== base)
      this.#problem(
        [...at, 'servers'],
        'the servers of an operation must begin where its path does: give basePath with the target',
      )
    return {
      name,
      tags: given.tags ?? [],
      isSafe: isReading && given['x-pam-safe'] !== false && !this.#unsafe.has(name),
    }
  }

  #baseOf(servers: readonly OpenApiServer[] | undefined, at: YamlPath): string | undefined {
    if (this.#basePath !== undefined) return this.#basePath
    const read = basePathOf(servers)
    return 'failure' in read ? this.#problem(at, read.failure) : read.basePath
  }

  /** A path, or what it refers to within the document. */
  #itemOf(key: string): PathItem | undefined {
    const at = ['paths', key]
    let item: PathItem | undefined = this.#document.data.paths[key]
    for (let steps = 0; item?.$ref !== undefined; steps++) {
      const { $ref, ...beside } = item
      if (Object.keys(beside).some((word) => !/^(?:summary|description|x-.*)$/.test(word)))
        return this.#problem(at, 'a path that has $ref cannot have anything else')
      if (!$ref.startsWith('#/'))
        return this.#problem(
          [...at, '$ref'],
          'only references within the document (#/…) are read: copy the path into it',
        )
      if (steps >= MAX_REFERENCES)
        return this.#problem([...at, '$ref'], 'refers to itself, or through too many references')
      const meant = valueAt(this.#document.raw, $ref)
      if (meant === undefined) return this.#problem([...at, '$ref'], `there is nothing at ${$ref}`)
      const read = pathItemSchema.safeParse(meant, { error: describeIssue })
      if (!read.success)
        return this.#problem([...at, '$ref'], `${$ref}: ${read.error.issues[0]?.message ?? 'is not a path'}`)
      item = read.data
    }
    return item
  }

  #problem(at: YamlPath, message: string): undefined {
    this.problems.push(describeProblem(this.#document.place(at), at, message))
    return undefined
  }
}

/** A HEAD may be taken for the GET. */
function shareMethod(one: DescribedPath['operations'], other: DescribedPath['operations']): boolean {
  const plain = (method: string): string => (method === 'HEAD' ? 'GET' : method)
  const methods = new Set([...one.keys()].map(plain))
  return [...other.keys()].some((method) => methods.has(plain(method)))
}

/** Source: RFC 6901, in a fragment (section 6). */
function valueAt(document: unknown, reference: string): unknown {
  let at = document
  for (const text of reference.slice(2).split('/')) {
    if (typeof at !== 'object' || at === null) return undefined
    const step = decodeStep(text)
    if (step === undefined || !Object.hasOwn(at, step)) return undefined
    at = Reflect.get(at, step)
  }
  return at
}

function decodeStep(text: string): string | undefined {
  try {
    return decodeURIComponent(text).replaceAll('~1', '/').replaceAll('~0', '~')
  } catch {
    return undefined
  }
}

/** Source: RFC 9110, section 9.2.1, but for TRACE. */
const READING: ReadonlySet<string> = new Set(['get', 'head', 'options'])
const MAX_REFERENCES = 8
const MAX_PROBLEMS = 20
