import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { SHELLS } from '../../../src/cli/completion/shells.ts'
import { hasProgram } from '../../../src/demo/programs.ts'
import { run } from '../../helpers/run.ts'

const directory = mkdtempSync(join(tmpdir(), 'pamctl-shells-'))
afterAll(() => rmSync(directory, { recursive: true }))

/** What a gateway would offer that is after the shell; the words that were handed over are kept. */
writeFileSync(
  join(directory, 'pamctl'),
  `#!/bin/sh
printf '%s\\n' "$@" >'${directory}/words'
printf 'prod-db\\tpostgres\\nprod-\`touch ${directory}/hit\`\\tx\\nprod-$(touch ${directory}/hit)\\t$(touch ${directory}/hit)\\ndev db; touch ${directory}/hit\\tx\\n:files\\n'
`,
  { mode: 0o755 },
)
writeFileSync(join(directory, 'bash.sh'), SHELLS.bash)
writeFileSync(join(directory, '_pamctl'), SHELLS.zsh)

const environment = { PATH: `${directory}:${process.env['PATH'] ?? ''}`, HOME: directory }
const words = (): string[] => readFileSync(join(directory, 'words'), 'utf8').split('\n').slice(0, -1)

describe('bash', () => {
  const complete = async (typed: string, count: number) =>
    run(
      'bash',
      [
        '--norc',
        '-c',
        `source ${directory}/bash.sh; COMP_WORDS=(${typed}); COMP_CWORD=${count}; _pamctl; printf '%s\\n' "\${COMPREPLY[@]}"; complete -p pamctl`,
      ],
      { env: environment, cwd: directory },
    )

  it('offers what begins with the word, and evaluates nothing', async () => {
    const { stdout } = await complete(`pamctl connect prod-`, 2)
    expect(stdout.split('\n')).toEqual([
      'prod-db',
      `prod-\`touch ${directory}/hit\``,
      `prod-$(touch ${directory}/hit)`,
      'complete -F _pamctl pamctl',
      '',
    ])
    expect(existsSync(join(directory, 'hit'))).toBe(false)
  })

  it('passes on what was typed up to the cursor, and evaluates nothing', async () => {
    await complete(`pamctl connect '$(touch ${directory}/hit)' '' later`, 3)
    expect(words()).toEqual(['complete', '--', 'connect', `$(touch ${directory}/hit)`, ''])
    await complete(`pamctl '*' '\`touch ${directory}/hit\`'`, 2)
    expect(words()).toEqual(['complete', '--', '*', `\`touch ${directory}/hit\``])
    expect(existsSync(join(directory, 'hit'))).toBe(false)
  })
})

describe('zsh', () => {
  it.skipIf(!existsSync('/usr/bin/zsh'))(
    'offers values as words that it quotes itself, and evaluates none',
    async () => {
      // As compinit loads it, with the builtin that takes the candidates watched.
      const script = `
      compadd() { print -r -- "$@"; [[ $* == *-Q* ]] && print quoted; print -rl -- "\${values[@]}" }
      _files() { print files }
      fpath=(${directory}); autoload -U _pamctl
      words=(pamctl connect '$(touch ${directory}/hit)' '' later); CURRENT=4
      _pamctl; _pamctl >/dev/null`
      const { stdout, stderr } = await run('zsh', ['-f', '-c', script], { env: environment, cwd: directory })
      expect(stderr).toBe('')
      expect(stdout.split('\n')).toEqual([
        '-l -d lines -a values',
        'prod-db',
        `prod-\`touch ${directory}/hit\``,
        `prod-$(touch ${directory}/hit)`,
        `dev db; touch ${directory}/hit`,
        'files',
        '',
      ])
      expect(words()).toEqual(['complete', '--', 'connect', `$(touch ${directory}/hit)`, ''])
      expect(existsSync(join(directory, 'hit'))).toBe(false)
    },
  )
})

describe('fish', () => {
  it.skipIf(!hasProgram('fish'))('offers values that begin with the word, and evaluates none', async () => {
    writeFileSync(join(directory, 'pamctl.fish'), SHELLS.fish)
    const script = `source ${directory}/pamctl.fish; complete -C 'pamctl connect prod-'; complete -C "pamctl connect '\\$(touch ${directory}/hit)' "`
    const { stdout, stderr } = await run('fish', ['--no-config', '-c', script], { env: environment, cwd: directory })
    expect(stderr).toBe('')
    expect(stdout.split('\n').slice(0, 3).toSorted()).toEqual([
      `prod-$(touch ${directory}/hit)\t$(touch ${directory}/hit)`,
      `prod-\`touch ${directory}/hit\`\tx`,
      'prod-db\tpostgres',
    ])
    expect(words()).toEqual(['complete', '--', 'connect', `$(touch ${directory}/hit)`, ''])
    expect(existsSync(join(directory, 'hit'))).toBe(false)
  })
})

it('no script evaluates a text', () => {
  for (const shell of ['bash', 'zsh', 'fish'] as const)
    expect(SHELLS[shell]).not.toMatch(/\beval\b|compgen|compadd[^\n]*-Q/)
  expect(SHELLS.powershell.split('\n').slice(1).join('\n')).not.toMatch(/Invoke-Expression|\biex\b/)
})
