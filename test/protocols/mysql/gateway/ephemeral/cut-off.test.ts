import { describe, expect, it } from 'vitest'
import { TargetRefusal } from '../../../../../src/gateway/target-failure.ts'
import { cutOff } from '../../../../../src/protocols/mysql/gateway/ephemeral/cut-off.ts'

const account = { user: 'eve_ses', host: '%' }
const never = new AbortController().signal
const no = (code: string): TargetRefusal => new TargetRefusal({ code, said: code, isCredential: false })

/** A server that answers the list of connections with each of these in turn, and says no to what contains a text. */
function server(
  lists: [string, string][][],
  refused: Readonly<Record<string, string>> = {},
  grants = ['GRANT USAGE ON *.* TO `x`'],
) {
  const asked: string[] = []
  return {
    asked,
    version: { flavor: 'mariadb' as const, number: 101_100, text: '10.11.0-MariaDB' },
    async ask(sql: string): Promise<(string | null)[][]> {
      asked.push(sql.replace(/ 'eve_ses'@'%'/, ''))
      const [, code] = Object.entries(refused).find(([text]) => sql.includes(text)) ?? []
      if (code !== undefined) throw no(code)
      if (sql.startsWith('SHOW')) return grants.map((grant) => [grant])
      return sql.startsWith('SELECT id') ? (lists.shift() ?? []) : []
    },
  }
}

describe('the end of an account', () => {
  it('locks it, takes its rights away and ends its connections until none can do anything', async () => {
    const target = server([
      [
        ['1', '0'],
        ['2', '1'],
      ],
      [['1', '0']],
      [['1', '1']],
    ])
    await cutOff(target, { account, role: 'r' }, never)
    expect(target.asked.filter((sql) => !/^(SELECT|SHOW)/.test(sql))).toEqual(
      [
        'ALTER USER IF EXISTS ACCOUNT LOCK',
        "REVOKE `r` FROM 'eve_ses'@'%'",
        "REVOKE ALL PRIVILEGES, GRANT OPTION FROM 'eve_ses'@'%'",
        'KILL HARD CONNECTION 1',
        'KILL HARD CONNECTION 1',
      ].map((sql) => sql.replace(/ 'eve_ses'@'%'/, '')),
    )
  })

  it.each(['ALTER', 'SHOW', 'KILL'])('tries the rest where the target says no to %s, and fails', async (text) => {
    const target = server([[['1', '0']]], { [text]: '1227' })
    await expect(cutOff(target, { account, role: 'r' }, never)).rejects.toThrow('1227')
    for (const step of ['ALTER', 'REVOKE `r`', 'REVOKE ALL', 'KILL'])
      expect(target.asked.some((sql) => sql.startsWith(step))).toBe(true)
  })

  it('fails where it has any right left, however that came', async () => {
    const target = server([[]], {}, ['GRANT USAGE ON *.* TO `x`', 'GRANT `other` TO `x`'])
    await expect(cutOff(target, { account, role: 'r' }, never)).rejects.toMatchObject({ code: 'TARGET_REFUSED' })
  })

  it('is over where there is nothing left to end', async () => {
    const target = server([[['1', '0']], []], {
      'REVOKE `r`': '1962',
      'REVOKE ALL': '1269',
      SHOW: '1141',
      KILL: '1094',
    })
    await cutOff(target, { account, role: 'r' }, never)
  })
})
