import type { AuditRecord } from './audit-chain.ts'

/** An audit entry as an event of the Open Cybersecurity Schema Framework, version 1.3 (schema.ocsf.io). */
export function toOcsf(record: AuditRecord): Readonly<Record<string, unknown>> {
  const { seq, id, at, type, actor, subject, data, hash } = record
  const { classUid, activityId } = classOf(type)
  const refused = /refused|denied|failed|missing|damaged/.test(type)
  return {
    category_uid: Math.floor(classUid / 1000),
    class_uid: classUid,
    activity_id: activityId,
    type_uid: classUid * 100 + activityId,
    time: Date.parse(at),
    severity_id: refused ? SEVERITY.medium : SEVERITY.informational,
    status_id: refused ? STATUS.failure : STATUS.success,
    message: `${type} ${subject}`,
    metadata: {
      version: '1.3.0',
      uid: id,
      sequence: seq,
      log_name: 'audit',
      product: { name: 'pamctl', vendor_name: 'pamctl' },
    },
    actor: actor === 'gateway' ? { app_name: 'pam-gateway' } : { user: { uid: actor } },
    // These classes have no common field for the subject of an entry.
    unmapped: { type, subject, data, hash },
  }
}

/** Class and activity by the prefix of the type; the default is API Activity, Other. */
function classOf(type: string): { classUid: number; activityId: number } {
  const found = CLASSES.find(([prefix]) => type.startsWith(prefix))
  return found === undefined
    ? { classUid: API_ACTIVITY, activityId: OTHER }
    : { classUid: found[1], activityId: found[2] }
}

const AUTHENTICATION = 3002
const USER_ACCESS = 3005
const API_ACTIVITY = 6003
const OTHER = 99
const CLASSES: readonly (readonly [prefix: string, classUid: number, activityId: number])[] = [
  ['login.ended', AUTHENTICATION, 2],
  ['login.', AUTHENTICATION, 1],
  ['session.opened', AUTHENTICATION, 1],
  ['session.', AUTHENTICATION, 2],
  ['grant.revoked', USER_ACCESS, 2],
  ['grant.', USER_ACCESS, 1],
  ['recording.deleted', API_ACTIVITY, 4],
  ['recording.', API_ACTIVITY, 2],
  ['audit.', API_ACTIVITY, 2],
  ['config.', API_ACTIVITY, 3],
]
const SEVERITY = { informational: 1, medium: 3 } as const
const STATUS = { success: 1, failure: 2 } as const
