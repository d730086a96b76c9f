import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { run } from '../../src/server/main.ts'
import { createProgram } from '../../src/server/program.ts'
import { sheetOf, stepsOf } from '../cli/verbs/sheets.ts'
import { ROOT } from '../helpers/run.ts'
import { simpleCommand } from '../helpers/simple-command.ts'

const DIRECTORY = join(import.meta.dirname, 'commands')
const SHEETS = readdirSync(DIRECTORY).filter((name) => name.endsWith('.txt'))
/** PAMCTL_TEST_WRITE=1 writes what is printed now: read it before it is committed. */
const WRITES = process.env['PAMCTL_TEST_WRITE'] !== undefined

/** What no sheet shows of a command, and where it is tested. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'hash-password': 'reads standard input: test/integration/check.test.ts',
}

afterEach(() => vi.restoreAllMocks())

describe('each command of pam-gateway prints what its sheet says', () => {
  it.each(SHEETS)('%s', async (name) => {
    const file = join(DIRECTORY, name)
    const text = readFileSync(file, 'utf8')
    const home = mkdtempSync(join(tmpdir(), 'pam-gateway-commands-'))
    const steps: ReturnType<typeof stepsOf> = []
    for (const step of stepsOf(text)) steps.push({ ...step, printed: await printed(step.command, home) })
    rmSync(home, { recursive: true })
    if (WRITES) writeFileSync(file, sheetOf(steps))
    else expect(sheetOf(steps)).toBe(text)
  })
})

/** Both streams as they came, and the exit code. */
async function printed(command: string, home: string): Promise<string> {
  const words = simpleCommand(command.replace(/(^| )pam-gateway /, '$1pamctl ').replaceAll('{{home}}', home), {
    clients: true,
  })
  if (words === undefined) throw new Error(`a sheet runs pam-gateway and nothing else: ${command}`)
  let text = ''
  const write = (chunk: unknown): boolean => {
    text += String(chunk)
    return true
  }
  const spies = [vi.spyOn(process.stdout, 'write'), vi.spyOn(process.stderr, 'write')]
  for (const spy of spies) spy.mockImplementation(write)
  const before = process.exitCode
  process.exitCode = undefined
  for (const [variable, value] of Object.entries(words.variables)) vi.stubEnv(variable, value)
  try {
    const code = (await run(words.args)) ?? exitCode()
    const shown = text
      .replaceAll(home, '/home')
      .replaceAll(ROOT, '/opt/pamctl')
      .replaceAll(/(ssh-ed25519 )\S+/g, '$1AAAA…')
    return `${shown === '' || shown.endsWith('\n') ? shown : `${shown}\n`}${code === 0 ? '' : `[exit ${code}]\n`}`.replace(
      /[ \t]+$/gm,
      '',
    )
  } finally {
    for (const spy of spies) spy.mockRestore()
    vi.unstubAllEnvs()
    process.exitCode = before
  }
}

it('sheets show of every command its help, and an error or a result', () => {
  const steps = SHEETS.flatMap((name) => stepsOf(readFileSync(join(DIRECTORY, name), 'utf8')))
  const lacking = commandsOf(createProgram(() => {})).filter((name) => {
    const own = steps.filter(
      ({ command }) => command.startsWith(`pam-gateway ${name} `) || command === `pam-gateway ${name}`,
    )
    const shows = own.filter(({ command }) => command.endsWith(' --help')).length
    return shows === 0 || own.length === shows
  })
  expect(lacking).toEqual(Object.keys(ELSEWHERE))
})

/** As a command that has run to its end leaves it. */
const exitCode = (): number => Number(process.exitCode ?? 0)

const commandsOf = (parent: Command): string[] =>
  parent.commands
    .filter((command) => command.name() !== 'help')
    .flatMap((command) =>
      command.commands.length === 0 ? [command.name()] : commandsOf(command).map((name) => `${command.name()} ${name}`),
    )
