import type { DescribedOperation, DescribedRequest } from '../facts/described-request.ts'
import { nearestWord } from '../../../shared/nearest-word.ts'
import { matchesLoosely, matchesSteps, foldPath, foldRoute, foldSteps, mayMeetRoute, waysOf } from '../policy/routes.ts'
import type { HttpRequest } from '../request/http-request.ts'
import { readingsOf } from '../request/read-target.ts'
import { PathIndex } from './path-index.ts'
import { relationOf } from './path-template.ts'

/** A path of the description with its operations. */
export interface DescribedPath {
  /** Where it begins, without a slash at the end; empty for the root. */
  readonly basePath: string
  /** With the base path; names in braces. */
  readonly path: string
  /** Decoded, with the base path. */
  readonly steps: readonly string[]
  /** By method, in upper case. */
  readonly operations: ReadonlyMap<string, DescribedOperation>
}

/**
 * The operations of a service and which requests are for them. Concrete paths come before templated ones (OpenAPI 3.1.1, Path Templating Matching), step
 * by step; of two that cross, and have a method in common, none would come first: whoever makes a description has refused them.
 */
export class ServiceDescription {
  readonly operations: readonly DescribedOperation[]
  readonly #paths: readonly PreparedPath[]
  readonly #bySteps: PathIndex<PreparedPath>
  readonly #byFolded: PathIndex<PreparedPath>
  /** By route. */
  readonly #met = new Map<string, boolean>()
  readonly #nearest = new Map<string, string | undefined>()

  constructor(paths: readonly DescribedPath[]) {
    this.#paths = paths.map((path) => ({ ...path, folded: foldSteps(path.steps) }))
    this.#bySteps = new PathIndex(this.#paths, ({ steps }) => steps)
    this.#byFolded = new PathIndex(this.#paths, ({ folded }) => folded)
    this.operations = paths.flatMap(({ operations }) => [...operations.values()])
  }

  /** Every path with its base path, as the document has it. */
  get paths(): readonly string[] {
    return this.#paths.map(({ path }) => path)
  }

  /** Where its paths begin; empty for the root. */
  get basePaths(): readonly string[] {
    return [...new Set(this.#paths.map(({ basePath }) => basePath))]
  }

  /** The method of an operation, by its name. */
  methodOf(name: string): string | undefined {
    return this.#named((operation) => operation.name === name)?.method
  }

  /** The name of the operation that a text such as `DELETE /orders/{id}` stands for, with or without the base path. */
  nameOf(text: string): string | undefined {
    return this.#named(
      (_operation, method, { path, basePath }) =>
        text === `${method} ${path}` || text === `${method} ${path.slice(basePath.length)}`,
    )?.name
  }

  #named(
    matches: (operation: DescribedOperation, method: string, path: DescribedPath) => boolean,
  ): { readonly name: string; readonly method: string } | undefined {
    for (const path of this.#paths)
      for (const [method, operation] of path.operations)
        if (matches(operation, method, path)) return { name: operation.name, method }
    return undefined
  }

  /** Whether a request that it has may be on a route. Remembered: the rules of a configuration ask again at each reload. */
  meets(route: string): boolean {
    const known = this.#met.get(route)
    if (known !== undefined) return known
    const steps = foldRoute(route)
    const isMet = this.#paths.some(({ folded }) => mayMeetRoute(steps, folded))
    this.#met.set(route, isMet)
    return isMet
  }

  /** The path that a route was probably meant to be. Remembered, too. */
  nearestTo(route: string): string | undefined {
    if (!this.#nearest.has(route)) this.#nearest.set(route, nearestWord(route, this.paths))
    return this.#nearest.get(route)
  }

  /**
   * Which operation a request is, and which others some server may take it for. One that is none as it stands, and may be one for some server, is `refused`:
   * an operation has one spelling here.
   */
  describe({
    method,
    segments,
  }: Pick<HttpRequest, 'method' | 'segments'>): DescribedRequest | { readonly refused: string } {
    const methods = method === 'HEAD' ? ['HEAD', 'GET'] : [method]
    const operationsOf = ({ operations }: DescribedPath): readonly DescribedOperation[] =>
      methods.flatMap((name) => operations.get(name) ?? [])
    const exact = this.#bySteps.exact(segments).filter(({ steps }) => matchesSteps(steps, segments))
    const first = exact.filter(({ steps }) => !exact.some((other) => relationOf(other.steps, steps) === 'inside'))
    const [own, ...twins] = first.flatMap(operationsOf)
    // Of the request once, not of each path: documents have thousands.
    const ways = readingsOf(segments).flatMap((reading) => waysOf(foldPath(reading)))
    const others = this.#byFolded
      .loose(ways)
      .filter((path) => ways.some((way) => matchesLoosely(path.folded, way)) && !first.includes(path))
    if (own !== undefined) {
      // What comes behind a more concrete path, as it stands, is not meant.
      const alike = others.filter((path) => !exact.includes(path)).flatMap(operationsOf)
      return { operation: own, alternatives: [...twins, ...alike], unknown: undefined }
    }
    const [taken] = others.filter((path) => operationsOf(path).length > 0)
    if (taken !== undefined)
      return {
        refused: `the OpenAPI document of the target has no such request, and a server may take it for ${method} ${taken.path}`,
      }
    const [known] = first
    return {
      operation: undefined,
      alternatives: [],
      unknown:
        known === undefined
          ? 'the OpenAPI document of the target has no such path'
          : `the OpenAPI document of the target has no ${method} of ${known.path}`,
    }
  }
}

interface PreparedPath extends DescribedPath {
  readonly folded: readonly string[]
}
