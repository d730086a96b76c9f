import type { CatalogRows } from './rows.ts'
import { reachesBeyond } from './system-functions.ts'

/** The result of the list of reviewed functions for a database. */
export interface SafeFunctions {
  /** `schema.name` of those for which every function of this name is as it was reviewed. */
  readonly trusted: ReadonlySet<string>
  /** Why other listed functions are not trusted, by the same; and by `name` for existing ones. */
  readonly distrusted: ReadonlyMap<string, string>
}

/**
 * A name does not determine what a function does: its owner may replace it, and another of the same name may be created for other
 * arguments. So the digest of its definition must match, and the session's search path must not determine what its text refers to.
 */
export function safeFunctionsIn(functions: CatalogRows['functions'], declared: readonly string[]): SafeFunctions {
  const known = found.get(functions) ?? new Map<string, SafeFunctions>()
  found.set(functions, known)
  const key = JSON.stringify(declared)
  const before = known.get(key)
  if (before !== undefined) return before
  const digests = new Map<string, Set<string>>()
  for (const entry of declared) {
    const [name = '', digest] = entry.split(BEFORE_DIGEST)
    const own = digests.get(name) ?? new Set()
    digests.set(name, digest === undefined ? own : own.add(digest))
  }
  const trusted = new Set<string>()
  const distrusted = new Map<string, string>()
  const seen = new Set<string>()
  for (const [name, of, schema, digest, , settled] of digests.size === 0 ? [] : functions) {
    const called = `${schema}.${name}`
    const reviewed = digests.get(called)
    if (of !== 'user' || reviewed === undefined) continue
    seen.add(called)
    const why = whyNot(called, { reviewed, digest: String(digest), isSettled: settled != null })
    if (why !== undefined) distrusted.set(called, why).set(String(name), why)
  }
  for (const called of digests.keys()) {
    const [schema, name = ''] = called.split('.')
    if (seen.has(called)) {
      if (!distrusted.has(called)) trusted.add(called)
    } else if (schema !== 'pg_catalog')
      distrusted.set(called, `safeFunctions lists ${called}, which is no function here`)
    // Built-in functions cannot be replaced; all are trusted but those that no list can make harmless.
    else if (!reachesBeyond(name)) trusted.add(called)
  }
  const made = { trusted, distrusted }
  known.set(key, made)
  return made
}

function whyNot(
  called: string,
  { reviewed, digest, isSettled }: { reviewed: ReadonlySet<string>; digest: string; isSettled: boolean },
): string | undefined {
  if (reviewed.size === 0) return `safeFunctions lists ${called} without the digest of its definition, sha256:${digest}`
  if (!reviewed.has(digest)) return `${called} is not what safeFunctions lists: its digest is sha256:${digest}`
  return isSettled
    ? undefined
    : `safeFunctions lists ${called}, which is an aggregate or sets no search_path that is empty or ends with pg_temp`
}

const BEFORE_DIGEST = '@sha256:'
const found = new WeakMap<CatalogRows['functions'], Map<string, SafeFunctions>>()
