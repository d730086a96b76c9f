import { namesAnything } from '../../dialect/command-facts.ts'
import type { StatementFacts } from '../../dialect/statement-facts.ts'
import { FIRST_USER_OID, type Catalog } from '../../catalog/catalog.ts'
import type { MaskingScope } from '../../masking/scope.ts'
import { repeated, type Origin } from '../../../../sql/lineage/origin.ts'
import type { OwnRows } from '../pipeline/pending.ts'
import type { Answer } from './ask.ts'
import {
  queryOf,
  splitText,
  textOfQuery,
  withoutConstants,
  withTextDeclared,
  type BareText,
  type Parse,
  type QueryText,
} from './ask-text.ts'
import { differences, type CalledFunction, type CalledNames } from './compare.ts'
import { readNodeTree, TreeError } from './node-tree.ts'
import { readQueryTree, type ServerReading } from './read-query.ts'

/** The result of comparing the statements of a text with the server's reading of them. */
export interface Opinion {
  /** For each statement, why the gateway's reading does not cover the server's, for the log; empty if it does. */
  readonly differs: readonly (readonly string[])[]
  /** The server rejected a statement in its analysis, so it will not run it either; later it may accept it. */
  readonly failed: boolean
  /** For each statement, the server's reading if it was asked. */
  readonly readings: readonly (ServerReading | undefined)[]
}

/** The connection to ask, and what is known about it. */
export interface ReadingSource {
  readonly catalog: Catalog
  readonly masking: MaskingScope
  /** An error has no lasting effect, so another text can be asked after it. */
  readonly canAskAgain: boolean
  /** The length of the longest tree that it can pass on, in characters. */
  readonly longestTree: number
  ask(text: QueryText): Promise<Answer>
  /** The rows of the gateway's own queries. */
  rows(texts: readonly string[]): Promise<readonly OwnRows[]>
}

/** Asks the server how it understands a text, and determines whether the gateway's facts cover that. */
export class SecondOpinion {
  readonly #source: ReadingSource
  readonly #parse: Parse

  constructor(source: ReadingSource, parse: Parse) {
    this.#source = source
    this.#parse = parse
  }

  /** Whether the server needs to be asked about any of the statements. */
  static isDue(facts: StatementFacts): boolean {
    return facts.refusal === undefined && facts.parsed.some((_, index) => isAsked(facts, index))
  }

