import type { AuditEventType } from '../../recording/audit-event-types.ts'
import { PassThrough, Readable } from 'node:stream'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Login } from '../../identity/login.ts'
import { asciicast } from '../../recording/asciicast.ts'
import { har } from '../../recording/har.ts'
import type { ReadEvent } from '../../recording/read.ts'
import { trustedKeys, verifyRecording } from '../../recording/verify.ts'
import { PamError, UsageError } from '../../shared/errors.ts'
import { VERSION } from '../../shared/version.ts'
import { visibleJson } from '../../shared/visible.ts'
import { approvalsById } from '../../storage/approvals.ts'
import { appendAudit } from '../../storage/audit.ts'
import { findRecording, saveRecording, type RecordingRow } from '../../storage/recordings.ts'
import { countSearched, searchSessions } from '../../storage/sessions.ts'
import { hasRole } from '../authenticate.ts'
import type { ApiDeps } from '../deps.ts'
import { needRole } from '../role-acts.ts'
import { reasonBody } from '../schemas/access.ts'
import { idParams } from '../schemas/common.ts'
import { legalHoldSchema, timelineSchema, verificationSchema, type Found, type Timeline } from '../schemas/recording.ts'
import { searchRecordings } from '../search-recordings.ts'
import { SearchedTexts } from '../searched-texts.ts'
import { whileProven } from '../proven-login.ts'
import { timelinePage } from '../timeline-page.ts'
import { readableSession } from '../visible-session.ts'
import type { App } from './app.ts'
import { iso } from './to-json.ts'

/** Records: reading them, following a live one, searching, keeping them from being deleted. Every reading is audited. */
export const recordingRoutes: FastifyPluginAsyncZod<ApiDeps> = async (app, deps) => {
  downloadRoute(app, deps)
  timelineRoute(app, deps)
  castRoute(app, deps)
  archiveRoute(app, deps)
  verificationRoute(app, deps)
  detachedTextRoutes(app, deps)
  tailRoute(app, deps)
  searchRoute(app, deps)
  legalHoldRoutes(app, deps)
}

function downloadRoute(app: App, deps: ApiDeps): void {
  const { evidence, readings } = deps
  const purpose = z.object({ purpose: z.enum(['viewed', 'exported', 'verified']).default('exported') })
  app.get(
    '/v1/sessions/:id/recording',
    { schema: { params: idParams, querystring: purpose } },
    async (request, reply) => {
      const login = request.login()
      const session = await readableSession(request.params.id, login, deps)
      const recording = await recordingOf(session.id, deps)
      // The reader has the whole file, and alone says what for.
      await readings.note(login, 'recording.exported', session.id, { purpose: request.query.purpose })
      return reply
        .type('application/octet-stream')
        .header('content-disposition', `attachment; filename="${session.id}.pamrec"`)
        .header('cache-control', 'no-store')
        .send(whileProven(await evidence.read(recording), login, deps))
    },
  )
}

function timelineRoute(app: App, deps: ApiDeps): void {
  const { evidence, readings } = deps
  const timelineQuery = z.object({
    from: z.coerce.number().int().min(0).default(0),
    limit: z.coerce.number().int().min(1).max(1000).default(200),
    /** Event types, separated by commas; default: all but the bytes of terminals. */
    types: z.string().max(200).optional(),
    text: z.string().max(200).optional(),
    /** Only what was denied, held or failed, with what became of it. */
    matters: z.stringbool().default(false),
  })
  /** What happened in a session, a page at a time; the record is read up to the end of the page only. */
  app.get(
    '/v1/sessions/:id/events',
    { schema: { params: idParams, querystring: timelineQuery, response: { 200: timelineSchema } } },
    async (request) => {
      const login = request.login()
      const session = await readableSession(request.params.id, login, deps)
      const { from, limit, types, text, matters } = request.query
      await readings.noteOften(login, 'recording.viewed', session.id)
      const recording = await recordingOf(session.id, deps)
      const page = await timelinePage((onHidden) => evidence.events(recording, { from, onHidden }), {
        from,
        limit,
        types: types?.split(','),
        matters,
        text,
      })
      return { ...page, items: await withEffects(page.items, session.id, deps) }
    },
  )
}

/** With what approvers were told that the command of an approval does, which is in the store. */
async function withEffects(
  items: Timeline['items'],
  session: string,
  { db }: Pick<ApiDeps, 'db'>,
): Promise<Timeline['items']> {
  const ids = items.flatMap(({ type, id }) => (type === 'approval' && typeof id === 'string' ? [id] : []))
  const approvals = await approvalsById(db.read, ids)
  return items.map((item) => {
    const approval = item.type === 'approval' ? approvals.get(String(item['id'])) : undefined
    return approval?.sessionId === session ? { ...item, effect: approval.effect } : item
  })
}

