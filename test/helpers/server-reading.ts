import pg from 'pg'
import { buildCatalog } from '../../src/protocols/postgres/catalog/build-catalog.ts'
import type { Catalog } from '../../src/protocols/postgres/catalog/catalog.ts'
import type { CatalogRows } from '../../src/protocols/postgres/catalog/rows.ts'
import { textOf } from '../../src/protocols/postgres/catalog/catalog-mirror.ts'
import { CatalogPlace } from '../../src/protocols/postgres/catalog/catalog-shelf.ts'
import { SharedDefinitions } from '../../src/protocols/postgres/catalog/shared-definitions.ts'
import { resolveFacts } from '../../src/protocols/postgres/dialect/command-facts.ts'
import type { StatementFacts } from '../../src/protocols/postgres/dialect/statement-facts.ts'
import { readDefinitions } from '../../src/protocols/postgres/masking/definitions.ts'
import { MaskingScope } from '../../src/protocols/postgres/masking/scope.ts'
import type { Answer } from '../../src/protocols/postgres/gateway/server-reading/ask.ts'
import type { QueryText } from '../../src/protocols/postgres/gateway/server-reading/ask-text.ts'
import { SecondOpinion, type Opinion } from '../../src/protocols/postgres/gateway/server-reading/second-opinion.ts'
import type { SqlParser } from '../../src/protocols/postgres/dialect/sql-parser.ts'
import type { MaskingPlan } from '../../src/masking/plan.ts'

type Rows = (string | null)[][]

export interface BothReadings {
  readonly facts: StatementFacts
  readonly opinion: Opinion | undefined
}

/** Reads texts as the gateway does, and as a server does, over a direct connection: without a gateway between. */
export class ReadingPair {
  readonly db: pg.Client
  readonly #parser: SqlParser
  readonly #plan: MaskingPlan
  readonly #trees: string[] = []
  #opinion: SecondOpinion | undefined
  #catalog: Catalog | undefined
  #masking: MaskingScope | undefined

  constructor(db: pg.Client, parser: SqlParser, plan: MaskingPlan) {
    this.db = db
    this.#parser = parser
    this.#plan = plan
    db.on('notice', (notice) => {
      const { message, detail, routine } = notice as { message?: string; detail?: string; routine?: string }
      if (routine === 'elog_node_display' && message === 'parse tree:') this.#trees.push(String(detail))
    })
  }

  get catalog(): Catalog {
    return this.#catalog as Catalog
  }

  get masking(): MaskingScope {
    return this.#masking as MaskingScope
  }

  /** To be called again after definitions have changed. */
  async readCatalogs(): Promise<void> {
    const [path = []] = await rowsOf(this.db, "select current_setting('search_path')")
    await rowsOf(this.db, "select set_config('search_path', 'pg_catalog', false)")
    const rows = await readCatalogRows(this.db)
    const trees = await readDefinitions(rows, this.#plan, this.#parser, new Map(), (text) => rowsOf(this.db, text))
    await this.db.query("select set_config('search_path', $1, false)", path)
    const schemas = await rowsOf(this.db, 'select unnest(current_schemas(true))')
    this.#catalog = buildCatalog(rows, [], schemas.map(String))
    this.#masking = new MaskingScope(this.#plan, this.#catalog, trees)
    this.#opinion = new SecondOpinion(
      {
        catalog: this.#catalog,
        masking: this.#masking,
        canAskAgain: true,
        longestTree: Infinity,
        ask: (text) => this.#ask(text),
        rows: async (texts) => {
          const all: Rows[] = []
          for (const text of texts) all.push(await rowsOf(this.db, text))
          return all
        },
      },
      (sql) => this.#parser.parse(sql),
    )
  }

  /** Undefined where our parser does not read it. */
  async read(sql: string): Promise<BothReadings | undefined> {
    const parsed = await this.#parser.parse(sql)
    if ('failure' in parsed) return undefined
    const facts = resolveFacts(parsed, this.catalog, this.masking)
    const opinion = SecondOpinion.isDue(facts) ? await this.#opinion?.of(sql, [], facts) : undefined
    return { facts, opinion }
  }

  /** What the server says of a statement that nobody would ask about, since it is refused. */
  ask(sql: string, facts: StatementFacts): Promise<Opinion> | undefined {
    return this.#opinion?.of(sql, [], facts)
  }

  async #ask({ sql, types }: QueryText): Promise<Answer> {
    this.#trees.length = 0
    await this.db.query('savepoint asking')
    try {
      await this.db.query(
        `set local debug_pretty_print = off; set local client_min_messages = log; set local debug_print_parse = on`,
      )
      this.#trees.length = 0
      await parseOnly(this.db, sql, types)
      const [tree] = this.#trees
      return tree === undefined ? { error: 'no tree', text: '', isShown: false } : { tree }
    } catch (error) {
      const { code = 'none', message } = error as pg.DatabaseError
      return { error: code, text: message, isShown: false }
    } finally {
      await this.db.query('rollback to savepoint asking')
    }
  }
}

/** What the catalogs say, read as the gateway reads them. */
export async function readCatalogRows(db: pg.Client): Promise<CatalogRows> {
  const { rows } = await new CatalogPlace(new SharedDefinitions()).read(async (queries) => {
    const all: Rows[] = []
    for (const query of queries) all.push(await rowsOf(db, textOf(query)))
    return all
  })
  return rows
}

async function rowsOf(db: pg.Client, text: string): Promise<Rows> {
  const config = { text, rowMode: 'array', types: { getTypeParser: () => String } }
  const { rows } = await db.query<Rows[number]>(config as unknown as pg.QueryArrayConfig)
  return rows
}

/** Prepares a statement with the extended protocol and drops it again. */
function parseOnly(db: pg.Client, sql: string, types: readonly number[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const submittable = {
      submit(connection: {
        parse(message: { name: string; text: string; types: readonly number[] }): void
        close(message: { type: 'S'; name: string }): void
        sync(): void
      }) {
        connection.parse({ name: 'asked', text: sql, types })
        connection.close({ type: 'S', name: 'asked' })
        connection.sync()
      },
      handleParseComplete() {},
      handleError: (error: Error) => reject(error),
      handleReadyForQuery: () => resolve(),
    }
    db.query(submittable as never)
  })
}