  /** None of the client's messages may be in flight. `types`: the types of the parameters, as the client declares them. */
  async of(sql: string, types: readonly number[], facts: StatementFacts): Promise<Opinion> {
    const cannot = (why: string): string[] => [`the server could not be asked: ${why}`]
    if (sql.length > Math.min(MAX_LENGTH, this.#source.longestTree / TREE_PER_CHARACTER))
      return {
        differs: facts.parsed.map((_, index) => (isAsked(facts, index) ? cannot('it is too long') : [])),
        failed: false,
        readings: [],
      }
    const pieces = await splitText(sql, facts.parsed, this.#parse)
    const differs: string[][] = []
    const readings: (ServerReading | undefined)[] = []
    let failed = false
    for (const index of facts.parsed.keys()) {
      const piece = pieces?.[index]
      differs[index] = []
      if (!isAsked(facts, index)) continue
      const answer =
        piece === undefined
          ? { cannot: 'its statements cannot be told apart' }
          : await this.#readingOf(piece, types, facts, index)
      if ('cannot' in answer) differs[index] = cannot(answer.cannot)
      else if ('failed' in answer) failed = true
      else {
        readings[index] = answer
        const names = await this.#namesIn(answer)
        const { catalog, masking } = this.#source
        differs[index] = differences(facts, index, answer, names, catalog, masking)
      }
    }
    return { differs, failed, readings }
  }

  async #readingOf(
    sql: string,
    types: readonly number[],
    facts: StatementFacts,
    index: number,
  ): Promise<ServerReading | { readonly cannot: string } | { readonly failed: true }> {
    const statement = facts.parsed[index]
    const query = statement && queryOf(statement)
    if (statement === undefined || query === undefined) return { cannot: 'it has no query' }
    const text = await textOfQuery(sql, query, this.#parse)
    if (text === undefined) return { cannot: 'its query cannot be told from the rest' }
    const isWhole = query === statement.tree
    const asItIs: QueryText = { sql: text, types: isWhole ? types : [] }
    const texts = this.#inOrder(asItIs, await withoutConstants(asItIs, query, this.#parse))
    let error = 'none, since its constants may run code of users'
    for (const asked of texts) {
      const answer = await this.#answerTo(asked)
      if ('tree' in answer) {
        try {
          return readQueryTree(readNodeTree(answer.tree))
        } catch (failure) {
          if (!(failure instanceof TreeError)) throw failure
          return { cannot: `its tree: ${failure.message}` }
        }
      }
      error = answer.error
      if (answer.isShown) return { failed: true }
      if (!ANALYSIS.test(error)) break
      // The server does not run what it cannot analyse. The question did not have the parameter types that PREPARE declares.
      const isTheSame = asked.sql === text && !statement.kinds.includes('prepare')
      if (isTheSame || WHATEVER_CONSTANTS.has(error)) return { failed: true }
    }
    return { cannot: `error ${error}` }
  }

  /** Asks again if the server cannot determine the type of a string where any type is allowed. */
  async #answerTo(asked: QueryText | BareText): Promise<Answer> {
    let text: QueryText | BareText | undefined = asked
    for (let round = 0; ; round++) {
      const answer: Answer = await this.#source.ask(text)
      if ('tree' in answer || answer.isShown || answer.error !== INDETERMINATE_DATATYPE || round === MAX_DECLARED)
        return answer
      text = 'given' in text ? withTextDeclared(text, answer.text) : undefined
      if (text === undefined) return answer
    }
  }

  /** The texts to ask with; each is used if the one before it results in an error. */
  #inOrder(asItIs: QueryText, bare: BareText | undefined): (QueryText | BareText)[] {
    // Analysis converts a constant to its type, which would run the code of a user-defined type.
    const isHarmless = this.#source.catalog.typesByOid.size === 0
    const isSafe = bare !== undefined && (isHarmless || !bare.hasStrings)
    if (isSafe && bare.sql === asItIs.sql) return [asItIs]
    if (isHarmless && !this.#source.canAskAgain) return [asItIs]
    return [...(isSafe ? [bare] : []), ...(isHarmless ? [asItIs] : [])]
  }

  /**
   * The functions and types with these object ids; those of the system are shared by all sessions whose catalogs list the same system
   * functions.
   */
  async #namesIn({ functions, types }: ServerReading): Promise<CalledNames> {
    const known = knownFunctions(this.#source.catalog)
    const oids = [...functions.keys()].filter((oid) => oid >= FIRST_USER_OID || !known.has(oid))
    const texts = [
      ...(oids.length > 0 ? [functionNames(oids)] : []),
      ...(types.size > 0 ? [typesThatRun([...types])] : []),
    ]
    const rows = texts.length === 0 ? [] : await this.#source.rows(texts)
    const named = oids.length > 0 ? (rows[0] ?? []) : []
    const converted = types.size > 0 ? (rows[oids.length > 0 ? 1 : 0] ?? []) : []
    const all = new Map<number, CalledFunction>()
    for (const [oid, schema, name, volatility] of named) {
      const called = { schema: String(schema), name: String(name), isVolatile: volatility === 'v' }
      all.set(Number(oid), called)
      if (Number(oid) < FIRST_USER_OID) known.set(Number(oid), called)
    }
    for (const oid of functions.keys()) {
      const called = known.get(oid)
      if (called !== undefined) all.set(oid, called)
    }
    const { safeFunctions, reviewed } = this.#source.catalog
    const runs = converted.filter(
      ([, called, oid]) => !safeFunctions.has(String(called)) && !reviewed.functions.oids.has(Number(oid)),
    )
    return { functions: all, types: runs.map(([type]) => String(type)) }
  }
}

/** By the system functions in the catalogs, which are shared by connections to the same server only. */
const systemNames = new WeakMap<Catalog['systemFunctions'], Map<number, CalledFunction>>()

function knownFunctions({ systemFunctions }: Catalog): Map<number, CalledFunction> {
  const known = systemNames.get(systemFunctions) ?? new Map<number, CalledFunction>()
  systemNames.set(systemFunctions, known)
  return known
}

/** A statement of unknown effect covers everything; one that names nothing can be read in one way only. */
const isAsked = (facts: StatementFacts, index: number): boolean => {
  const statement = facts.parsed[index]
  return (
    statement !== undefined &&
    facts.statements[index]?.unknown.length === 0 &&
    namesAnything(statement) &&
    queryOf(statement) !== undefined
  )
}

/** The facts, with unknown effect for the statements that the server reads differently; `anything` is the origin of their values. */
export function disputed(
  facts: StatementFacts,
  differs: readonly (readonly string[])[],
  anything: Origin,
): StatementFacts {
  const isDisputed = (index: number): boolean => (differs[index]?.length ?? 0) > 0
  return {
    ...facts,
    statements: facts.statements.map((statement, index) =>
      isDisputed(index) ? { ...statement, unknown: [...statement.unknown, DISPUTED] } : statement,
    ),
    lineage: facts.lineage.map((lineage, index) =>
      isDisputed(index) ? { ...lineage, outputs: [repeated(anything)], visible: undefined } : lineage,
    ),
    errorExposure: facts.lineage.length > 0 ? 'any' : facts.errorExposure,
    changesCatalog: true,
  }
}

const DISPUTED = 'the target does not parse it as the gateway does'

const functionNames = (oids: readonly number[]): string =>
  `select p.oid, n.nspname, p.proname, p.provolatile from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) p.pronamespace where p.oid operator(pg_catalog.=) any ('{${oids.join(',')}}'::pg_catalog.oid[])`

/** Those of the types, with their parts, whose input or checks run user-defined functions, and these functions. */
const typesThatRun = (oids: readonly number[]): string =>
  `with recursive t(oid) as (select o from pg_catalog.unnest('{${oids.join(',')}}'::pg_catalog.oid[]) o union select part.oid from t join pg_catalog.pg_type y on y.oid operator(pg_catalog.=) t.oid cross join lateral (values (y.typbasetype), (y.typelem)) part(oid) where part.oid operator(pg_catalog.>=) ${FIRST_USER_OID}::pg_catalog.oid), f as (select t.oid, y.typinput::pg_catalog.oid as called from t join pg_catalog.pg_type y on y.oid operator(pg_catalog.=) t.oid union all select k.contypid, d.refobjid from t join pg_catalog.pg_constraint k on k.contypid operator(pg_catalog.=) t.oid join pg_catalog.pg_depend d on d.classid operator(pg_catalog.=) 'pg_catalog.pg_constraint'::pg_catalog.regclass and d.objid operator(pg_catalog.=) k.oid and d.refclassid operator(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass) select y.typname, n.nspname operator(pg_catalog.||) '.' operator(pg_catalog.||) p.proname, p.oid from f join pg_catalog.pg_type y on y.oid operator(pg_catalog.=) f.oid join pg_catalog.pg_proc p on p.oid operator(pg_catalog.=) f.called join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) p.pronamespace where p.oid operator(pg_catalog.>=) ${FIRST_USER_OID}::pg_catalog.oid`

/** Errors of analysis, which the same text causes again: something does not exist, does not match or is not supported. */
const ANALYSIS = /^(42|22|0A|3F|21|54)/
/** Those among them that do not depend on constants: a column or table that does not exist, a feature that is not supported. */
const WHATEVER_CONSTANTS = new Set(['42703', '42P01', '0A000', '3F000'])
/** Only in a text with parameters in place of its constants. */
const INDETERMINATE_DATATYPE = '42P18'
/** The number of strings of one statement that are declared one after the other, each after an error. */
const MAX_DECLARED = 20
/** In characters of a text; and those of a tree for each of them. */
const MAX_LENGTH = 256 * 1024
const TREE_PER_CHARACTER = 200
