import { describeTargets } from '../access/requested-targets.ts'
import { approvalsById } from '../storage/approvals.ts'
import { grantsById } from '../storage/grants.ts'
import { requestsById } from '../storage/requests.ts'
import { sessionsById } from '../storage/sessions.ts'
import type { Reader } from '../storage/page.ts'
import type { AuditRecord } from '../recording/audit-chain.ts'
import type { AuditSubject } from './schemas/recording.ts'

/** What entries are about, in words, by the ids that they name: whose it is, on which target, and what a held command does. */
export async function auditSubjects(
  db: Reader,
  records: readonly Pick<AuditRecord, 'subject' | 'data'>[],
): Promise<Record<string, AuditSubject>> {
  const ids = new Set(
    records.flatMap(({ subject, data }) => [subject, ...NAMED.map((name) => String(data[name] ?? ''))]),
  )
  const of = (prefix: string): string[] => [...ids].filter((id) => id.startsWith(prefix))
  const [approvals, requests, grants, sessions] = await Promise.all([
    approvalsById(db, of('apr_')),
    requestsById(db, of('req_')),
    grantsById(db, of('grt_')),
    sessionsById(db, of('ses_')),
  ])
  const found: Record<string, AuditSubject> = {}
  for (const { id, requester, target, statement, effect } of approvals.values())
    // Of an earlier version: an effect begins with the name of what the command is, `TRUNCATE, writes public.orders`.
    found[id] = { person: requester.label, target, what: statement ?? /^[^,;]{1,60}/.exec(effect)?.[0] ?? '' }
  for (const request of requests.values())
    found[request.id] = { person: request.requester.label, target: describeTargets(request) }
  for (const { id, person, target } of grants.values()) found[id] = { person: person.label, target }
  for (const { id, person, target } of sessions.values()) found[id] = { person: person.label, target }
  return found
}

/** Fields of entries that name something else. */
const NAMED = ['session', 'request', 'grant', 'approval'] as const
