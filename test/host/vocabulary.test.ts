import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { HostStatement } from '../../src/host/command/facts.ts'
import { hostStatement } from '../../src/host/command/host-statement.ts'
import { matchesPath } from '../../src/host/path-patterns.ts'
import { matchesGlob } from '../../src/shared/glob.ts'
import { policyLanguage } from '../../src/protocols/policy-language.ts'
import { sqlStatement } from '../helpers/sql-statement.ts'
import type { StatementMatch } from '../../src/policy/policy.ts'

const statement = (given: Partial<HostStatement>): HostStatement =>
  hostStatement('deploy', { kinds: ['exec'], ...given })
const allows = (match: StatementMatch, given: Partial<HostStatement>) =>
  policyLanguage.matches(match, 'allow', statement(given))
const refuses = (match: StatementMatch, given: Partial<HostStatement>) =>
  policyLanguage.matches(match, 'deny', statement(given))

describe('paths', () => {
  it.each([
    ['/etc/**', '/etc/passwd', true, true],
    ['/etc/**', '/etc', true, true],
    ['/etc/*', '/etc/a/b', false, false],
    ['/etc/**', '/etc/a/**', true, true],
    ['/etc/shadow', '/etc/**', true, false],
    ['/srv/*/log', '/srv/a/log', true, true],
    ['/srv/app/**', '/srv/**', true, false],
    ['/srv/app', '**', true, false],
    ['**', '**', true, true],
    ['/etc/**', '/etcetera', false, false],
    ['/a/**/z', '/a/b/c/z', true, true],
    ['/a', '/a', true, true],
    ['/a/b', '/a', false, false],
  ])('%s and %s: may be %s, surely is %s', (pattern, path, some, all) => {
    expect(matchesPath(pattern, path, false)).toBe(some)
    expect(matchesPath(pattern, path, true)).toBe(all)
  })

  it('what is surely within a pattern may be', () => {
    const segment = fc.constantFrom('a', 'b', '*', '**')
    fc.assert(
      fc.property(
        fc.array(segment, { minLength: 1, maxLength: 4 }),
        fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        (pattern, path, tree) => {
          const [one, other] = [`/${pattern.join('/')}`, `/${path.join('/')}${tree ? '/**' : ''}`]
          if (matchesPath(one, other, true)) expect(matchesPath(one, other, false)).toBe(true)
        },
      ),
    )
  })

  it('a glob is what its characters say, in time', () => {
    expect(matchesGlob('a*c', 'abbbc')).toBe(true)
    expect(matchesGlob('*a*', 'bab')).toBe(true)
    expect(matchesGlob('a*a', 'a')).toBe(false)
    expect(matchesGlob('*a'.repeat(50), 'a'.repeat(20_000))).toBe(true)
    expect(matchesGlob(`${'*a'.repeat(50)}b`, 'a'.repeat(20_000))).toBe(false)
  })
})

