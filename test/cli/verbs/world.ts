import type { AccessRequest, Grant, Target } from '../../../src/api/schemas/access.ts'
import type { BreakGlass } from '../../../src/api/schemas/break-glass.ts'
import type { Whoami } from '../../../src/api/schemas/identity.ts'
import type { Lock } from '../../../src/api/schemas/lock.ts'
import type { Passkey } from '../../../src/api/schemas/passkey.ts'
import type { Explanation, TrialResult } from '../../../src/api/schemas/policy.ts'
import type { Found } from '../../../src/api/schemas/recording.ts'
import type { Review } from '../../../src/api/schemas/review.ts'
import type { Session } from '../../../src/api/schemas/session.ts'
import type { AgentStatus, ProfileInfo } from '../../../src/agent/control-messages.ts'
import type { KeptResult } from '../../../src/cli/held/result-store.ts'
import type { AuditRecord } from '../../../src/recording/audit-chain.ts'
import { VERSION } from '../../../src/shared/version.ts'
import { ago } from '../../helpers/verb.ts'

/** What a gateway and an agent say in the scripts of verbs, always the same: names as long as they are in life, and each state once. */

export const GATEWAY = 'https://pam.example.com'

export const JANE = { id: 'https://idp.example.com|jane', label: 'jane@example.com', kind: 'person' } as const
export const BOB = { id: 'https://idp.example.com|bob', label: 'bob@example.com', kind: 'person' } as const
const DEPLOY = { id: 'https://idp.example.com|ci-deploy', label: 'ci-deploy', kind: 'service' } as const

export const WHOAMI: Whoami = {
  person: { ...JANE, groups: ['engineering', 'on-call'] },
  login: 'lgn_8h2k4m6p0r',
  provenUntil: ago(-50),
  signedInAt: ago(130),
  roles: ['auditor'],
}

const SRE = { groups: ['sre'], count: 1 }

const target = (name: string, type: string, more: Partial<Target> = {}): Target => ({
  name,
  type,
  labels: { env: 'prod' },
  access: 'on request, up to 1h, approved by sre',
  rule: 'production on request',
  approvers: SRE,
  grant: 'request',
  longestMs: 3_600_000,
  reasonRequired: true,
  accounts: ['app'],
  ...more,
})

export const TARGETS: readonly Target[] = [
  target('prod-db', 'postgres', { labels: { env: 'prod', team: 'payments', tier: 'critical' }, database: 'app' }),
  target('dev-db', 'postgres', {
    labels: { env: 'dev' },
    access: 'standing, 12h at a time',
    grant: 'standing',
    longestMs: 43_200_000,
    reasonRequired: false,
  }),
  target('shop-mysql', 'mysql', { locked: 'shop-mysql is locked: change freeze (locked by bob@example.com)' }),
  target('web-1', 'ssh', { accounts: ['deploy', 'root'] }),
  target('shop-k8s', 'kubernetes'),
  target('events', 'nats'),
  target('billing', 'http', { appUrl: 'https://billing.apps.example.com' }),
]

const grant = (id: string, of: string, more: Partial<Grant> = {}): Grant => ({
  id,
  person: JANE,
  target: of,
  reason: 'INC-4711: orders are stuck in the queue since the deployment of 14:00',
  rule: 'production on request',
  standing: false,
  state: 'active',
  startsAt: ago(18),
  endsAt: ago(-42),
  ...more,
})

export const GRANTS: readonly Grant[] = [
  grant('grt_7c1m9tz0bw', 'prod-db'),
  grant('grt_2v5x8a1d4g', 'web-1', { automatic: { by: 'schedule', rules: ['office hours'] }, reason: 'release 2.4' }),
  grant('grt_9j3n6q0s2u', 'shop-k8s', {
    state: 'revoked',
    revoked: { by: 'bob@example.com', reason: 'done', at: ago(200) },
    startsAt: ago(240),
    endsAt: ago(180),
    reason: 'INC-4699',
  }),
]

const request = (id: string, of: string, more: Partial<AccessRequest> = {}): AccessRequest => ({
  id,
  requester: JANE,
  target: of,
  state: 'pending',
  status: 'waiting for sre',
  approvers: SRE,
  decisions: [],
  createdAt: ago(3),
  expiresAt: ago(-57),
  targets: [{ name: of, rule: 'production on request' }],
  reason: 'INC-4711: stuck orders',
  lengthMs: 1_800_000,
  ...more,
})

