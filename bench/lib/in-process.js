import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseConfig } from '../../dist/server/config/config.js'
import { CatalogPlace } from '../../dist/protocols/postgres/catalog/catalog-shelf.js'
import { seenFirst } from '../../dist/protocols/postgres/catalog/change-log.js'
import { ClientSide } from '../../dist/protocols/postgres/gateway/pipeline/client-side.js'
import { PipelineState } from '../../dist/protocols/postgres/gateway/pipeline/pipeline-state.js'
import { ServerSide } from '../../dist/protocols/postgres/gateway/pipeline/server-side.js'
import { SharedDefinitions } from '../../dist/protocols/postgres/catalog/shared-definitions.js'
import { createSqlParser } from '../../dist/protocols/postgres/dialect/sql-parser.js'
import { statementAnalyzer } from '../../dist/protocols/postgres/gateway/pipeline/analyze-statement.js'
import { RecordedChannel } from '../../dist/gateway/recorded-channel.js'
import { createSession } from '../../dist/gateway/session.js'
import { generateSigningKeyPem, signerFromPem } from '../../dist/recording/seal.js'
import { Spool } from '../../dist/recording/spool.js'
import { encodeMessage } from '../../dist/protocols/postgres/wire/server-message.js'
import { rowDescription } from '../../dist/protocols/postgres/wire/row-description.js'
import { bind } from '../../dist/protocols/postgres/wire/bind.js'
import { describe } from '../../dist/protocols/postgres/wire/describe.js'
import { execute } from '../../dist/protocols/postgres/wire/execute.js'
import { parse } from '../../dist/protocols/postgres/wire/parse.js'
import { query } from '../../dist/protocols/postgres/wire/query.js'
import { ComparisonBudget } from '../../dist/gateway/comparison-budget.js'

/**
 * PostgreSQL sessions without sockets: the parts that stand between two sockets in the gateway, with real recorders on the
 * disk, in a directory that whoever starts the process removes. Bytes go in on both sides; how many came out is counted. The catalog knows `pgbench_accounts` and `bulk`. Without
 * `hasLane` every statement goes the slow way.
 */
export async function startRelays({ checks = true, hasLane = true } = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-bench-'))
  const spool = new Spool({
    directory,
    macKey: SECRET,
    detachedKey: SECRET,
    signer: signerFromPem(generateSigningKeyPem()),
    limit: 1e12,
    writeTimeout: 10_000,
  })
  const config = parseConfig(configText(checks), 'bench.yaml')
  const parser = await createSqlParser()
  const place = new CatalogPlace(new SharedDefinitions())
  // As in a gateway, where sessions share what views and generated columns compute: here there are none.
  const trees = new Map()
  let opened = 0
  return {
    open: () => openRelay({ spool, config, parser, place, trees, hasLane, id: `ses_bench_${opened++}` }),
    async stop() {
      await spool.stop()
      await parser.close()
    },
  }
}

async function openRelay({ spool, config, parser, place, trees, hasLane, id }) {
  const [target] = config.targets
  const person = { id: 'bench', label: 'bench@example.com', kind: 'person', groups: ['engineering'] }
  const grant = { id: 'grt_1', rule: 'all', reason: '', endsAt: Date.now() + 1e9 }
  const recorder = await spool.open(
    {
      type: 'opened',
      version: 3,
      session: id,
      person,
      target: 'db',
      protocol: 'postgres',
      account: 'app',
      grant: { ...grant, endsAt: '2030-01-01T00:00:00.000Z' },
      policy: config.policy.version,
    },
    { file: `x/${id}.pamrec`, recipients: [], strict: false, onFailure: console.error },
  )
  const session = createSession({
    id,
    login: { person },
    target,
    config: target,
    defaultSchema: 'public',
    grant: () => grant,
    lease: { user: 'app' },
    recorder,
    limits: config.limits,
    logger: { warn() {}, error() {}, info() {} },
    clock: { now: () => Date.now(), at: () => () => {} },
    state: {},
    policy: () => config.policy,
    digestKey: SECRET,
    comparisonBudget: new ComparisonBudget(),
    ended: new AbortController(),
  })
  if (!hasLane) session.repeated = () => undefined
  const out = { up: 0, down: 0 }
  const channel = (side) => ({
    handler: { drained() {} },
    write(bytes) {
      out[side] += bytes.length
      return true
    },
    pause() {},
    resume() {},
    end() {},
    destroy() {},
  })
  const pipeline = new PipelineState({
    client: channel('down'),
    // As between two sockets: nothing goes on before it is on record.
    upstream: new RecordedChannel(channel('up'), { recorder, ended: session.ended }),
    parameters: new Map(),
    session,
    parser,
    catalog: CATALOG,
    trees,
    searchPath: ['pg_catalog', 'public'],
    place,
    seen: seenFirst(0),
    target: { processId: undefined, cancel: async () => {}, aside: async () => undefined },
  })
  const clientSide = new ClientSide(pipeline, statementAnalyzer(pipeline, parser))
  const serverSide = new ServerSide(pipeline)
  const onEnd = () => {
    throw session.ended.reason
  }
  session.ended.addEventListener('abort', onEnd)
  return {
    out,
    session,
    pipeline,
    client: (bytes) => clientSide.push(bytes),
    server: (bytes) => serverSide.push(bytes),
    written: () => new Promise((resolve) => recorder.whenWritten(resolve)),
    room: () => (recorder.isFull ? new Promise((resolve) => recorder.whenRoom(resolve)) : undefined),
    async close() {
      session.ended.removeEventListener('abort', onEnd)
      pipeline.abandon()
      await spool.close(recorder, { code: 'CLIENT_LEFT', message: '' })
    },
  }
}

