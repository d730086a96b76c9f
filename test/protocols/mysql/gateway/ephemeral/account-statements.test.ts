import { describe, expect, it } from 'vitest'
import {
  accountName,
  creation,
  disabling,
  dropping,
  identification,
  killing,
  presenceOf,
  registering,
  REGISTERED,
  seeing,
  showing,
  stripping,
  unregistering,
} from '../../../../../src/protocols/mysql/gateway/ephemeral/account-statements.ts'

const account = { user: "o'neill\\_ses", host: '10.0.0.%' }

describe('statements about accounts', () => {
  it('quote every name and constant', () => {
    const name = "'o''neill\\\\_ses'@'10.0.0.%'"
    expect(accountName(account)).toBe(name)
    expect(disabling(account)).toBe(`ALTER USER IF EXISTS ${name} ACCOUNT LOCK`)
    expect(dropping(account)).toBe(`DROP USER IF EXISTS ${name}`)
    expect(stripping(account, 'a`b')).toEqual([
      `REVOKE \`a\`\`b\` FROM ${name}`,
      `REVOKE ALL PRIVILEGES, GRANT OPTION FROM ${name}`,
    ])
    expect(unregistering(account)).toContain("account = 'o''neill\\\\_ses'")
    expect(seeing("a'b", "c'd")).toContain("IS_USED_LOCK('a''b') AND BINARY user = BINARY 'c''d'")
    expect(showing("a'b")).toBe("SELECT GET_LOCK('a''b', 0)")
  })

  it('make an account that may log in a few times, encrypted where the target is, and give it its role', () => {
    const made = creation(account, { identified: 'IDENTIFIED VIA x', isEncrypted: true, days: 1, role: 'app' })
    expect(made).toEqual([
      `CREATE USER ${accountName(account)} IDENTIFIED VIA x REQUIRE SSL WITH MAX_USER_CONNECTIONS 10 PASSWORD EXPIRE INTERVAL 1 DAY`,
      `GRANT \`app\` TO ${accountName(account)}`,
    ])
  })

  it('give MariaDB what it keeps of a password, and not the password', () => {
    // Source: MariaDB, plugin/auth_ed25519 (SELECT ed25519_password('secret')), and PASSWORD('secret').
    expect(identification('ed25519', 'secret')).toBe(
      "IDENTIFIED VIA ed25519 USING 'ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY'",
    )
    expect(identification('mysql_native_password', 'secret')).toBe(
      "IDENTIFIED VIA mysql_native_password USING '*14E65567ABDB5135D0CFD9A70B3032C179A49EE7'",
    )
    expect(identification('caching_sha2_password', 'x')).toBe("IDENTIFIED WITH caching_sha2_password BY 'x'")
  })

  it('say until when an account lasts in whole seconds of the server', () => {
    const entry = { ...account, session: 's', target: "t'", role: 'r', gateway: 'g', run: 'n' }
    expect(registering(entry, 60.5)).toContain("'t''', 'r', 'g', 'n', UTC_TIMESTAMP() + INTERVAL 61 SECOND)")
    expect(REGISTERED).toContain('LIMIT 1000')
  })

  it('end a connection as each server has it', () => {
    expect([killing('mariadb', '7'), killing('mysql', '7')]).toEqual(['KILL HARD CONNECTION 7', 'KILL CONNECTION 7'])
  })

  it('show a run for one target by a lock whose name a server takes', () => {
    const digest = (text: string): string => text.padEnd(64, 'x')
    const name = presenceOf('f'.repeat(16), 'orders', digest)
    expect(name.length).toBeLessThanOrEqual(64)
    expect(name).not.toBe(presenceOf('f'.repeat(16), 'other', digest))
  })
})
