import { Readable } from 'node:stream'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import type { z } from 'zod'
import { AuditVerifier } from '../../recording/audit-chain.ts'
import { trustedKeys } from '../../recording/verify.ts'
import { listAudit, type AuditFilter } from '../../storage/audit.ts'
import { auditHead } from '../../storage/audit-head.ts'
import { findPeople, personIds, personLabels } from '../../storage/logins.ts'
import { auditCsv, auditJsonLines } from '../audit-export.ts'
import { auditSubjects } from '../audit-subjects.ts'
import type { ApiDeps } from '../deps.ts'
import { whileProven } from '../proven-login.ts'
import { needRole } from '../role-acts.ts'
import {
  auditExportQuery,
  auditQuery,
  auditSchema,
  auditStatusSchema,
  type auditFilterQuery,
} from '../schemas/recording.ts'
import type { App } from './app.ts'

/** The audit chain, for auditors. */
export const auditRoutes: FastifyPluginAsyncZod<ApiDeps> = async (app, deps) => {
  listRoute(app, deps)
  exportRoute(app, deps)
  statusRoute(app, deps)
}

function listRoute(app: App, deps: ApiDeps): void {
  const { db } = deps
  app.get('/v1/audit', { schema: { querystring: auditQuery, response: { 200: auditSchema } } }, async (request) => {
    const login = request.login()
    needRole(login, 'audit.read', deps)
    const { after, before, order, limit, ...filter } = request.query
    await deps.readings.noteOften(login, 'audit.viewed', 'audit', filter)
    const asked = await filterOf(filter, db)
    const page = order === 'newest' ? { before, limit } : { after, limit }
    const records = await listAudit(db.read, asked, page)
    const last = records.at(-1)
    const { user } = filter
    const isUnknown = user !== undefined && last === undefined && (await findPeople(db.read, user)).length === 0
    return {
      items: records.map((record) => ({ ...record, data: { ...record.data } })),
      people: await personLabels(
        db.read,
        records.flatMap(({ actor, data }) => [actor, ...(typeof data['person'] === 'string' ? [data['person']] : [])]),
      ),
      subjects: await auditSubjects(db.read, records),
      ...(isUnknown ? { unknownUser: true } : {}),
      ...(last === undefined || records.length < limit ? {} : { next: last.seq }),
    }
  })
}

/** Every entry that matches, oldest first. */
function exportRoute(app: App, deps: ApiDeps): void {
  const { db } = deps
  app.get('/v1/audit/export', { schema: { querystring: auditExportQuery } }, async (request, reply) => {
    const login = request.login()
    needRole(login, 'audit.export', deps)
    const { format, ...filter } = request.query
    await deps.readings.note(login, 'audit.viewed', 'audit', { ...filter, format })
    const asked = await filterOf(filter, db)
    const pages = async function* () {
      for (let after = 0; ;) {
        const records = await listAudit(db.read, asked, { after, limit: EXPORTED_AT_ONCE })
        const actors = records.map(({ actor }) => actor)
        yield { records, people: await personLabels(db.read, actors) }
        if (records.length < EXPORTED_AT_ONCE) return
        after = records.at(-1)?.seq ?? 0
      }
    }
    const [type, text] =
      format === 'csv'
        ? ['text/csv; charset=utf-8', auditCsv(pages())]
        : ['application/x-ndjson', auditJsonLines(pages())]
    return reply
      .type(type)
      .header('content-disposition', `attachment; filename="audit.${format}"`)
      .header('cache-control', 'no-store')
      .send(whileProven(Readable.from(text), login, deps))
  })
}

function statusRoute(app: App, deps: ApiDeps): void {
  const { db } = deps
  /** The chain is read from its beginning for each call: one at a time. */
  let checking: Promise<ReturnType<AuditVerifier['result']>> | undefined
  app.get('/v1/audit/status', { schema: { response: { 200: auditStatusSchema } } }, async (request) => {
    needRole(request.login(), 'audit.check', deps)
    checking ??= checkChain(deps).finally(() => (checking = undefined))
    const chain = await checking
    const head = await auditHead(db.read)
    const { streams, checkpoints } = deps.auditStatus()
    const withProblem = (problem: string | undefined) => (problem === undefined ? {} : { problem })
    return {
      entries: head?.seq ?? 0,
      ...(head === undefined ? {} : { head: { seq: head.seq, hash: head.hash } }),
      chain:
        chain.status === 'valid'
          ? { status: 'valid' as const, entries: chain.entries }
          : { status: 'invalid' as const, seq: chain.seq, reason: chain.reason },
      streams: streams.map(({ name, problem }) => ({ name, ...withProblem(problem) })),
      checkpoints: checkpoints.keepers.map(({ name, kept, problem }) => ({
        name,
        ...(kept === undefined ? {} : { kept }),
        ...withProblem(problem),
      })),
    }
  })
}

async function filterOf(
  { since, until, user, ...filter }: z.output<typeof auditFilterQuery>,
  db: ApiDeps['db'],
): Promise<AuditFilter> {
  return {
    ...filter,
    actors: user === undefined ? undefined : [user, ...(await personIds(db.read, user))],
    since: since === undefined ? undefined : Date.parse(since),
    until: until === undefined ? undefined : Date.parse(until),
  }
}

async function checkChain({ db, recordingKeys }: ApiDeps): Promise<ReturnType<AuditVerifier['result']>> {
  const verifier = new AuditVerifier(trustedKeys(recordingKeys), [])
  // Up to where it is now: what is added meanwhile may be signed a moment later.
  const end = (await auditHead(db.read))?.seq ?? 0
  for (let after = 0; after < end;) {
    const records = await listAudit(db.read, {}, { after, limit: CHECKED_AT_ONCE })
    for (const record of records) if (record.seq <= end) verifier.check(record)
    after = records.at(-1)?.seq ?? end
    // Signatures take time: others get their turn in between.
    await new Promise((resolve) => setImmediate(resolve))
  }
  return verifier.result()
}

const CHECKED_AT_ONCE = 100
const EXPORTED_AT_ONCE = 500