/** One session by itself. */
export async function startRelay(options) {
  const relays = await startRelays(options)
  const relay = await relays.open()
  return {
    ...relay,
    async stop() {
      await relay.close()
      await relays.stop()
    },
  }
}

const SECRET = Buffer.alloc(32, 1)

const configText = (checks) => `
identity: { issuers: [{ url: "https://issuer.example", for: people, clientId: pamctl }] }
targets:
  - { name: db, type: postgres, labels: { env: dev }, host: 127.0.0.1, port: 5432, database: app, user: app, password: "env:HOME", tls: disable, reading: ours }
access: [{ name: all, who: { groups: [engineering] }, targets: { labels: { env: dev } }, grant: standing }]
commands:
${checks ? CHECKS : ''}
  - { name: rest, match: { unknown: true }, allow: true }
${checks ? MASKING : ''}
`

/** Rules as people have them, and one column whose values are hidden. */
export const CHECKS = `
  - { name: writes need a WHERE, match: { kinds: [delete, update], missingWhere: true }, deny: UPDATE and DELETE without WHERE are not allowed }
  - { name: a person decides, match: { kinds: [truncate, drop-*, alter-*, grant, grant-role] }, hold: { approvers: { groups: [sre] }, expires: 15m } }
  - { name: history is not changed, match: { kinds: [update, delete], writes: [public.pgbench_history] }, deny: history stays }
  - name: everyday work
    match: { kinds: [select, select-for-update, insert, update, delete, merge, explain, copy-to, copy-from, begin, start, commit, rollback, set, show] }
    allow: true`
export const MASKING = `
masking:
  - { name: account texts, targets: { labels: { env: dev } }, columns: [pgbench_accounts.filler, bulk.secret], style: partial }
`

const CATALOG = {
  relations: [
    ['20000', 'public', 'pgbench_accounts'],
    ['20001', 'public', 'bulk'],
  ],
  sources: [],
  columns: [
    ['20000', 'aid', '1', null, null],
    ['20000', 'bid', '2', null, null],
    ['20000', 'abalance', '3', null, null],
    ['20000', 'filler', '4', null, null],
    ...['id', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'secret'].map((name, i) => [
      '20001',
      name,
      String(i + 1),
      null,
      null,
    ]),
  ],
  definitions: [],
  // Types of the system that the samples have: oid, name of the send function, element, delimiter.
  valueTypes: [
    ['23', 'int4send', null, ','],
    ['25', 'textsend', null, ','],
    ['1042', 'bpcharsend', null, ','],
    ['1043', 'varcharsend', null, ','],
    ['20', 'int8send', null, ','],
  ],
  unique: [['20000', 'aid']],
  ties: [],
  runs: [],
  types: [],
  functions: [],
  operators: [],
  conversions: [],
  plainTypes: [],
  results: [],
  events: [],
}

const column = (name, tableOid, attribute, typeOid) => ({
  name,
  tableOid,
  attribute,
  typeOid,
  typeSize: -1,
  typeModifier: -1,
  format: 0,
})
const text = (sql) => encodeMessage(query, { type: 'query', sql })
const prepareAs = (statement, sql) =>
  Buffer.concat([
    encodeMessage(parse, { type: 'parse', statement, sql, parameterTypes: [0] }),
    raw('S', Buffer.alloc(0)),
  ])
