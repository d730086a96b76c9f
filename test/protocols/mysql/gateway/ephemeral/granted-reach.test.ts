import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { grantedTo, reachOf } from '../../../../../src/protocols/mysql/gateway/ephemeral/granted-reach.ts'

describe('what a role may do', () => {
  it.each([
    'GRANT USAGE ON *.* TO `app_rw`',
    'GRANT PROCESS, SHOW DATABASES ON *.* TO `app_rw`',
    'GRANT SELECT, INSERT, CREATE TEMPORARY TABLES ON `shop`.* TO `app_rw`',
    'GRANT ALL PRIVILEGES ON `shop`.* TO `app_rw`@`%`',
    'GRANT SELECT (`a`, `b`), UPDATE (`c`) ON `shop`.`t` TO `app_rw`',
    'GRANT EXECUTE ON PROCEDURE `shop`.`p` TO `app_rw`',
    'GRANT SELECT ON `my\\_sql`.* TO `app_rw`',
    'GRANT SELECT ON `mysqlx`.* TO `app_rw`',
    'GRANT SELECT ON `my%`.`t` TO `app_rw`',
    'GRANT `reader` TO `app_rw`',
    'GRANT `reader`@`%`,`writer`@`%` TO `app_rw`@`%`',
  ])('is its own work: %s', (grant) => {
    expect(reachOf([grant])).toBeUndefined()
  })

  it.each([
    'GRANT CREATE USER ON *.* TO `app_rw`',
    'GRANT USAGE, SUPER ON *.* TO `app_rw`',
    'GRANT ALL PRIVILEGES ON *.* TO `app_rw`',
    'GRANT BACKUP_ADMIN,ROLE_ADMIN ON *.* TO `app_rw`@`%`',
    'GRANT SELECT ON `mysql`.* TO `app_rw`',
    'GRANT SELECT ON `MYSQL`.`user` TO `app_rw`',
    'GRANT SELECT ON `%`.* TO `app_rw`',
    'GRANT SELECT ON `m_sql`.* TO `app_rw`',
    'GRANT SELECT ON `pam\\_gateway`.* TO `app_rw`',
    'GRANT SELECT ON `pam_gateway`.`session_accounts` TO `app_rw`',
    'GRANT SELECT ON `shop`.* TO `app_rw` WITH GRANT OPTION',
    'GRANT `reader` TO `app_rw` WITH ADMIN OPTION',
    "GRANT PROXY ON ''@'' TO `app_rw`",
    'GRANT UNHEARD OF ON `shop`.* TO `app_rw`',
    'REVOKE SELECT ON `mysql`.* FROM `app_rw`@`%`',
    'GRANT SELECT ON `shop`.* TO `app_rw` REQUIRE SSL',
    '',
  ])('is too much, or not understood: %s', (grant) => {
    expect(reachOf(['GRANT USAGE ON *.* TO `app_rw`', grant])).toBeDefined()
  })

  it('comes from the roles that it was granted, too', () => {
    expect(
      grantedTo(['GRANT USAGE ON *.* TO `a`', 'GRANT `b` TO `a`', 'GRANT `c`@`%`,`d``e`@`host` TO `a`@`%`']),
    ).toEqual(['b', 'c', 'd`e'])
  })

  it('is never understood from what is no grant, however long', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('`', 'a', ' ', ',', '.', '*', '@', '(', ')'), maxLength: 2000 }),
        (text) => {
          expect(reachOf([`GRANT ${text}`])).toBeDefined()
        },
      ),
      { numRuns: 50 },
    )
  })
})