export const REQUESTS: readonly AccessRequest[] = [
  request('req_2nj8kxp4vq', 'shop-k8s', { people: 'grt_1h4k7n0q3t was revoked by bob@example.com' }),
  request('req_6b0d3f7h1k', 'prod-db', {
    state: 'approved',
    status: 'approved by bob@example.com: ok, but be quick',
    createdAt: ago(20),
    grantId: 'grt_7c1m9tz0bw',
    grantEndsAt: ago(-42),
  }),
  request('req_4m8p2s5v9y', 'billing', {
    requester: DEPLOY,
    state: 'denied',
    status: 'denied by bob@example.com: not on a Friday',
    createdAt: ago(60 * 26),
    lengthMs: 5_400_000,
    reason: '結算: 月次の締め処理',
  }),
]

const ofReview = {
  labels: { env: 'prod' },
  protocol: 'postgres',
  rule: 'a person decides on what cannot be undone',
  mayDecide: true,
} as const

export const HELD: Review = {
  id: 'apr_9w3r6gq1xe',
  kind: 'command',
  requester: BOB,
  target: 'prod-db',
  state: 'pending',
  status: 'waiting for sre',
  approvers: SRE,
  decisions: [],
  createdAt: ago(1),
  expiresAt: ago(-29),
  text: "delete from orders\n where state = 'stuck' and created_at < now() - interval '2 days'",
  effect: 'DELETE, writes public.orders; about 1,204 rows, 96 kB',
  session: 'ses_3f8yq1m5cd',
  digest: 'sha256:9f2c',
  ...ofReview,
}

const ASKED: Review = {
  id: 'req_5t7w1z3b6d',
  kind: 'request',
  requester: BOB,
  target: 'web-1',
  state: 'pending',
  status: 'waiting for sre',
  approvers: SRE,
  decisions: [],
  createdAt: ago(12),
  expiresAt: ago(-48),
  reason: 'INC-4712: disk is full',
  lengthMs: 3_600_000,
  ...ofReview,
  protocol: 'ssh',
}
/** A rule asks for a passkey, which only browsers have. */
export const WITH_PASSKEY: Review = {
  ...HELD,
  id: 'apr_4k7n0q3t6w',
  approvers: { ...SRE, stepUp: 'passkey' },
}
export const REVIEWS: readonly Review[] = [HELD, ASKED]

export const SESSIONS: readonly Session[] = [
  {
    id: 'ses_3f8yq1m5cd',
    person: JANE,
    target: 'prod-db',
    protocol: 'postgres',
    grantId: 'grt_7c1m9tz0bw',
    openedAt: ago(15),
    commands: 0,
    denied: 0,
    held: 0,
  },
  {
    id: 'ses_1k4p7s0v3y',
    person: DEPLOY,
    target: 'shop-k8s',
    protocol: 'kubernetes',
    grantId: 'grt_9j3n6q0s2u',
    openedAt: ago(210),
    ended: { at: ago(200), code: 'GRANT_REVOKED', message: 'the grant was revoked by bob@example.com' },
    commands: 1204,
    denied: 2,
    held: 1,
  },
]

export const LOCKS: readonly Lock[] = [
  {
    id: 'lck_4b7n2vhs8j',
    subject: { type: 'person', id: 'https://idp.example.com|mallory', label: 'mallory@example.com' },
    what: 'mallory@example.com',
    reason: 'laptop was stolen',
    by: 'bob@example.com',
    state: 'active',
    createdAt: ago(60 * 5),
  },
  {
    id: 'lck_0d2f5h8k1n',
    subject: { type: 'label', name: 'env', value: 'prod' },
    what: 'every target with env=prod',
    reason: 'change freeze',
    by: 'bob@example.com',
    state: 'active',
    createdAt: ago(30),
    endsAt: ago(-90),
  },
]

export const EMERGENCY: BreakGlass = {
  id: 'brk_5h2d8sfy6k',
  person: JANE,
  target: 'prod-db',
  rule: 'on-call breaks the glass',
  reason: 'INC-4711: checkout is down',
  state: 'active',
  createdAt: ago(10),
  endsAt: ago(-20),
  grantId: 'grt_7c1m9tz0bw',
  reviewers: ['security'],
  announced: ['#incidents', 'pagerduty'],
  mayReview: false,
}

export const EMERGENCIES: readonly BreakGlass[] = [
  EMERGENCY,
  {
    ...EMERGENCY,
    id: 'brk_1a3c6e9g2j',
    person: BOB,
    target: 'web-1',
    state: 'closed',
    createdAt: ago(60 * 30),
    endsAt: ago(60 * 29),
    reviewed: { by: 'carol@example.com', comment: 'as agreed', at: ago(60 * 20) },
  },
]

export const PASSKEYS: readonly Passkey[] = [
  {
    id: 'pky_8c1e4g7j0m',
    credential: 'AQIDBAUGBwg',
    name: 'YubiKey 5C of the office',
    person: { id: JANE.id, label: JANE.label },
    createdAt: ago(60 * 24 * 40),
    lastUsedAt: ago(95),
    backedUp: false,
  },
  {
    id: 'pky_3n6q9t2w5z',
    credential: 'CAcGBQQDAgE',
    name: 'phone',
    person: { id: JANE.id, label: JANE.label },
    createdAt: ago(60 * 24),
    backedUp: true,
  },
]