const run = (statement, aid) =>
  Buffer.concat([
    encodeMessage(bind, {
      type: 'bind',
      portal: '',
      statement,
      parameterFormats: [0],
      parameters: [Buffer.from(String(aid))],
      resultFormats: [0],
    }),
    encodeMessage(describe, { type: 'describe', subject: 'portal', name: '' }),
    encodeMessage(execute, { type: 'execute', portal: '', maxRows: 0 }),
    raw('S', Buffer.alloc(0)),
  ])
const raw = (tag, body) => {
  const out = Buffer.alloc(5 + body.length)
  out[0] = tag.charCodeAt(0)
  out.writeUInt32BE(4 + body.length, 1)
  body.copy(out, 5)
  return out
}
/** A row of text values; null is SQL NULL. */
export function dataRow(values) {
  const count = Buffer.alloc(2)
  count.writeUInt16BE(values.length)
  const parts = values.flatMap((value) => {
    const length = Buffer.alloc(4)
    length.writeInt32BE(value === null ? -1 : Buffer.byteLength(value))
    return value === null ? [length] : [length, Buffer.from(value)]
  })
  return raw('D', Buffer.concat([count, ...parts]))
}
const READY = raw('Z', Buffer.from('I'))
const IN_BLOCK = raw('Z', Buffer.from('T'))
const complete = (tag) => raw('C', Buffer.from(`${tag}\0`))

export const ACCOUNT = encodeMessage(rowDescription, {
  type: 'row-description',
  columns: [column('abalance', 20_000, 3, 23)],
})
/** A column that is masked. */
const FILLER = encodeMessage(rowDescription, {
  type: 'row-description',
  columns: [column('filler', 20_000, 4, 1042)],
})
export const BULK = encodeMessage(rowDescription, {
  type: 'row-description',
  columns: ['id', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'secret'].map((name, i) =>
    column(name, 20_001, i + 1, i === 0 ? 23 : 25),
  ),
})
/** The same with the last column one that nobody masks. */
export const BULK_PLAIN = encodeMessage(rowDescription, {
  type: 'row-description',
  columns: ['id', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'].map((name, i) =>
    column(name, i === 10 ? 20_000 : 20_001, i === 10 ? 1 : i + 1, i === 0 ? 23 : 25),
  ),
})
export const SELECT = 'SELECT abalance FROM pgbench_accounts WHERE aid = $1;'

const SELECT_MASKED = 'SELECT filler FROM pgbench_accounts WHERE aid = $1;'

/** What a client sends is made once: it is the gateway that is measured. */
function once(make) {
  const made = new Map()
  return (aid) => {
    if (!made.has(aid)) made.set(aid, make(aid))
    return made.get(aid)
  }
}
/** What pgbench sends, as its traces have it. */
export const pgbench = {
  prepare: prepareAs('P0_1', SELECT),
  prepared: once((aid) => run('P0_1', aid)),
  prepareMasked: prepareAs('P0_2', SELECT_MASKED),
  masked: once((aid) => run('P0_2', aid)),
  simple: once((aid) => text(`SELECT abalance FROM pgbench_accounts WHERE aid = ${aid};`)),
  begin: text('BEGIN;'),
  commit: text('COMMIT;'),
}
/** What the server answers. */
export const answers = {
  prepare: Buffer.concat([raw('1', Buffer.alloc(0)), READY]),
  prepared: Buffer.concat([raw('2', Buffer.alloc(0)), ACCOUNT, dataRow(['0']), complete('SELECT 1'), READY]),
  masked: Buffer.concat([raw('2', Buffer.alloc(0)), FILLER, dataRow([''.padEnd(84)]), complete('SELECT 1'), READY]),
  simple: Buffer.concat([ACCOUNT, dataRow(['0']), complete('SELECT 1'), READY]),
  begin: Buffer.concat([complete('BEGIN'), IN_BLOCK]),
  inBlock: Buffer.concat([ACCOUNT, dataRow(['0']), complete('SELECT 1'), IN_BLOCK]),
  commit: Buffer.concat([complete('COMMIT'), READY]),
  end: (rows) => Buffer.concat([complete(`SELECT ${rows}`), READY]),
}
export const select = text
