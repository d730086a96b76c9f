import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Person, Target } from '../../src/policy/command.ts'
import { explain } from '../../src/policy/explain.ts'
import { describeApprovers } from '../../src/policy/joint-approvers.ts'
import { policySchemas } from '../../src/policy/parse-policy.ts'
import { policyLanguage } from '../../src/protocols/policy-language.ts'

const { policyShape, toPolicy } = policySchemas(policyLanguage)
const jane: Person = { id: 'jane', kind: 'person', label: 'jane', groups: ['engineering'] }
const database: Target = { name: 'db', type: 'postgres', labels: { env: 'prod' } }
const host: Target = { name: 'host', type: 'ssh', labels: {} }

const policy = toPolicy(
  z.object(policyShape).parse({
    access: [
      { name: 'for others', who: { groups: ['sre'] }, grant: 'standing' },
      { name: 'asking', grant: 'request', maxDuration: '1h', approvers: { groups: ['sre', 'dba'], count: 2 } },
      { name: 'services', who: { kind: 'service' }, grant: 'standing' },
    ],
    commands: [
      { name: 'orders', match: { kinds: ['delete'], relations: ['orders'], missingWhere: true }, deny: 'no' },
      { name: 'programs', match: { programs: ['rm'] }, hold: { approvers: { groups: ['sre'] }, expires: '5m' } },
      { name: 'elsewhere', targets: { labels: { env: 'dev' } }, match: {}, allow: true },
      { name: 'anything', match: { unknown: true }, when: 'person.kind == "person"', allow: true },
    ],
    masking: [
      { name: 'columns', columns: ['customers.email'] },
      { name: 'kinds', columns: ['customers.phone'], kinds: ['email'], style: 'hash' },
      { name: 'not us', kinds: ['iban'], except: { groups: ['engineering'] } },
    ],
  }),
)

describe('explain', () => {
  it('says which access rule decides, and why others do not', () => {
    const { access, accessRules } = explain(policy, jane, database)
    expect(access).toEqual({ rule: 'asking', text: 'on request, up to 1h, approved by 2 of sre or dba' })
    expect(accessRules.map(({ rule, applies, text }) => [rule, applies, text])).toEqual([
      ['for others', false, 'other people only'],
      ['asking', true, 'on request, up to 1h, approved by 2 of sre or dba'],
      ['services', false, 'other people only'],
    ])
  })

  it('shows of a database what is about databases, in its words', () => {
    expect(explain(policy, jane, database).commands.map(({ rule, applies, text }) => [rule, applies, text])).toEqual([
      ['orders', true, 'denies delete on orders without WHERE: no'],
      ['elsewhere', false, 'other targets only'],
      ['anything', true, 'allows every statement (even of unknown effect), when person.kind == "person"'],
    ])
  })

  it('shows of a host what is about hosts', () => {
    const { commands, masking } = explain(policy, jane, host)
    expect(commands.map(({ rule }) => rule)).toEqual(['programs', 'elsewhere', 'anything'])
    expect(commands[0]?.text).toBe('holds every statement running rm for approval by sre, up to 5m')
    // A host has no columns.
    expect(masking.map(({ rule, text }) => [rule, text])).toEqual([
      ['kinds', 'masks email (hash)'],
      ['not us', 'does not apply: you see these values unmasked'],
    ])
  })

  it('speaks of requests where it is about a service of HTTP', () => {
    const requests = toPolicy(
      z.object(policyShape).parse({
        commands: [
          { name: 'refunds', match: { routes: ['/orders/{id}/refunds'] }, deny: 'no' },
          { name: 'deleting', match: { methods: ['DELETE'], routes: ['/orders/{id}'] }, allow: true },
        ],
      }),
    )
    const { commands } = explain(requests, jane, { name: 'billing', type: 'http', labels: {} })
    expect(commands.map(({ text }) => text)).toEqual([
      'denies every request to /orders/{id}/refunds: no',
      'allows every request with method DELETE to /orders/{id}',
    ])
  })

  it('names approvers with their number where it is more than one', () => {
    expect(describeApprovers({ groups: ['sre'], count: 1 })).toBe('sre')
    expect(describeApprovers({ groups: ['sre', 'dba'], count: 2 })).toBe('2 of sre or dba')
  })
})
