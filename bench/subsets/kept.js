import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { searchRecordings } from '../../dist/api/search-recordings.js'
import { SearchedTexts } from '../../dist/api/searched-texts.js'
import { directoryHome } from '../../dist/recording/homes/directory.js'
import { readRecording } from '../../dist/recording/read.js'
import { generateSigningKeyPem, signerFromPem } from '../../dist/recording/seal.js'
import { trustedKeys } from '../../dist/recording/verify.js'
import { StoredRecords } from '../../dist/server/stored-records.js'
import { appendAudit, listAudit } from '../../dist/storage/audit.js'
import { openSqlite } from '../../dist/storage/database.js'
import { findRecording, saveRecording } from '../../dist/storage/recordings.js'
import { countSearched, insertSession, listSessions, searchSessions } from '../../dist/storage/sessions.js'
import { keepRecord } from '../lib/kept-records.js'
import { fixed, percentile, table } from '../lib/measure.js'

/** What a page of each list takes where much is kept, and for how long at a time nobody else is served. */
export async function kept({ quick }) {
  const count = quick ? 10_000 : 100_000
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-bench-kept-'))
  const db = await openSqlite(join(directory, 'state.db'))
  try {
    const began = Date.now() - count * MINUTE
    const signer = signerFromPem(generateSigningKeyPem())
    await fill(db, count, began, { directory: join(directory, 'recordings'), signer })
    const search = searchIn(db, directory, signer)
    const newest = { limit: 50 }
    const middle = began + (count / 2) * MINUTE
    const chain = { before: undefined, limit: 100 }
    const questions = {
      'sessions: newest': () => listSessions(db.read, {}, newest),
      'sessions: of one person': () => listSessions(db.read, { personId: 'issuer|7' }, newest),
      'sessions: of a target that nobody used': () => listSessions(db.read, { target: 'nowhere' }, newest),
      'sessions: a part of a name that nobody has': () => listSessions(db.read, { person: 'nobody' }, newest),
      'sessions: before the middle': () => listSessions(db.read, { until: middle }, newest),
      'search: which sessions, all': () => all(searchSessions(db.read, {})),
      'search: how many, of one person': () => countSearched(db.read, { person: 'p7@example.com' }),
      // Everything is read once: what cannot have a text is known from then on.
      [FIRST_SEARCH]: () => search('a text of no command'),
      'search: a text that many have': () => search('FROM ORDERS'),
      'search: a text that one of the oldest has': () => search(textOf(7)),
      'search: a text that none has': () => search('nowhere to be found'),
      'audit: newest': () => listAudit(db.read, {}, chain),
      'audit: of one person': () => listAudit(db.read, { actors: ['issuer|7'] }, chain),
      'audit: a type that there is none of': () => listAudit(db.read, { type: 'config.' }, chain),
      'audit: a target that there is none of': () => listAudit(db.read, { target: 'nowhere' }, chain),
      'audit: a text that is nowhere': () => listAudit(db.read, { text: 'nowhere' }, chain),
      'audit: before the middle': () => listAudit(db.read, { until: middle }, chain),
    }
    const results = []
    for (const [name, ask] of Object.entries(questions))
      results.push({ name, ...(await timed(ask, name === FIRST_SEARCH ? 1 : TIMES)) })
    return {
      results: { count, questions: results },
      text: `${count} sessions, ${4 * count} entries of the audit chain; in one process, of ${TIMES} times, but for what can only be asked once.\n\n${table(
        ['', 'p50 ms', 'p95 ms', 'longest that others waited, ms'],
        results.map(({ name, times, held }) => [
          name,
          fixed(percentile(times, 0.5)),
          fixed(percentile(times, 0.95)),
          fixed(held),
        ]),
      )}`,
    }
  } finally {
    await db.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function timed(ask, most) {
  const times = []
  let held = 0
  for (let time = 0; time < most; time++) {
    let last = performance.now()
    const beat = setInterval(() => {
      const now = performance.now()
      held = Math.max(held, now - last)
      last = now
    })
    const start = performance.now()
    await ask()
    times.push(performance.now() - start)
    held = Math.max(held, performance.now() - last)
    clearInterval(beat)
  }
  return { times, held }
}

/** As the API does it, but for the person who asks: of records in their home. */
function searchIn(db, directory, signer) {
  const records = new StoredRecords({
    directory: join(directory, 'spool'),
    spool: { recorder: () => undefined },
    home: directoryHome(join(directory, 'recordings')),
    detachedKey: Buffer.alloc(32),
    state: {},
  })
  const trust = { keys: trustedKeys([{ publicKey: signer.publicKeyPem, from: '2020-01-01T00:00:00Z' }]), isOpen: false }
  const known = new SearchedTexts()
  const open = async (id, onHidden) => ({
    events: readRecording(await records.read(await findRecording(db.read, id)), { onHidden, trust }),
    isWhole: true,
  })
  return async (text) => {
    const found = searchRecordings(searchSessions(db.read, {}), { text }, 100, open, known)
    let count = 0
    for await (const { type } of found) if (type === 'command') count++
    return count
  }
}

async function all(rows) {
  let count = 0
  for await (const row of rows) if (row.id !== '') count++
  return count
}

async function fill(db, count, began, place) {
  for (let n = 0; n < count;)
    await db.change(async (tx) => {
      for (const end = Math.min(count, n + 2000); n < end; n++) await addSession(tx, n, began + n * MINUTE, place)
    })
}

/** What somebody looks up: no two sessions the same. */
const textOf = (n) => `where order_id = ${n * 7919} and status = 'stuck-${n}'`

async function addSession(tx, n, at, place) {
  const id = `ses_${n.toString(32).padStart(13, '0')}`
  const [person, target] = [`issuer|${n % 500}`, `db-${n % 40}`]
  const [label, file] = [`p${n % 500}@example.com`, `2026-11/${id}.pamrec`]
  const sealed = await keepRecord({
    ...{ ...place, file, session: id, person: { id: person, label, kind: 'person' }, target, at },
    texts: [
      `select o.id, o.total, c.name from orders o join customers c using (customer_id) ${textOf(n)}`,
      `select * from order_items where order_id = ${n * 7919} order by position`,
      `select count(*) from events where kind = 'login' and at > now() - interval '${n % 90} minutes'`,
    ],
  })
  await insertSession(tx, {
    id,
    person: { id: person, label, kind: 'person' },
    target,
    protocol: n % 5 === 0 ? 'ssh' : 'postgres',
    grantId: `grt_${n % 3000}`,
    loginId: `log_${n % 2000}`,
    openedAt: at,
    ended: { at: at + 30_000, code: 'CLIENT_LEFT', message: 'the client closed the connection' },
    commands: 3,
    recording: file,
  })
  await saveRecording(tx, {
    sessionId: id,
    target,
    file,
    openedAt: at,
    state: 'stored',
    sealed,
    tail: undefined,
    home: 'directory',
    changedAt: at,
    legalHold: undefined,
  })
  const entry = (type, actor, data) => appendAudit(tx, at, { type, actor, subject: id, data })
  await entry('session.opened', person, { target, grant: `grt_${n % 3000}`, recording: file })
  await entry('session.ended', 'gateway', { code: 'CLIENT_LEFT', commands: 3 })
  await entry('recording.sealed', 'gateway', sealed)
  await entry('recording.stored', 'gateway', { home: 'directory' })
}

const FIRST_SEARCH = 'the first search after a start, a text that none has'
const TIMES = 20
/** Milliseconds. */
const MINUTE = 60_000