function castRoute(app: App, deps: ApiDeps): void {
  const { evidence, readings } = deps
  const castQuery = z.object({
    from: z.coerce.number().int().min(0).default(0),
    channel: z.string().max(100).optional(),
  })
  /** A terminal for a player, some megabytes at a time: the last marker names what comes next. */
  app.get('/v1/sessions/:id/cast', { schema: { params: idParams, querystring: castQuery } }, async (request, reply) => {
    const login = request.login()
    const session = await readableSession(request.params.id, login, deps)
    const { from, channel } = request.query
    await readings.noteOften(login, 'recording.viewed', session.id)
    const cast = asciicast(await evidence.events(await recordingOf(session.id, deps)), {
      from,
      most: MAX_CAST_LENGTH,
      ...(channel === undefined ? {} : { channel }),
    })
    return reply.type('application/x-asciicast').send(whileProven(Readable.from(cast), login, deps))
  })
}

function archiveRoute(app: App, deps: ApiDeps): void {
  const { evidence, readings } = deps
  /** Requests and answers as an HTTP Archive. Other protocols have none. */
  app.get('/v1/sessions/:id/har', { schema: { params: idParams } }, async (request, reply) => {
    const login = request.login()
    const session = await readableSession(request.params.id, login, deps)
    const recording = await recordingOf(session.id, deps)
    let isHidden = false
    const events = await evidence.events(recording, { onHidden: () => (isHidden = true) })
    const archive = har(events, { name: 'pamctl', version: VERSION })
    // The first event says what the session is of.
    const { value: first } = await archive.next()
    if (isHidden)
      throw new PamError('NOT_ALLOWED', 'this recording is encrypted, and the gateway cannot read it', {
        hint: `decrypt it on your machine: pamctl export ${session.id} --format har --identity FILE`,
      })
    await readings.note(login, 'recording.exported', session.id, { purpose: 'exported', format: 'har' })
    const pieces = async function* () {
      yield visibleJson(first ?? '')
      for await (const piece of archive) yield visibleJson(piece)
    }
    return reply
      .type('application/json')
      .header('content-disposition', `attachment; filename="${session.id}.har"`)
      .header('cache-control', 'no-store')
      .send(whileProven(Readable.from(pieces()), login, deps))
  })
}

function verificationRoute(app: App, deps: ApiDeps): void {
  const { evidence, readings } = deps
  /** What this gateway finds of a record. Whoever does not want to believe the gateway asks `pamctl verify`. */
  app.get(
    '/v1/sessions/:id/verification',
    { schema: { params: idParams, response: { 200: verificationSchema } } },
    async (request) => {
      const login = request.login()
      const session = await readableSession(request.params.id, login, deps)
      const recording = await recordingOf(session.id, deps)
      await readings.note(login, 'recording.verified', session.id)
      const keys = trustedKeys(deps.recordingKeys)
      const { session: _, ...found } = await verifyRecording(await evidence.read(recording), keys)
      return found
    },
  )
}

function detachedTextRoutes(app: App, deps: ApiDeps): void {
  const { evidence, readings } = deps
  app.get('/v1/sessions/:id/apart', { schema: { params: idParams } }, async (request, reply) => {
    const login = request.login()
    needRole(login, 'detached-texts.read', deps)
    const session = await readableSession(request.params.id, login, deps)
    const texts = await evidence.readDetached(await recordingOf(session.id, deps))
    await readings.note(login, 'recording.apart_viewed', session.id)
    return reply.type('application/x-ndjson').send(Readable.from(texts.map((text) => `${JSON.stringify(text)}\n`)))
  })

  app.post('/v1/sessions/:id/erase-apart', { schema: { params: idParams, body: reasonBody } }, async (request) => {
    const login = request.login()
    needRole(login, 'detached-texts.erase', deps)
    const session = await readableSession(request.params.id, login, deps)
    const recording = await recordingOf(session.id, deps)
    await readings.note(login, 'recording.apart_erased', session.id, { reason: request.body.reason })
    await evidence.eraseDetached(recording)
    return {}
  })
}

function tailRoute(app: App, deps: ApiDeps): void {
  const { evidence, readings } = deps
  /** What is not sealed yet, then what happens, until the session ends. An empty line now and then says that nothing does. */
  app.get('/v1/sessions/:id/tail', { schema: { params: idParams } }, async (request, reply) => {
    const login = request.login()
    const session = await readableSession(request.params.id, login, deps)
    const recorder = evidence.spool.recorder(session.id)
    if (recorder === undefined)
      throw new PamError('ALREADY_DECIDED', `${session.id} has ended`, {
        hint: `to see what happened: pamctl replay ${session.id}`,
      })
    if (recorder.isEncrypted) {
      throw new PamError('NOT_ALLOWED', 'this recording is encrypted, and the gateway cannot read it', {
        hint: 'recording.encryptTo in the configuration lists who can',
      })
    }
    await readings.note(login, 'recording.viewed', session.id, { live: true })
    const out = new PassThrough({ highWaterMark: MAX_BEHIND_BYTES })
    const send = ({ event, data }: ReadEvent): void => {
      out.write(`${JSON.stringify(data === undefined ? event : { ...event, data: data.toString('base64') })}\n`)
      // Who reads too slowly is let go rather than held in memory; the record has everything.
      if (out.writableLength > MAX_BEHIND_BYTES) out.destroy()
      else if (event.type === 'ended') out.end()
    }
    const stop = recorder.listen(send)
    const beat = setInterval(() => out.write('\n'), HEARTBEAT_MS)
    out.on('close', () => {
      stop()
      clearInterval(beat)
    })
    whileProven(out, login, deps, {
      may: (now) => session.person.id === now.person.id || hasRole(now, 'audit', deps),
    })
    for (const event of recorder.unsealed()) send(event)
    return reply.type('application/x-ndjson').send(out)
  })
}

