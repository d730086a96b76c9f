import { answers, BULK, BULK_PLAIN, dataRow, pgbench, select, startRelay, startRelays } from '../lib/in-process.js'
import { fixed } from '../lib/measure.js'
import { unitsAgainstBaseline } from '../lib/baseline.js'

/** What stands between two sockets, without the sockets: per statement and per megabyte of rows. */
export const filters = (context) =>
  unitsAgainstBaseline('filters', context, 'in one process, without sockets', (value, unit) =>
    unit === 'MB'
      ? `${fixed(value / 1000, 2)} ms/MB (${fixed(1e6 / value, 0)} MB/s)`
      : `${fixed(value)} µs per ${unit}`,
  )

export async function units() {
  const relays = {
    plain: await startRelay({ checks: false }),
    checks: await startRelay({ checks: true }),
    slow: await startRelay({ checks: true, hasLane: false }),
  }
  for (const relay of Object.values(relays)) {
    for (const prepare of [pgbench.prepare, pgbench.prepareMasked]) {
      relay.client(prepare)
      await relay.written()
      relay.server(answers.prepare)
    }
  }
  const statements = 1000
  const statement = (relay, mode) => async () => {
    for (let n = 0; n < statements; n++) {
      relay.client(pgbench[mode](100_000 + n))
      if (n % 8 === 7) await relay.written()
      relay.server(mode === 'masked' ? fresh(answers.masked) : answers[mode])
      await relay.room()
    }
    return statements
  }
  /** More texts than are remembered, so that none of them is known but for its constant. */
  const texts = Array.from({ length: CONSTANTS }, (_, n) => pgbench.simple(200_000 + n))
  let said = 0
  const otherConstants = (relay) => async () => {
    for (let n = 0; n < statements; n++) {
      relay.client(texts[said++ % CONSTANTS])
      if (n % 8 === 7) await relay.written()
      relay.server(answers.simple)
      await relay.room()
    }
    return statements
  }
  const transactions = (relay) => async () => {
    for (let n = 0; n < statements; n += 4) {
      for (const [sent, answer] of [
        [pgbench.begin, answers.begin],
        [pgbench.simple(100_000 + n), answers.inBlock],
        [pgbench.simple(100_001 + n), answers.inBlock],
        [pgbench.commit, answers.commit],
      ]) {
        relay.client(sent)
        relay.server(answer)
      }
      await relay.written()
      await relay.room()
    }
    return statements
  }
  /** Sessions side by side: each turn brings a statement of every one, and the journal writes for all of them. */
  const sideBySide = async (all, times) => {
    for (let n = 0; n < times; n++) {
      for (const relay of all) relay.client(pgbench.prepared(100_000 + n))
      await all[0].written()
      for (const relay of all) relay.server(answers.prepared)
      for (const relay of all) await relay.room()
    }
    return all.length * times
  }
  const many = await startRelays({ checks: true })
  const openPrepared = async () => {
    const relay = await many.open()
    relay.client(pgbench.prepare)
    await relay.written()
    relay.server(answers.prepare)
    return relay
  }
  const openEight = () => Promise.all(Array.from({ length: SESSIONS }, openPrepared))
  const eight = await openEight()
  // What opens and seals sessions has run for days as well.
  for (let n = 0; n < 25; n++) {
    const all = await openEight()
    await sideBySide(all, 4)
    for (const relay of all) await relay.close()
  }
  /** With what it costs to open a session and to seal its record, each time. */
  const comingAndGoing = async () => {
    const all = await openEight()
    const count = await sideBySide(all, 2000 / SESSIONS)
    for (const relay of all) await relay.close()
    return count
  }
  const rows = async (relay, sql, description, chunks) => {
    relay.client(select(sql))
    await relay.written()
    relay.server(description)
    const isUntouched = description === BULK_PLAIN || relay === relays.plain
    // Enough to be measured: what passes untouched costs next to nothing.
    const times = isUntouched ? 64 : description === BULK ? 4 : 16
    for (let time = 0; time < times; time++)
      for (const chunk of chunks) relay.server(isUntouched ? chunk : fresh(chunk))
    relay.server(answers.end(1))
    await relay.room()
    return (times * chunks.reduce((sum, { length }) => sum + length, 0)) / 1e6
  }
  const masked = 'select * from bulk'
  const plain = 'select id, a, b, c, d, e, f, g, h, i, aid from bulk, pgbench_accounts'
  const chunks = bulkChunks(6)
  const copied = copyChunks(2)
  const cases = [
    { name: 'a prepared statement, nothing on', unit: 'statement', work: statement(relays.plain, 'prepared') },
    { name: 'a prepared statement', unit: 'statement', work: statement(relays.checks, 'prepared') },
    {
      name: 'a prepared statement, eight sessions',
      unit: 'statement',
      work: () => sideBySide(eight, statements / SESSIONS),
    },
    // It waits for the disk, and so for others: it takes more attempts until one is not disturbed.
    {
      name: 'a prepared statement, eight sessions that come and go',
      unit: 'statement',
      work: comingAndGoing,
      times: 5,
    },
    { name: 'a prepared statement, the slow way', unit: 'statement', work: statement(relays.slow, 'prepared') },
    { name: 'a simple statement', unit: 'statement', work: statement(relays.checks, 'simple') },
    { name: 'a simple statement with changing constants', unit: 'statement', work: otherConstants(relays.checks) },
    {
      name: 'a simple statement with changing constants, the slow way',
      unit: 'statement',
      work: otherConstants(relays.slow),
    },
    { name: 'a simple statement in a transaction', unit: 'statement', work: transactions(relays.checks) },
    { name: 'a prepared statement with a masked row', unit: 'statement', work: statement(relays.checks, 'masked') },
    { name: 'rows, nothing on', unit: 'MB', work: () => rows(relays.plain, masked, BULK, chunks) },
    { name: 'rows, none masked', unit: 'MB', work: () => rows(relays.checks, plain, BULK_PLAIN, chunks) },
    { name: 'rows, one column masked', unit: 'MB', work: () => rows(relays.checks, masked, BULK, chunks) },
    {
      name: 'rows of COPY, one column masked',
      unit: 'MB',
      work: () => rows(relays.checks, 'copy bulk to stdout', COPY_OUT, copied),
    },
  ]
  return {
    cases,
    async stop() {
      for (const relay of eight) await relay.close()
      await many.stop()
      for (const relay of Object.values(relays)) await relay.stop()
    },
  }
}

