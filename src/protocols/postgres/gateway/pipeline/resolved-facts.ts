import { FIRST_USER_OID, type Catalog } from '../../catalog/catalog.ts'
import type { ChangedBy } from '../../catalog/change-log.ts'
import { factsOfLastReading, resolveFacts, type FindPrepared } from '../../dialect/command-facts.ts'
import type { GuardOptions } from '../../dialect/guard.ts'
import { TOO_DEEP } from '../../dialect/depth.ts'
import { unparsed } from '../../dialect/resolve-statement.ts'
import type { ParsedStatement } from '../../../../sql/facts/parsed-statement.ts'
import type { Failure, ParsedText, SqlParser } from '../../dialect/sql-parser.ts'
import type { StatementFacts } from '../../dialect/statement-facts.ts'
import { pinnedOf } from '../../session-settings.ts'
import type { PipelineState } from './pipeline-state.ts'
import { sharedFacts } from './shared-facts.ts'

/**
 * The facts of parsed texts under the catalogs that the session knows, determined once for each reading of the catalogs. Sessions with the
 * same knowledge at login share the facts; those of a session's later readings are its own.
 */
export class ResolvedFacts {
  readonly #pipeline: PipelineState
  readonly #parser: SqlParser
  /** By the parsed text, which texts with the same statements share. */
  #cache: WeakMap<ParsedText, StatementFacts>
  #generation: number
  readonly #options: GuardOptions
  /** By parameter types, for facts without them. */
  readonly #typed = new WeakMap<StatementFacts, Map<string, StatementFacts>>()
  readonly #ofLastReading = new WeakMap<StatementFacts, Partial<Record<ChangedBy, StatementFacts>>>()

  constructor(pipeline: PipelineState, parser: SqlParser) {
    this.#pipeline = pipeline
    this.#parser = parser
    const { known, session } = pipeline
    this.#generation = known.generation
    this.#options = {
      readOnly: session.readOnly,
      ownAccount: session.config.ownAccount,
      pinned: pinnedOf(session.config.settings),
    }
    this.#cache = sharedFacts(known.catalog, known.masking, this.#options)
  }

  of(parsed: ParsedText, uncertain = this.#pipeline.known.uncertain): StatementFacts {
    const { known } = this.#pipeline
    if (this.#generation !== known.generation) {
      this.#cache = new WeakMap()
      this.#generation = known.generation
    }
    const before = uncertain === undefined ? this.#cache.get(parsed) : undefined
    if (before !== undefined) return before
    const facts = 'failure' in parsed ? this.#notRead(parsed) : this.#resolve(parsed, uncertain)
    // The statement that EXECUTE runs depends on the current meaning of its name.
    if (uncertain !== undefined || facts.parsed.some(({ executes }) => executes !== undefined)) return facts
    this.#cache.set(parsed, facts)
    return facts
  }

  /** Views within the sub-selects of views may be nested too deeply together, where none of them is. */
  #resolve(parsed: readonly ParsedStatement[], uncertain: string | undefined): StatementFacts {
    const { catalog, masking } = this.#pipeline.known
    try {
      return resolveFacts(parsed, catalog, masking, this.#prepared, { ...this.#options, uncertain })
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      return this.#notRead({ failure: TOO_DEEP })
    }
  }

  /** A parameter may have a type that the text does not name; the code of its parts reads and checks its values. */
  withTypes(facts: StatementFacts, types: readonly number[]): StatementFacts {
    const { catalog } = this.#pipeline.known
    const reasons = types.flatMap((type) => {
      const name = catalog.typesByOid.get(type)
      return [...(name === undefined ? [] : [`the type ${name} runs user-defined code`]), ...castsFrom(type, catalog)]
    })
    if (reasons.length === 0) return facts
    const byTypes = this.#typed.get(facts) ?? new Map<string, StatementFacts>()
    this.#typed.set(facts, byTypes)
    const known = byTypes.get(types.join())
    if (known !== undefined) return known
    const withReasons = {
      ...facts,
      statements: facts.statements.map((statement) => ({
        ...statement,
        unknown: [...new Set([...statement.unknown, ...reasons])],
      })),
      errorExposure: this.#anyExposure,
      changesCatalog: true,
    } satisfies StatementFacts
    byTypes.set(types.join(), withReasons)
    return withReasons
  }

  /** The same for the record only, if definitions may have changed since. */
  ofLastReading(facts: StatementFacts, changedBy: ChangedBy): StatementFacts {
    const known = this.#ofLastReading.get(facts) ?? {}
    this.#ofLastReading.set(facts, known)
    return (known[changedBy] ??= factsOfLastReading(facts, this.#pipeline.known.catalog, changedBy))
  }

  /** The statement that SQL or the protocol prepared under a name, if that is certain. */
  readonly #prepared: FindPrepared = (name) => {
    const { names, batch, inFlight } = this.#pipeline
    const { value } = names.statements.lookUp(name, batch)
    if (value === undefined || !inFlight.isIdle) return undefined
    const parsed = this.#parser.parse(value.sql)
    return parsed instanceof Promise ? undefined : this.of(parsed)
  }

  #notRead({ failure, syntax }: Failure): StatementFacts {
    return {
      ...(syntax === undefined ? {} : { syntaxError: { ...syntax, failure } }),
      statements: [unparsed(failure)],
      parsed: [],
      refusal: undefined,
      errorExposure: this.#anyExposure,
      lineage: [],
      comparisons: [],
      changesCatalog: true,
      objects: '',
      unresolved: false,
    }
  }

  /** The exposure of a text that may run anything. */
  get #anyExposure(): StatementFacts['errorExposure'] {
    return this.#pipeline.known.masking.plan.columns.length > 0 ? 'any' : 'none'
  }
}

/** User-defined casts by which a parameter of this type may be converted: the text does not show the source type. */
const castsFrom = (type: number, { conversions, valueTypes }: Catalog): string[] => {
  if (type === 0 || conversions.size === 0) return []
  const form = valueTypes.get(type)
  const parts = form !== undefined && 'element' in form ? [type, form.element] : [type]
  const isAny = type >= FIRST_USER_OID
  return [...conversions.values()]
    .flat()
    .filter(({ from }) => from === undefined || isAny || parts.includes(from.oid))
    .map(({ what }) => `${what}, which may convert a parameter`)
}
