import { isEmptyPlan } from '../../../../masking/plan.ts'
import type { Session } from '../../../../gateway/engine.ts'
import { PamError } from '../../../../shared/errors.ts'
import type { CatalogPlace } from '../../catalog/catalog-shelf.ts'
import {
  foldDatabase,
  foldTable,
  inSession,
  keyOf,
  type Ask,
  type Catalog,
  type Definitions,
} from '../../catalog/catalog.ts'
import { resolveFacts } from '../../dialect/command-facts.ts'
import { guardUnknown } from '../../dialect/guard.ts'
import { OUTSIDE_CHARSET } from '../../dialect/lexer.ts'
import type { PinnedSettings } from '../../../../sql/pinned-settings.ts'
import { missingRelation } from '../../dialect/missing-relations.ts'
import type { ParsedText } from '../../dialect/parse-statement.ts'
import type { ReadingContext } from '../../dialect/reading-context.ts'
import type { RunReader } from '../../dialect/run-texts.ts'
import { unparsed } from '../../dialect/resolve-statement.ts'
import type { SqlParser } from '../../dialect/sql-parser.ts'
import type { StatementFacts } from '../../dialect/statement-facts.ts'
import { SessionMemory } from '../../dialect/session-memory.ts'
import { maskingScope } from '../../masking/scope.ts'
import type { MaskingScope } from '../../../../sql/masking/masking-scope.ts'
import { pinnedOf } from '../../session-settings.ts'
import type { MysqlTarget } from '../../target.ts'
import { describeSizes } from './relation-sizes.ts'

/** Determines what a text does, under the current definitions. */
export interface StatementAnalyzer {
  /** `context`: how the server reads the text; undefined if it is in a way that the gateway does not support. */
  of(sql: string, context: ReadingContext | undefined): StatementFacts | Promise<StatementFacts>
  /** The same, with the definitions read again: before something approved is forwarded. */
  again(sql: string, context: ReadingContext | undefined): Promise<StatementFacts>
  /** How large what a TRUNCATE, DROP or ALTER applies to is, and what depends on it, in words. */
  sizes(facts: StatementFacts): Promise<string | undefined>
  /** Under the definitions that were read last. */
  scope(): MaskingScope | undefined
  /**
   * A statement is sent: from now on definitions may change for all sessions, and so may the state that the session leaves in the server.
   */
  noteSent(facts: StatementFacts): void
  /** All statements of a text have succeeded. */
  noteSucceeded(facts: StatementFacts): void
  /** A statement is answered: any changes of definitions have taken effect. */
  noteDone(facts: StatementFacts): void
  /** The server has discarded everything that the session created for itself. */
  forgetSession(): void
}

export interface AnalyzerParts {
  readonly session: Pick<Session<MysqlTarget>, 'masking' | 'readOnly' | 'config' | 'logger'>
  readonly parser: SqlParser
  readonly place: CatalogPlace
  /** Asks the target on a connection of the gateway's own. */
  readonly ask: Ask
  /** A session may change definitions, whatever its account. */
  readonly onChange: () => void
}

export const statementAnalyzer = (parts: AnalyzerParts): StatementAnalyzer => new SessionAnalyzer(parts)

class SessionAnalyzer implements StatementAnalyzer {
  readonly #parts: AnalyzerParts
  #temporary: ReadonlySet<string> = new Set()
  #catalogs = new Map<string | undefined, Catalog>()
  #latest: Definitions | undefined
  /** The parser returns the same object for the same text, read in the same way. */
  #cache = new Map<ParsedText, KnownFacts>()
  #memory = SessionMemory.NEW
  readonly #pinned: PinnedSettings

  constructor(parts: AnalyzerParts) {
    this.#parts = parts
    this.#pinned = pinnedOf(parts.session.config.settings)
  }