function searchRoute(app: App, deps: ApiDeps): void {
  const { db, evidence, readings } = deps
  const known = new SearchedTexts()
  const searchQuery = z.object({
    /** Part of the text of a command; optional where a decision or a kind is asked for. */
    text: z.string().max(1000).default(''),
    verdict: z.enum(['allow', 'deny', 'hold']).optional(),
    /** Such as `delete`, `drop-table`, `exec`. */
    kind: z.string().max(50).optional(),
    since: z.iso.datetime().optional(),
    until: z.iso.datetime().optional(),
    user: z.string().max(300).optional(),
    target: z.string().max(100).optional(),
    limit: z.coerce.number().int().min(1).max(1000).default(100),
  })
  app.get('/v1/search', { schema: { querystring: searchQuery } }, async (request, reply) => {
    const login = request.login()
    const { text, verdict, kind, since, until, user, target, limit } = request.query
    if (text === '' && verdict === undefined && kind === undefined) throw new UsageError('give a text to search for')
    const asked = {
      personId: hasRole(login, 'audit', deps) ? undefined : login.person.id,
      person: user,
      target,
      since: since === undefined ? undefined : Date.parse(since),
      until: until === undefined ? undefined : Date.parse(until),
    }
    const sessions = await countSearched(db.read, asked)
    await readings.note(login, 'recordings.searched', 'recordings', { sessions, target })
    const results = searchRecordings(
      searchSessions(db.read, asked),
      { text, verdict, kind },
      limit,
      async (id, onHidden) => {
        const row = await findRecording(db.read, id)
        if (row === undefined || row.state === 'deleted') return undefined
        return {
          events: await evidence.events(row, { onHidden }),
          isWhole: row.state === 'sealed' || row.state === 'stored',
        }
      },
      known,
    )
    const lines = async function* () {
      for await (const found of results) yield `${JSON.stringify(found satisfies Found)}\n`
    }
    return reply.type('application/x-ndjson').send(whileProven(Readable.from(lines()), login, deps))
  })
}

function legalHoldRoutes(app: App, deps: ApiDeps): void {
  const { clock } = deps
  app.post(
    '/v1/sessions/:id/legal-hold',
    { schema: { params: idParams, body: reasonBody, response: { 200: legalHoldSchema } } },
    async (request) => {
      const login = request.login()
      needRole(login, 'legal-hold.set', deps)
      const session = await readableSession(request.params.id, login, deps)
      const { reason } = request.body
      if (reason === '') throw new PamError('USAGE', 'a legal hold needs a reason')
      const legalHold = { by: login.person.label, reason, at: clock.now() }
      await changeHold(deps, login, session.id, 'recording.held', legalHold, reason)
      return { session: session.id, legalHold: { ...legalHold, at: iso(legalHold.at) } }
    },
  )

  app.post(
    '/v1/sessions/:id/lift-hold',
    { schema: { params: idParams, body: reasonBody, response: { 200: legalHoldSchema } } },
    async (request) => {
      const login = request.login()
      needRole(login, 'legal-hold.lift', deps)
      const session = await readableSession(request.params.id, login, deps)
      await changeHold(deps, login, session.id, 'recording.hold_lifted', undefined, request.body.reason)
      return { session: session.id }
    },
  )
}

async function recordingOf(session: string, { db }: ApiDeps): Promise<RecordingRow> {
  const row = await findRecording(db.read, session)
  if (row !== undefined) return row
  throw new PamError('NOT_FOUND', `there is no record of ${session}`)
}

async function changeHold(
  { db, clock }: ApiDeps,
  login: Login,
  session: string,
  type: AuditEventType,
  legalHold: RecordingRow['legalHold'],
  reason: string,
): Promise<void> {
  await db.change(async (tx) => {
    const row = await findRecording(tx, session)
    if (row === undefined) throw new PamError('NOT_FOUND', `there is no record of ${session}`)
    if (row.state === 'deleted') throw new PamError('ALREADY_DECIDED', `the record of ${session} is deleted`)
    await saveRecording(tx, { ...row, legalHold })
    await appendAudit(tx, clock.now(), { type, actor: login.person.id, subject: session, data: { reason } })
  })
}
/** Characters of a terminal that a page is given at once. */
const MAX_CAST_LENGTH = 8_000_000
/** Bytes that a reader of a live record may be behind. */
const MAX_BEHIND_BYTES = 8 * 1024 * 1024
/** Milliseconds. */
const HEARTBEAT_MS = 15_000