export const FOUND: readonly Found[] = [
  {
    type: 'command',
    session: 'ses_1k4p7s0v3y',
    at: ago(205),
    ms: 300_000,
    person: 'ci-deploy',
    target: 'shop-mysql',
    verdict: 'deny',
    text: 'drop table carts',
  },
  {
    type: 'command',
    session: 'ses_3f8yq1m5cd',
    at: ago(14),
    ms: 60_000,
    person: 'jane@example.com',
    target: 'prod-db',
    verdict: 'hold',
    text: "delete from orders\n where state = 'stuck' and created_at < now() - interval '2 days'",
  },
]

const entry = (
  seq: number,
  type: string,
  subject: string,
  minutes: number,
  data: AuditRecord['data'],
): AuditRecord => ({
  seq,
  id: `aud_${String(seq).padStart(10, '0')}`,
  at: ago(minutes),
  type,
  actor: BOB.id,
  subject,
  data,
  previous: 'sha256:00',
  hash: 'sha256:01',
})

export const AUDIT = {
  items: [
    entry(1042, 'grant.revoked', 'grt_9j3n6q0s2u', 200, { target: 'shop-k8s', reason: 'done' }),
    entry(1041, 'request.approved', 'req_6b0d3f7h1k', 300, { target: 'prod-db', comment: 'ok, but be quick' }),
  ],
  people: { [BOB.id]: BOB.label, [JANE.id]: JANE.label },
  subjects: {},
}

export const EXPLANATION: Explanation = {
  target: 'prod-db',
  access: { rule: 'production on request', text: 'on request, up to 1h, approved by sre' },
  accessRules: [
    {
      rule: 'production on request',
      applies: true,
      text: 'engineering may request env=prod for up to 1h; sre approves',
    },
    { rule: 'development', applies: false, text: 'other targets only' },
  ],
  commands: [
    { rule: 'writes need a WHERE', applies: true, text: 'denies UPDATE and DELETE without WHERE' },
    {
      rule: 'a person decides on what cannot be undone',
      applies: true,
      text: 'holds TRUNCATE, DROP and ALTER for sre',
    },
  ],
  masking: [],
}

export const TRIAL: TrialResult = {
  target: 'prod-db',
  access: { rule: 'production on request', grant: 'request' },
  judgement: { verdict: 'hold', rule: 'a person decides on what cannot be undone', approvers: 'sre' },
  statements: [
    {
      kind: 'truncate',
      reads: [],
      writes: ['public.orders'],
      unknown: [],
      rules: [
        { rule: 'writes need a WHERE', effect: 'deny', result: 'not', why: 'matches other kinds of commands only' },
        {
          rule: 'a person decides on what cannot be undone',
          effect: 'hold',
          result: 'decides',
          why: 'the first rule that matches',
        },
      ],
    },
  ],
}

export const LEGAL_HOLD = {
  session: 'ses_3f8yq1m5cd',
  legalHold: { by: 'jane@example.com', reason: 'case 2026-17', at: ago(0) },
}

export const PROFILE: ProfileInfo = { gateway: GATEWAY, label: JANE.label, store: 'keychain', isRenewable: true }

/** What is kept of commands with `--detach`; `pid` is of a process that lives. */
export const keptResults = (pid: number): readonly KeptResult[] => [
  {
    version: 1,
    id: 'apr_9w3r6gq1xe',
    target: 'prod-db',
    gateway: GATEWAY,
    person: JANE.id,
    grant: { id: 'grt_7c1m9tz0bw', endsAt: ago(-42) },
    startedAt: ago(2),
    pid,
    state: 'held',
    waitsFor: 'apr_9w3r6gq1xe',
    approvers: ['sre'],
  },
  {
    version: 1,
    id: 'apr_1b3d5f7h9k',
    target: 'web-1',
    gateway: GATEWAY,
    person: JANE.id,
    grant: { id: 'grt_2v5x8a1d4g', endsAt: ago(-42) },
    startedAt: ago(9),
    pid,
    state: 'done',
    waitsFor: 'apr_1b3d5f7h9k',
    approvers: ['sre'],
    output: { exitCode: 3, stdout: Buffer.from('nginx: inactive\n').toString('base64'), stderr: '', truncated: false },
  },
]

export const STATUS: AgentStatus = {
  version: VERSION,
  pid: 4711,
  listeners: [
    { gateway: GATEWAY, person: JANE.id, target: 'prod-db', port: 15432, tunnels: 2, kept: { until: ago(-42) } },
    { gateway: GATEWAY, person: JANE.id, target: 'dev-db', port: 15433, tunnels: 0 },
  ],
}
