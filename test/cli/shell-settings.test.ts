import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hasProgram } from '../../src/demo/programs.ts'
import { settingsBetween, settingsFor, usualShell } from '../../src/cli/shell-settings.ts'

/** What an administrator, or somebody who creates databases, may have called something. */
const NASTY = [
  `it's`,
  '$(touch /tmp/pwned)',
  '`id`',
  'a\nb\n',
  '"; rm -rf ~; "',
  '\\',
  "\\'",
  '-n',
  '!!',
  '*',
  '~',
  '\u2019; calc; \u2018',
  'ü 漢',
  '\r\n',
  '',
]
const settings = new Map<string, string | undefined>([
  ...NASTY.map((value, index): [string, string] => [`V${index}`, value]),
  ['GONE', undefined],
])

/** What a shell makes of the settings, taken as `eval "$(pamctl env NAME)"` takes them. */
function evaluated(shell: string, values: ReadonlyMap<string, string | undefined>): Record<string, string> {
  const { stdout } = spawnSync(shell, ['-c', 'eval "$(cat)"; exec env -0'], {
    input: settingsFor('sh', values),
    env: { PATH: process.env['PATH'], GONE: 'still here', KEPT: 'as it was' },
    encoding: 'utf8',
  })
  const lines = stdout.split('\0').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)])
  return Object.fromEntries(lines) as Record<string, string>
}

describe('settings for a shell', () => {
  it.each(['sh', 'bash', 'zsh'].filter((shell) => spawnSync(shell, ['-c', 'true']).status === 0))(
    'arrive in %s as they are, and run nothing',
    (shell) => {
      const environment = evaluated(shell, settings)
      expect(NASTY.map((_, index) => environment[`V${index}`])).toEqual(NASTY)
      expect(environment).not.toHaveProperty('GONE')
      expect(environment['KEPT']).toBe('as it was')
    },
  )

  it('arrive in sh as they are, whatever characters they have', () => {
    const values = fc.array(fc.string({ unit: fc.constantFrom(...`'"\\$()\`;&|<>*?~# \n\t-=!{}ü`) }), { minLength: 40 })
    fc.assert(
      fc.property(values, (list) => {
        const found = evaluated('sh', new Map(list.map((value, index) => [`V${index}`, value])))
        expect(list.map((_, index) => found[`V${index}`])).toEqual(list)
      }),
      { numRuns: 3 },
    )
  })

  it.skipIf(!hasProgram('fish'))('arrive in fish as they are, and run nothing', () => {
    const { stdout } = spawnSync('fish', ['--no-config', '-c', 'cat | source; exec env -0'], {
      input: settingsFor('fish', settings),
      env: { PATH: process.env['PATH'], HOME: tmpdir(), GONE: 'still here', KEPT: 'as it was' },
      encoding: 'utf8',
    })
    const environment = stdout.split('\0')
    for (const [index, value] of NASTY.entries()) expect(environment).toContain(`V${index}=${value}`)
    expect(environment.filter((line) => /^(?:GONE|KEPT)=/.test(line))).toEqual(['KEPT=as it was'])
  })

  // fish, Quotes; PowerShell, about_Quoting_Rules.
  it.each([
    ['fish', `it's \\ $(id)`, String.raw`set -gx V 'it\'s \\ $(id)'`],
    ['powershell', `it's $(id) \``, "$env:V = 'it''s $(id) `'"],
    ['powershell', 'a\u2019; calc; \u201Bb', "$env:V = 'a\u2019\u2019; calc; \u201B\u201Bb'"],
    ['powershell', 'a\r\nb', "$env:V = 'a' + [char]13 + [char]10 + 'b'"],
    ['powershell', '\n', "$env:V = '' + [char]10"],
    ['powershell', '', "$env:V = ''"],
  ] as const)('are quoted for %s: %j', (shell, value, text) => {
    expect(settingsFor(shell, new Map([['V', value]]))).toBe(`${text}\n`)
  })

  it.each([
    ['fish', 'set -e V'],
    ['powershell', 'Remove-Item -LiteralPath Env:V -ErrorAction SilentlyContinue'],
  ] as const)('are removed in %s', (shell, text) => {
    expect(settingsFor(shell, new Map([['V', undefined]]))).toBe(`${text}\n`)
  })

  it('are only the differences, sorted by name', () => {
    expect([...settingsBetween({ A: '1', C: '3', D: '4' }, { A: '1', B: '2', C: '33' })]).toEqual([
      ['B', '2'],
      ['C', '33'],
      ['D', undefined],
    ])
  })
})

it.each([
  ['/usr/bin/fish', 'linux', 'fish'],
  ['/opt/microsoft/powershell/7/pwsh', 'linux', 'powershell'],
  ['/bin/zsh', 'darwin', 'sh'],
  [undefined, 'linux', 'sh'],
  [undefined, 'win32', 'powershell'],
  ['/usr/bin/bash', 'win32', 'sh'],
] as const)('with SHELL=%s on %s settings are for %s', (shell, platform, expected) => {
  expect(usualShell(shell === undefined ? {} : { SHELL: shell }, platform)).toBe(expected)
})
