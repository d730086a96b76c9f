import { describe, expect, it } from 'vitest'
import { TargetRefusal } from '../../../../../src/gateway/target-failure.ts'
import type { Administrator } from '../../../../../src/protocols/postgres/gateway/ephemeral/administrator.ts'
import { cutOff } from '../../../../../src/protocols/postgres/gateway/ephemeral/cut-off.ts'

/** A target that refuses statements with a text in them, has two memberships, one member, something prepared and one backend. */
function administrator(refused: RegExp): { ran: string[]; it: Administrator } {
  const ran: string[] = []
  let backends = 1
  const run = async (statements: readonly string[]): Promise<void> => {
    for (const statement of statements) {
      ran.push(statement)
      if (refused.test(statement)) throw new TargetRefusal({ code: '55P03', said: '', isCredential: false })
    }
  }
  return {
    ran,
    it: {
      run,
      change: run,
      ask: async (query) => {
        if (query.includes('pg_auth_members'))
          return [
            ['app', 'false'],
            ['mallory', 'true'],
          ]
        if (query.includes('pg_prepared_xacts')) return [['p']]
        ran.push('terminate')
        return backends-- > 0 ? [['true']] : []
      },
    },
  }
}
const signal = new AbortController().signal

describe('cutting a role off', () => {
  it('takes every right away, ends what runs, and lets nobody log in', async () => {
    const { it: who, ran } = administrator(/^never/)
    await cutOff(who, 'j', signal)
    expect(ran).toEqual([
      'terminate',
      'grant "j" to current_user',
      'revoke "app" from "j"',
      'revoke "j" from "mallory"',
      'set role "j"',
      "rollback prepared 'p'",
      'set role none',
      'set local lock_timeout = 400',
      'alter role "j" with nologin password null connection limit 0',
      'terminate',
    ])
  })

  it.each([/^grant/, /^revoke/, /^set role "/, /^rollback/, /^alter role/])(
    'goes on after a step that the target refuses, and says so: %s',
    async (refused) => {
      const { it: who, ran } = administrator(refused)
      await expect(cutOff(who, 'j', signal)).rejects.toThrow('55P03')
      expect(ran).toEqual(expect.arrayContaining(['revoke "app" from "j"', 'revoke "j" from "mallory"', 'terminate']))
      expect(ran.filter((statement) => statement.startsWith('alter role')).length).toBeGreaterThan(0)
    },
  )
})
