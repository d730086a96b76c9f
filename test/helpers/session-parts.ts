import type { Approval } from '../../src/access/approval.ts'
import type { Grant } from '../../src/access/grant.ts'
import { ComparisonBudget } from '../../src/gateway/comparison-budget.ts'
import type { CommandDraft } from '../../src/gateway/engine.ts'
import type { GatewayState } from '../../src/gateway/gateway-state.ts'
import type { SessionParts } from '../../src/gateway/session.ts'
import type { Login } from '../../src/identity/login.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { policySchemas } from '../../src/policy/parse-policy.ts'
import { policyLanguage } from '../../src/protocols/policy-language.ts'
import type { EventBody } from '../../src/recording/event.ts'
import { parseYaml } from '../../src/shared/yaml-file.ts'
import type { SqlStatement } from '../../src/sql/statement.ts'
import { z } from 'zod'
import { HandClock } from './hand-clock.ts'
import { sqlStatement } from './sql-statement.ts'

const { policyShape, toPolicy } = policySchemas(policyLanguage)
const lists = z.strictObject(policyShape)

export const policyOf = (yaml: string): Policy => toPolicy(parseYaml(yaml, 'f', lists))

export const jane = { id: 'jane', kind: 'person', label: 'jane@example.com', groups: ['dev'] } as const
export const store = { name: 'store', type: 'postgres', labels: { env: 'prod' } } as const

export const loginOf = (clock: HandClock, given: Partial<Login> = {}): Login => ({
  id: 'log_1',
  person: jane,
  thumbprint: 'key',
  email: undefined,
  authTime: undefined,
  provenUntil: clock.now() + 3_600_000,
  createdAt: clock.now(),
  endedAt: undefined,
  ...given,
})

export const grantOf = (clock: HandClock, given: Partial<Grant> = {}): Grant => ({
  id: 'grt_1',
  person: jane,
  target: 'store',
  rule: 'devs',
  reason: 'a reason',
  requestId: undefined,
  startsAt: clock.now(),
  endsAt: clock.now() + 3_600_000,
  revoked: undefined,
  allowedAgainAt: undefined,
  ...given,
})

/** A statement as an engine drafts it: its text is its first kind. */
export function draftOf(statement: Partial<SqlStatement>, given: Partial<CommandDraft> = {}): CommandDraft {
  const facts = { type: 'sql', statements: [sqlStatement(statement)] }
  const text = given.text ?? (statement.kinds?.[0] ?? 'select').toUpperCase()
  const draft: CommandDraft = {
    text,
    parameters: [],
    facts,
    recorded: { text, parameters: [] },
    comparisons: [],
    notes: () => [],
    estimate: () => Promise.resolve(undefined),
    refusal: undefined,
    context: {},
    inTransaction: false,
    again: () => Promise.resolve(draft),
    ...given,
  }
  return draft
}

/** What a store would do with approvals; a test says how a use comes out. */
export class FakeState implements Pick<GatewayState, 'fileApproval' | 'closeApproval' | 'useApproval'> {
  readonly filed: Approval[] = []
  readonly closed: [id: string, state: string][] = []
  readonly used: [id: string, digest: string][] = []
  useFails: Error | undefined
  fileFails: Error | undefined

  fileApproval(approval: Approval): Promise<void> {
    if (this.fileFails !== undefined) return Promise.reject(this.fileFails)
    this.filed.push(approval)
    return Promise.resolve()
  }
  closeApproval(id: string, state: string): Promise<void> {
    this.closed.push([id, state])
    return Promise.resolve()
  }
  useApproval(id: string, digest: string): Promise<Approval> {
    if (this.useFails !== undefined) return Promise.reject(this.useFails)
    this.used.push([id, digest])
    return Promise.resolve(this.filed.find((approval) => approval.id === id) as Approval)
  }
}

/** An approval as somebody decided it. */
export const decided = (approval: Approval, state: 'approved' | 'denied', comment = ''): Approval => ({
  ...approval,
  state,
  decisions: [{ approver: 'bob', label: 'bob@example.com', approve: state === 'approved', comment, at: 1 }] as never,
})

/** All that a session is made of, in memory. */
export class SessionBench {
  readonly clock = new HandClock()
  readonly state = new FakeState()
  readonly events: EventBody[] = []
  readonly detached: string[] = []
  readonly ended = new AbortController()
  policy: Policy

  constructor(rules: string | Policy) {
    this.policy = typeof rules === 'string' ? policyOf(rules) : rules
  }

  get recorder(): SessionParts['recorder'] {
    return {
      intent: (event: EventBody) => void this.events.push(event),
      detach: (text: string) => ({ id: String(this.detached.push(text)), sha256: '' }),
    } as unknown as SessionParts['recorder']
  }

  parts(given: Partial<SessionParts> = {}): SessionParts {
    return {
      id: 'ses_1',
      login: loginOf(this.clock),
      target: store,
      config: { ...store, host: 'db', port: 5432 },
      configNow: () => ({ ...store, host: 'db', port: 5432 }),
      defaultSchema: 'public',
      grant: () => grantOf(this.clock),
      lease: { user: 'app', password: undefined, release: () => Promise.resolve() },
      recorder: this.recorder,
      limits: {} as SessionParts['limits'],
      logger: { error() {}, info() {} } as unknown as SessionParts['logger'],
      clock: this.clock,
      state: this.state as unknown as GatewayState,
      policy: () => this.policy,
      digestKey: Buffer.alloc(32, 1),
      comparisonBudget: new ComparisonBudget(),
      ended: this.ended,
      ...given,
    }
  }

  /** What is on record, without what changes from run to run. */
  get recorded(): unknown[] {
    return this.events.map((event) => {
      const { type } = event
      if (event.type === 'command') return [type, event.verdict, event.text]
      if (event.type === 'approval') return [type, event.state]
      return [type]
    })
  }
}
