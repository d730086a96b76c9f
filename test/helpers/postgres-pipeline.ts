import type { CommandDraft, Hold, Session, Verdict } from '../../src/gateway/engine.ts'
import type { MaskingPlan } from '../../src/masking/plan.ts'
import { NO_ROWS, type CatalogRows } from '../../src/protocols/postgres/catalog/rows.ts'
import { CatalogPlace } from '../../src/protocols/postgres/catalog/catalog-shelf.ts'
import { seenFirst } from '../../src/protocols/postgres/catalog/change-log.ts'
import { SharedDefinitions } from '../../src/protocols/postgres/catalog/shared-definitions.ts'
import type { StatementFacts } from '../../src/protocols/postgres/dialect/statement-facts.ts'
import { PipelineState } from '../../src/protocols/postgres/gateway/pipeline/pipeline-state.ts'
import type { PostgresTarget } from '../../src/protocols/postgres/target.ts'
import { idleHandler, type Channel } from '../../src/shared/channel.ts'
import type { PamError } from '../../src/shared/errors.ts'

export const CATALOG_ROWS: CatalogRows = {
  ...NO_ROWS,
  relations: [['20000', 'public', 'people']],
  columns: [
    ['20000', 'id', '1', null, null],
    ['20000', 'email', '2', null, null],
  ],
}
export const NOTHING_MASKED: MaskingPlan = { columns: [], kinds: [] }
export const EMAIL_MASKED: MaskingPlan = {
  ...NOTHING_MASKED,
  columns: [
    {
      schema: 'public',
      table: 'people',
      column: 'email',
      style: 'partial',
      sideChannels: 'deny',
      maxComparisons: 0,
      copying: false,
      hashScope: 'session',
    },
  ],
}

/** Facts of a text that touches nothing. */
export const HARMLESS: StatementFacts = {
  statements: [],
  parsed: [],
  refusal: undefined,
  errorExposure: 'none',
  lineage: [],
  comparisons: [],
  changesCatalog: false,
  objects: '',
  unresolved: false,
}

/** A channel that keeps what was written to it, as the memory that it is. */
function writable(written: Buffer[]): Channel {
  return {
    handler: idleHandler,
    write: (bytes) => {
      written.push(bytes as Buffer)
      return true
    },
    pause() {},
    resume() {},
    end() {},
    destroy() {},
  }
}

/** The state of one connection in memory: what it writes to both sides, and a session that decides as it is told. */
export function testPipeline({
  masking = NOTHING_MASKED,
  decide = () => ({ type: 'forward', id: 'dec_1' }),
  preview = () => undefined,
  decidesByText = () => false,
  readOnly = false,
  reading,
  statementBytes = 1000,
  catalog = {},
  definitions = new SharedDefinitions(),
  settings,
  parameters = new Map(),
}: {
  masking?: MaskingPlan
  decide?: (draft: CommandDraft) => Verdict | Hold
  preview?: (draft: CommandDraft) => PamError | undefined
  decidesByText?: () => boolean
  readOnly?: boolean
  reading?: 'ours' | 'agreed'
  statementBytes?: number
  catalog?: Partial<CatalogRows>
  definitions?: SharedDefinitions
  settings?: PostgresTarget['settings']
  parameters?: ReadonlyMap<string, string>
} = {}) {
  const toClient: Buffer[] = []
  const toUpstream: Buffer[] = []
  const ended = new AbortController()
  const session = {
    masking,
    limits: { resultMessageBytes: 1_000_000, statementBytes, catalogs: 10_000 },
    config: { recordRows: 0, safeFunctions: [], reading, settings },
    hashKeys: { session: Buffer.alloc(32), target: Buffer.alloc(32) },
    recorder: { outcome() {} },
    logger: { warn() {} },
    ended: ended.signal,
    end: (reason: Error) => ended.abort(reason),
    decide,
    preview,
    decidesByText,
    readOnly,
  } as unknown as Session<PostgresTarget>
  const place = new CatalogPlace(definitions)
  const pipeline = new PipelineState({
    client: writable(toClient),
    upstream: writable(toUpstream),
    session,
    parser: { parse: () => [], counts: { known: 0, template: 0, read: 0 }, close: () => Promise.resolve() },
    catalog: { ...CATALOG_ROWS, ...catalog },
    trees: new Map(),
    searchPath: ['pg_catalog', 'public'],
    place,
    seen: seenFirst(0),
    readAt: performance.now(),
    parameters,
    target: {
      processId: undefined,
      cancel: () => Promise.resolve(),
      aside: () => Promise.reject(new Error('nothing is read')),
    },
  })
  return { pipeline, place, toClient, toUpstream, ended: ended.signal, session }
}