const SESSIONS = 8
const CONSTANTS = 24_000

/** As a socket gives it, in memory that nobody else holds: what is masked is written over. */
function fresh(chunk) {
  chunk.copy(MEMORY)
  return MEMORY.subarray(0, chunk.length)
}
const MEMORY = Buffer.alloc(65_536)

/** Rows of some 340 bytes in chunks of 64 KB, cut wherever they happen to end, as a socket gives them. */
function bulkChunks(megabytes) {
  const values = (n) => [
    String(n),
    ...Array.from({ length: 9 }, (_, i) => `value ${n} of column ${i}, some text`),
    `person${n}@example.com`,
  ]
  return cut(Array.from({ length: megabytes * 2900 }, (_, n) => dataRow(values(n))))
}

function copyChunks(megabytes) {
  return cut(
    Array.from({ length: megabytes * 2900 }, (_, n) => {
      const body = Buffer.from(
        `${[n, ...Array.from({ length: 9 }, (_, i) => `value ${n} of column ${i}, some text`), `person${n}@example.com`].join('\t')}\n`,
      )
      const head = Buffer.from('d\0\0\0\0')
      head.writeUInt32BE(4 + body.length, 1)
      return Buffer.concat([head, body])
    }),
  )
}

function cut(messages) {
  const all = Buffer.concat(messages)
  return Array.from({ length: Math.ceil(all.length / 65_536) }, (_, i) => all.subarray(i * 65_536, (i + 1) * 65_536))
}

/** CopyOutResponse: text, eleven columns. */
const COPY_OUT = (() => {
  const out = Buffer.alloc(5 + 3 + 22)
  out.write('H')
  out.writeUInt32BE(out.length - 1, 1)
  out.writeUInt16BE(11, 6)
  return out
})()