  of(sql: string, context: ReadingContext | undefined): StatementFacts | Promise<StatementFacts> {
    if (context === undefined) return this.#unread(OTHER_READING)
    const parsed = this.#parts.parser.parse(sql, context)
    return parsed instanceof Promise
      ? parsed.then((read) => this.#meaning({ sql, context, parsed: read }))
      : this.#meaning({ sql, context, parsed })
  }

  async again(sql: string, context: ReadingContext | undefined): Promise<StatementFacts> {
    if (context === undefined) return this.#unread(OTHER_READING)
    const { parser, place } = this.#parts
    const parsed = await parser.parse(sql, context)
    place.changed()
    return this.#current({ sql, context, parsed })
  }

  async sizes({ parsed, database }: StatementFacts): Promise<string | undefined> {
    const { place, ask } = this.#parts
    return place.last && describeSizes(parsed, this.#catalogOf(place.last, database), ask)
  }

  scope(): MaskingScope | undefined {
    const { place, session } = this.#parts
    const { last } = place
    return last && maskingScope(session.masking, this.#catalogOf(last, undefined), last.trees)
  }

  noteSent(facts: StatementFacts): void {
    const { place, onChange } = this.#parts
    const { last } = place
    if (last !== undefined) {
      const made = temporaryTables(facts, this.#catalogOf(last, facts.database))
      if (made.length > 0) {
        this.#temporary = new Set([...this.#temporary, ...made])
        this.#forget()
      }
    }
    if (facts.changesCatalog) onChange()
    if (facts.memory !== undefined) this.#memory = facts.memory.sent
  }

  noteSucceeded(facts: StatementFacts): void {
    if (facts.memory !== undefined) this.#memory = facts.memory.done
  }

  noteDone(facts: StatementFacts): void {
    if (facts.changesCatalog) this.#parts.onChange()
  }

  forgetSession(): void {
    this.#temporary = new Set()
    this.#memory = SessionMemory.NEW
    this.#forget()
  }

  /** Definitions are looked up after the text has been parsed, which may take a while. */
  #meaning(text: ReadText): StatementFacts | Promise<StatementFacts> {
    const { last, isFresh } = this.#parts.place
    return isFresh && last !== undefined ? this.#resolve(text, last) : this.#current(text)
  }

  #current(text: ReadText): Promise<StatementFacts> {
    const { place, ask } = this.#parts
    return place.current(ask).then(
      (definitions) => this.#resolve(text, definitions),
      (error: unknown) => this.#uncertainly(text, error),
    )
  }

  #uncertainly(text: ReadText, error: unknown): StatementFacts {
    const { session, place } = this.#parts
    session.logger.warn({ cause: error }, 'catalogs.not_read')
    const { last } = place
    const uncertain = 'the definitions could not be read'
    return last === undefined ? this.#unread(uncertain) : this.#resolve(text, last, uncertain)
  }

  #resolve({ sql, context, parsed }: ReadText, definitions: Definitions, uncertain?: string): StatementFacts {
    const { masking, readOnly, config } = this.#parts.session
    const memory = this.#memory
    const catalog = this.#catalogOf(definitions, context.database)
    const known = uncertain === undefined ? this.#cache.get(parsed) : undefined
    if (
      known !== undefined &&
      (known.memory === undefined || (known.memory === memory && known.keepsAscii === context.keepsAscii))
    )
      return known.facts
    if ('failure' in parsed) return { ...this.#unread(parsed.failure), syntaxError: parsed.failure }
    const scope = maskingScope(masking, catalog, definitions.trees)
    const resolved = resolveFacts(parsed, catalog, scope, {
      readOnly,
      ownAccount: config.ownAccount,
      hasSessionAccount: config.ephemeral !== undefined,
      pinned: this.#pinned,
      defaultSchema: config.database,
      uncertain,
      memory,
      runs: { context, read: (text) => this.#readRun(text, context) },
    })
    const facts = { ...resolved, missing: missingRelation(resolved, catalog) }
    if (uncertain === undefined && sql.length <= MAX_KNOWN_LENGTH) {
      if (this.#cache.size >= MAX_KNOWN) this.#cache.clear()
      this.#cache.set(parsed, { facts, memory: facts.memory && memory, keepsAscii: context.keepsAscii })
    }
    return facts
  }

  /** A text that is run as a statement; a long one, which a worker would parse, is not waited for. */
  #readRun(text: string, context: ReadingContext): ReturnType<RunReader['read']> {
    if (text.length > MAX_EXECUTED_LENGTH) return undefined
    const parsed = this.#parts.parser.parse(text, { ...context, multiStatements: false })
    return parsed instanceof Promise || 'failure' in parsed ? undefined : parsed
  }

  #unread(failure: string): StatementFacts {
    const { masking, readOnly, config } = this.#parts.session
    return {
      statements: [unparsed(failure, config.database)],
      parsed: [],
      refusal: failure === OUTSIDE_CHARSET ? outsideCharset() : guardUnknown({ unknown: [failure] }, readOnly),
      errorExposure: isEmptyPlan(masking) ? 'none' : 'any',
      lineage: [],
      comparisons: [],
      changesCatalog: true,
      movesReading: true,
      database: undefined,
      objects: '',
      unresolved: false,
      textParameters: [],
      // A text that cannot be read may assign any variable.
      memory: { sent: SessionMemory.ANYTHING, done: SessionMemory.ANYTHING },
      texts: [],
    }
  }

  #catalogOf(definitions: Definitions, database: string | undefined): Catalog {
    if (definitions !== this.#latest) {
      this.#latest = definitions
      this.#forget()
    }
    const known = this.#catalogs.get(database)
    if (known !== undefined) return known
    const catalog = inSession(definitions, { database, temporary: this.#temporary })
    if (this.#catalogs.size >= MAX_DATABASES) this.#catalogs.clear()
    this.#catalogs.set(database, catalog)
    return catalog
  }

  #forget(): void {
    this.#catalogs = new Map()
    this.#cache = new Map()
  }
}

/** Temporary tables that a statement creates: from now on each may hide another table of its name. */
function temporaryTables({ parsed }: StatementFacts, catalog: Catalog): string[] {
  return parsed.flatMap(({ tree, makes }) => {
    if (tree.kind !== 'utility' || !tree.detail.temporary) return []
    return makes.flatMap(({ schema = catalog.database, name }) =>
      schema === undefined ? [] : [keyOf(foldDatabase(schema, catalog), foldTable(schema, name, catalog))],
    )
  })
}

/** Facts, and the state that the session had left in the server when they were determined; undefined if they do not depend on it. */
interface KnownFacts {
  readonly facts: StatementFacts
  readonly memory: SessionMemory | undefined
  readonly keepsAscii: boolean | undefined
}

const outsideCharset = (): PamError =>
  new PamError('ENCODING_REFUSED', 'the statement has bytes outside of constants that are not characters')

/** A text and its statements. */
interface ReadText {
  readonly sql: string
  readonly context: ReadingContext
  readonly parsed: ParsedText
}

const OTHER_READING = 'the connection reads texts in a way that the gateway does not: use utf8mb4'
/** The number of texts whose facts are cached, and the longest of them in characters. */
const MAX_KNOWN = 500
const MAX_KNOWN_LENGTH = 16_384
/** In characters of a text that EXECUTE runs. */
const MAX_EXECUTED_LENGTH = 4000
const MAX_DATABASES = 50
