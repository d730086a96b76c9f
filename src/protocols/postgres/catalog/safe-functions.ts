import type { CatalogRows } from './rows.ts'
import { reachesBeyond } from './system-functions.ts'

/** What the list of functions that were reviewed comes to in a database. */
export interface SafeFunctions {
  /** `schema.name` of those of which everything that has this name is as it was reviewed. */
  readonly trusted: ReadonlySet<string>
  /** Why others that are listed are not, by the same; and by `name` of those that there are. */
  readonly distrusted: ReadonlyMap<string, string>
}

/**
 * Names say nothing of what a function does: whoever owns it may replace it, and another of the same name may be made for other arguments. What
 * counts is the digest of its definition, and that the session's search path does not decide what its text names.
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
    // The system's own are what they are, but for those that no list makes harmless.
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