describe('rules about hosts', () => {
  it('an opaque program is allowed by a rule that names it, and by no other', () => {
    const vim = { argv: ['vim', 'x'], opaque: ['what vim does is not known'] }
    expect(allows({}, vim)).toBe(false)
    expect(allows({ programs: ['vim'] }, vim)).toBe(true)
    expect(allows({ commands: ['vim ...'] }, vim)).toBe(true)
    expect(allows({ unknown: true }, vim)).toBe(true)
    expect(allows({ programs: ['vim'] }, { ...vim, unknown: ['eval'] })).toBe(false)
  })

  it.each<StatementMatch>([
    { programs: ['rm'] },
    { commands: ['rm -rf /'] },
    { arguments: ['-rf'] },
    { paths: ['/etc/**'] },
    { kinds: ['exec'], writesPaths: ['/etc/**'], logins: ['deploy'] },
  ])('a command line that could not be read may be what a rule refuses: %j', (match) => {
    const unread = { unknown: ['it could not be parsed'] }
    expect(refuses(match, unread)).toBe(true)
    expect(refuses(match, { ...unread, argv: [null, 'x'] })).toBe(true)
    expect(policyLanguage.matches({ ...match, unknown: true }, 'hold', statement(unread))).toBe(true)
    expect(allows({ ...match, unknown: true }, unread)).toBe(false)
    // Of a program that is known, its words are, too; and a file that is written is no program.
    expect(refuses(match, { ...unread, argv: ['python3'] })).toBe(false)
    expect(refuses({ ...match, kinds: ['file-write'] }, unread)).toBe(false)
    expect(refuses({ ...match, logins: ['root'] }, unread)).toBe(false)
  })

  it('a command line that could not be read opens no connection', () => {
    expect(refuses({ hosts: ['10.0.0.7:5432'] }, { unknown: ['it could not be parsed'] })).toBe(false)
  })

  it('to allow, a program is the system’s; to refuse, any of that name', () => {
    expect(allows({ programs: ['ls'] }, { argv: ['/bin/ls'] })).toBe(true)
    expect(allows({ programs: ['ls'] }, { argv: ['/tmp/ls'] })).toBe(false)
    expect(refuses({ programs: ['ls'] }, { argv: ['/tmp/ls'] })).toBe(true)
    expect(allows({ programs: ['/opt/x/ls'] }, { argv: ['/opt/x/ls'] })).toBe(true)
    expect(refuses({ programs: ['rm'] }, { argv: [null] })).toBe(true)
    expect(allows({ programs: ['rm'] }, { argv: [null] })).toBe(false)
  })

  it.each([
    ['systemctl status *', ['systemctl', 'status', 'nginx'], true],
    ['systemctl status *', ['systemctl', 'status', '--no-pager'], false],
    ['systemctl status *', ['systemctl', 'status', 'a', 'b'], false],
    ['systemctl status *', ['systemctl', 'restart', 'nginx'], false],
    ['journalctl -u ...', ['journalctl', '-u', 'nginx', '-n', '5'], true],
    ['cat /var/log/*', ['cat', '/var/log/syslog'], true],
    ['cat /var/log/*', ['cat', '/var/log/../../etc/shadow'], false],
    ['cat /var/log/*', ['cat', '/var/log/a/b'], false],
    ['cat /var/log/*', ['cat', null], false],
    ['ls', ['ls'], true],
    ['ls', ['ls', '-l'], false],
  ] as const)('%s allows %j: %s', (pattern, argv, expected) => {
    expect(allows({ commands: [pattern] }, { argv })).toBe(expected)
  })

  it('an unknown word matches what refuses, and nothing that allows', () => {
    expect(refuses({ commands: ['rm -rf *'] }, { argv: ['rm', null, 'x'] })).toBe(true)
    expect(refuses({ arguments: ['--force'] }, { argv: ['git', null] })).toBe(true)
    expect(allows({ arguments: ['-*'] }, { argv: ['ls', null] })).toBe(false)
  })

  it('shells and forwarding are allowed by rules that name them', () => {
    const shell = { kinds: ['shell'], named: true }
    expect(allows({}, shell)).toBe(false)
    expect(allows({ kinds: ['*'] }, shell)).toBe(false)
    expect(allows({ kinds: ['shell'] }, shell)).toBe(true)
    const forward = { kinds: ['forward-local'], named: true, endpoints: ['10.0.0.7:5432'] }
    expect(allows({ kinds: ['forward-local'], hosts: ['10.0.0.7:5432'] }, forward)).toBe(true)
    expect(allows({ kinds: ['forward-local'], hosts: ['10.0.0.7:22'] }, forward)).toBe(false)
    expect(allows({ kinds: ['forward-remote'], hosts: ['*:*'] }, forward)).toBe(false)
    expect(allows({ kinds: ['forward-local'], hosts: ['[::1]:5432'] }, { ...forward, endpoints: ['::1:5432'] })).toBe(
      true,
    )
    expect(refuses({}, forward)).toBe(true)
    expect(refuses({ hosts: ['10.0.0.8:*'] }, forward)).toBe(false)
    const unreadable = { ...forward, endpoints: ['127.1:22'], unknown: ['…'] }
    expect(refuses({ hosts: ['10.0.0.8:*'] }, unreadable)).toBe(true)
    expect(allows({ kinds: ['forward-local'], hosts: ['*:*'] }, unreadable)).toBe(false)
    expect(allows({ kinds: ['forward-local'], hosts: ['10.0.0.8:*'], unknown: true }, unreadable)).toBe(false)
    expect(allows({ kinds: ['forward-local'], hosts: ['*:*'], unknown: true }, unreadable)).toBe(true)
  })

  it('of several paths, all have to be allowed, and one is enough to refuse', () => {
    const copy = { reads: ['/a/x'], writes: ['/b/x'] }
    expect(allows({ paths: ['/a/**'] }, copy)).toBe(false)
    expect(allows({ paths: ['/a/**', '/b/**'] }, copy)).toBe(true)
    expect(refuses({ paths: ['/b/**'] }, copy)).toBe(true)
    expect(refuses({ writesPaths: ['/a/**'] }, copy)).toBe(false)
    expect(allows({ paths: ['/**'] }, {})).toBe(false)
  })

  it('logins are matched by the account on the host', () => {
    expect(allows({ logins: ['root'] }, {})).toBe(false)
    expect(allows({ logins: ['deploy'] }, {})).toBe(true)
  })

  it('a rule for a database does not match on hosts, and the other way round', () => {
    for (const match of [{ relations: ['x'] }, { functions: ['x'] }, { missingWhere: true }, { writes: ['x'] }])
      for (const effect of ['allow', 'deny', 'hold'] as const)
        expect(policyLanguage.matches(match, effect, statement({ argv: ['x'] }))).toBe(false)
    const sql = sqlStatement({})
    for (const match of [{ programs: ['x'] }, { paths: ['**'] }, { hosts: ['*'] }, { logins: ['x'] }])
      for (const effect of ['allow', 'deny', 'hold'] as const)
        expect(policyLanguage.matches(match, effect, sql)).toBe(false)
  })
})
