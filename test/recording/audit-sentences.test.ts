import { expect, it } from 'vitest'
import type { AuditRecord } from '../../src/recording/audit-chain.ts'
import { AUDIT_EVENT_TYPES } from '../../src/recording/audit-event-types.ts'
import { sentenceOf } from '../../src/recording/audit-sentences.ts'

const names = {
  people: { 'sub|bob': 'bob@example.com', 'sub|jane': 'jane@example.com' },
  subjects: {
    apr_1: { person: 'jane@example.com', target: 'prod-db', what: 'TRUNCATE' },
    ses_1: { person: 'jane@example.com', target: 'prod-db' },
  },
}
const entry = (type: string, actor: string, subject: string, data: AuditRecord['data'] = {}): AuditRecord => ({
  seq: 1,
  id: 'aud_1',
  at: '2026-11-30T12:00:00.000Z',
  type,
  actor,
  subject,
  data,
  previous: '',
  hash: '',
})

it.each([
  [
    'approval.approved',
    'sub|bob',
    'apr_1',
    { comment: '' },
    "bob@example.com approved jane@example.com's TRUNCATE on prod-db",
  ],
  [
    'approval.filed',
    'sub|jane',
    'apr_1',
    { rule: 'a person decides', statement: 'DROP TABLE' },
    'jane@example.com\'s DROP TABLE on prod-db is held for approval by the rule "a person decides"',
  ],
  [
    'approval.denied',
    'sub|bob',
    'apr_2',
    { comment: 'no', target: 'dev-db' },
    'bob@example.com denied a command on dev-db: "no"',
  ],
  [
    'approval.denied',
    'sub|bob',
    'apr_2',
    { comment: 'no" and "yes\\', target: 'dev-db' },
    'bob@example.com denied a command on dev-db: "no\\" and \\"yes\\\\"',
  ],
  ['access.refused', 'sub|jane', 'constructor', { code: 'X_1' }, 'jane@example.com was refused constructor (X_1)'],
  [
    'access.refused',
    'toString',
    'x: bob approved y',
    { code: 'X_1' },
    'toString was refused "x: bob approved y" (X_1)',
  ],
  ['approval.denied', 'sub|bob', 'constructor', { comment: '' }, 'bob@example.com denied a command'],
  [
    'request.approved',
    'gateway',
    'req_1',
    { approver: 'the schedule of rule "office hours"', target: 'prod-db', comment: '' },
    'The schedule of rule "office hours" approved access to prod-db',
  ],
  [
    'request.referred',
    'gateway',
    'req_1',
    { webhook: 'oncall', target: 'prod-db', why: 'the receiver answers 500' },
    'The webhook "oncall" did not approve access to prod-db, so people decide: "the receiver answers 500"',
  ],
  [
    'request.answer_ignored',
    'gateway',
    'req_1',
    { webhook: 'oncall', target: 'prod-db', why: 'denied by bob' },
    'The webhook "oncall" approved access to prod-db too late, and nothing changed: "denied by bob"',
  ],
  [
    'session.ended',
    'gateway',
    'ses_1',
    { commands: 2, code: 'CLIENT_LEFT' },
    'The session of jane@example.com on prod-db ended after 2 commands: the client closed the connection',
  ],
  [
    'session.ended',
    'gateway',
    'ses_1',
    { commands: 1, code: 'OF_A_LATER_VERSION' },
    'The session of jane@example.com on prod-db ended after 1 command (OF_A_LATER_VERSION)',
  ],
  ['recording.sealed', 'gateway', 'ses_1', {}, 'The recording of jane@example.com on prod-db was sealed'],
  [
    'session.killed',
    'sub|bob',
    'ses_1',
    { reason: 'x' },
    'bob@example.com ended the session of jane@example.com on prod-db: "x"',
  ],
  [
    'request.created',
    'sub|jane',
    'req_1',
    { target: 'prod-db', lengthMs: 1_800_000, reason: '' },
    'jane@example.com asked for access to prod-db for 30 minutes',
  ],
  ['of.a_later_version', 'sub|bob', 'x', {}, 'bob@example.com: of.a_later_version x'],
] as const)('%s is a sentence', (type, actor, subject, data, sentence) => {
  expect(sentenceOf(entry(type, actor, subject, data), names)).toBe(sentence)
})

it.each(AUDIT_EVENT_TYPES)('%s is a sentence whatever is missing', (type) => {
  const said = sentenceOf(entry(type, 'sub|unknown', 'id_1'), { people: {}, subjects: {} })
  expect(said).not.toMatch(/undefined|null|NaN|\[object/)
  expect(said).toMatch(/^[A-Za-z]/)
  expect(sentenceOf(entry(type, 'sub|unknown', 'id_1', { target: 5, reason: [], comment: {} }), names)).not.toMatch(
    /\[object/,
  )
})
