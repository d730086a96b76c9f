import type { SqlStatement } from '../../policy/command.ts'
import { PamError } from '../../shared/errors.ts'
import { findRelation, type Catalog } from './catalog.ts'
import { unknownCalls } from './functions.ts'
import { guard } from './guard.ts'
import type { MaskingScope } from './masking-scope.ts'
import type { NamedRelation, ParsedStatement } from './parsed-statement.ts'

/** All that the session needs to know about one text: for policy, for masking, for its own bookkeeping. */
export interface StatementFacts {
  readonly statements: readonly SqlStatement[]
  readonly parsed: readonly ParsedStatement[]
  /** Why it is refused whatever the rules say. */
  readonly refusal: PamError | undefined
  /** Masked values can be in the result or in an error: what is not known to be harmless is masked. */
  readonly tainted: boolean
  /** Definitions may have changed once it has run. */
  readonly changesCatalog: boolean
  /** Which relations, exactly, the names stood for: another one under the same name is another command. */
  readonly objects: string
  /** Names that nothing in the catalogs has; they may be new. */
  readonly unresolved: boolean
}

/** Resolves the names of parsed statements against the catalogs. */
export function resolveFacts(
  parsed: readonly ParsedStatement[],
  catalog: Catalog,
  masking: MaskingScope,
): StatementFacts {
  const statements = parsed.map((statement) => resolveStatement(statement, catalog))
  const relations = parsed
    .flatMap(({ reads, writes }) => [...reads, ...writes])
    .map((named) => findRelation(catalog, named))
  const refusals = parsed.map((statement) => guard(statement, catalog, masking))
  const hides = masking.plan.columns.length > 0
  return {
    statements,
    parsed,
    refusal: refusals.find((refusal) => refusal !== undefined),
    tainted:
      hides &&
      (relations.some((relation) => relation === undefined || masking.isTainted(relation)) ||
        statements.some(({ unknown, kinds }) => unknown.length > 0 || kinds.some((kind) => REPLAYS.has(kind)))),
    changesCatalog: statements.some(
      ({ kinds, unknown }) => unknown.length > 0 || kinds.some((kind) => DEFINES.test(kind)),
    ),
    objects: relations.map((relation) => relation?.oid ?? 0).join(','),
    unresolved:
      relations.includes(undefined) ||
      parsed.some(({ functions }) => functions.some(({ name }) => !isKnownFunction(name, catalog))),
  }
}

function resolveStatement(statement: ParsedStatement, catalog: Catalog): SqlStatement {
  const nameOf = (named: NamedRelation): string =>
    findRelation(catalog, named)?.name ?? `${named.schema ?? UNRESOLVED_SCHEMA}.${named.name}`
  return {
    kinds: statement.kinds,
    reads: statement.reads.map(nameOf),
    writes: statement.writes.map(nameOf),
    behind: namesBehind(statement, catalog),
    functions: statement.functions.map(({ schema, name }) => (schema === undefined ? name : `${schema}.${name}`)),
    missingWhere: statement.missingWhere,
    unknown: [...statement.unknown, ...unknownCalls(statement, catalog)],
  }
}

/** Relations that the named ones show rows of, through any number of views and generations. */
function namesBehind(statement: ParsedStatement, catalog: Catalog): string[] {
  const named = [...statement.reads, ...statement.writes].map((relation) => findRelation(catalog, relation))
  const seen = new Set(named.filter((relation) => relation !== undefined))
  const own = new Set(seen)
  for (const relation of seen) {
    for (const oid of [...relation.viewOf, ...relation.related]) {
      const source = catalog.byOid.get(oid)
      if (source !== undefined) seen.add(source)
    }
  }
  return [...seen].filter((relation) => !own.has(relation)).map(({ name }) => name)
}

/** A statement that could not be parsed: unknown, in words that name the place but no content. */
export const unparsed = (reason: string): SqlStatement => ({
  kinds: ['unknown'],
  reads: [],
  writes: [],
  behind: [],
  functions: [],
  missingWhere: false,
  unknown: [reason],
})

const isKnownFunction = (name: string, catalog: Catalog): boolean =>
  catalog.systemFunctions.has(name) || catalog.volatileFunctions.has(name) || catalog.userFunctions.has(name)

/** Never the name of a schema that a rule allows: what does not resolve fits only rules for everything. */
const UNRESOLVED_SCHEMA = '?'

/** Statements that bring back rows of one that was judged before. */
const REPLAYS = new Set(['fetch', 'execute', 'explain'])
const DEFINES = /^(create-|alter-|drop-|select-into|rename|define|do$|call$|import-|discard)/
