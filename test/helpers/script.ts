import { spawn } from 'node:child_process'
import { expect } from 'vitest'
import { eventually } from './gateway-client.ts'
import { ROOT } from './run.ts'
import { runPamctl } from './run-pamctl.ts'
import { simpleCommand, type SimpleCommand } from './simple-command.ts'

/**
 * A text script: `who$ command` runs to its end, `who& command` is started, `who=` waits for it, `who? command` is run until it prints what it
 * should: for what another process has still to do. With `who@40$` it prints to a terminal of 40 columns. The lines below are what it prints (both streams): `…` stands for anything in a line, or
 * alone for any lines; `{{name}}` for a word that is the same everywhere. `[exit N]` is its code, 0 where left out.
 */
export async function runScript(
  text: string,
  variables: Record<string, string>,
  environmentOf: (who: string) => NodeJS.ProcessEnv,
): Promise<void> {
  const started = new Map<string, Started>()
  for (const block of readBlocks(text)) {
    const { who, how, lines, exit, columns } = block
    const command = substitute(block.command, variables)
    if (how === '=') {
      const running = started.get(who)
      const { code, output } = await (running as Started).ended
      match(`${who}= (${block.command})`, output.slice(running?.checked ?? 0), lines, variables)
      expect([command, code]).toEqual([command, exit])
      continue
    }
    if (how === '?') {
      await eventually(async () => {
        const { code, output } = await start(command, environmentOf(who), columns).ended
        return code === exit && isMatch(output, lines, variables) ? true : undefined
      }, block.command)
      continue
    }
    const running = start(command, environmentOf(who), columns)
    if (how === '&') {
      started.set(who, running)
      await running.until(lines.length)
      running.checked = running.output().length
      match(command, running.output(), lines, variables)
      continue
    }
    const { code, output } = await running.ended
    match(command, output, lines, variables)
    expect([command, code]).toEqual([command, exit])
  }
}

interface Block {
  readonly who: string
  readonly how: '$' | '&' | '=' | '?'
  readonly command: string
  /** Of a terminal that it prints to. */
  readonly columns: number | undefined
  readonly lines: readonly string[]
  readonly exit: number
}

function readBlocks(text: string): Block[] {
  return text
    .split(/\n(?:[ \t]*\n)+/)
    .map((block) => block.split('\n').filter((line) => line !== '' && !line.startsWith('#')))
    .filter((lines) => lines.length > 0)
    .map(([first = '', ...lines]) => {
      const [, who = '', columns, how = '$', command = ''] = /^(\w+)(?:@(\d+))?([$&=?]) ?(.*)$/.exec(first) ?? []
      const exit = /^\[exit (\d+)\]$/.exec(lines.at(-1) ?? '')
      return {
        who,
        how: how as Block['how'],
        command,
        columns: columns === undefined ? undefined : Number(columns),
        lines: exit === null ? lines : lines.slice(0, -1),
        exit: Number(exit?.[1] ?? 0),
      }
    })
}

interface Started {
  /** How much of the output has been compared. */
  checked: number
  readonly ended: Promise<{ readonly code: number | null; readonly output: string }>
  output(): string
  /** Resolves once it has printed so many lines, or has ended. */
  until(lines: number): Promise<void>
}

/** Within this process where the line is a run of pamctl and nothing else: to start another takes longer than what it does. */
function start(command: string, env: NodeJS.ProcessEnv, columns: number | undefined): Started {
  const isWithin = columns !== undefined || process.env['PAMCTL_TEST_PROCESSES'] === undefined
  const simple = isWithin ? simpleCommand(command) : undefined
  if (simple !== undefined) return startWithin(simple, env, columns)
  if (columns !== undefined) throw new Error(`a terminal is for pamctl alone: ${command}`)
  return startShell(command, env)
}

const USUAL = { NO_COLOR: '1', LC_ALL: 'C.UTF-8' }

function startWithin({ variables, args }: SimpleCommand, env: NodeJS.ProcessEnv, columns: number | undefined): Started {
  const heard = new Heard()
  const ended = runPamctl(args, {
    columns,
    environment: { ...process.env, ...USUAL, TERM: 'dumb', ...env, ...variables },
    heard: (text) => heard.add(text),
  }).then((code) => heard.end(code))
  return { checked: 0, ended, output: () => heard.output, until: (lines) => heard.until(lines) }
}

/** What a command has printed so far, on both streams. */
class Heard {
  output = ''
  #hasEnded = false
  #wake: () => void = () => {}

  add(text: string): void {
    this.output += text
    this.#wake()
  }

  end(code: number | null): { readonly code: number | null; readonly output: string } {
    this.#hasEnded = true
    this.#wake()
    return { code, output: this.output }
  }

  async until(lines: number): Promise<void> {
    while (this.output.split('\n').length <= lines && !this.#hasEnded)
      await new Promise<void>((resolve) => (this.#wake = resolve))
  }
}

function startShell(command: string, env: NodeJS.ProcessEnv): Started {
  // `pamctl` is this checkout's; the rest is a shell's to read.
  const child = spawn('sh', ['-c', `pamctl() { "$PAMCTL_NODE" "$PAMCTL_ROOT/bin/pamctl.js" "$@"; }; ${command}`], {
    env: { ...process.env, PAMCTL_NODE: process.execPath, PAMCTL_ROOT: ROOT, ...USUAL, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const heard = new Heard()
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => heard.add(text))
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve)).then((code) => heard.end(code))
  return { checked: 0, ended, output: () => heard.output, until: (lines) => heard.until(lines) }
}

const substitute = (text: string, variables: Record<string, string>): string =>
  text.replace(/\{\{(\w+)\}\}/g, (whole, name: string) => variables[name] ?? whole)

function match(command: string, output: string, lines: readonly string[], variables: Record<string, string>): void {
  if (!isMatch(output, lines, variables))
    throw new Error(`${command}\n--- expected\n${lines.join('\n')}\n--- printed\n${output}`)
}

/** Whether an output is as it should be; what its variables are is then known. */
function isMatch(output: string, lines: readonly string[], variables: Record<string, string>): boolean {
  const names: string[] = []
  const body = lines
    .map((line) => (line === '…' ? '(?:.*\\n)*?' : `${toPattern(line, variables, names)}[ \\t]*\\n`))
    .join('')
  const found = new RegExp(`^${body}$`).exec(output.replace(/\n\n+/g, '\n').replace(/^\n/, ''))
  if (found === null) return false
  names.forEach((name, index) => (variables[name] ??= found[index + 1] ?? ''))
  return true
}

function toPattern(line: string, variables: Record<string, string>, names: string[]): string {
  return line
    .split(/(\{\{\w+\}\}|…)/)
    .map((part) => {
      if (part === '…') return '.*'
      const name = /^\{\{(\w+)\}\}$/.exec(part)?.[1]
      if (name === undefined) return escape(part)
      if (variables[name] !== undefined) return escape(variables[name])
      if (names.includes(name)) return `\\${names.indexOf(name) + 1}`
      names.push(name)
      return '(\\S+)'
    })
    .join('')
}

const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
