import { spawn } from 'node:child_process'
import { expect } from 'vitest'
import { ROOT } from './run.ts'

/**
 * A text script: `who$ command` runs to its end, `who& command` is started, `who=` waits for it. The lines below are what
 * it prints (both streams): `…` stands for anything in a line, or alone for any lines; `{{name}}` for a word that is
 * the same everywhere. `[exit N]` is its code, 0 where left out.
 */
export async function runScript(
  text: string,
  variables: Record<string, string>,
  environmentOf: (who: string) => NodeJS.ProcessEnv,
): Promise<void> {
  const started = new Map<string, ReturnType<typeof start>>()
  for (const block of readBlocks(text)) {
    const { who, how, lines, exit } = block
    const command = substitute(block.command, variables)
    if (how === '=') {
      const running = started.get(who)
      const { code, output } = await (running as ReturnType<typeof start>).ended
      match(`${who}= (${block.command})`, output.slice(running?.checked ?? 0), lines, variables)
      expect([command, code]).toEqual([command, exit])
      continue
    }
    const running = start(command, environmentOf(who))
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
  readonly how: '$' | '&' | '='
  readonly command: string
  readonly lines: readonly string[]
  readonly exit: number
}

function readBlocks(text: string): Block[] {
  return text
    .split(/\n(?:[ \t]*\n)+/)
    .map((block) => block.split('\n').filter((line) => line !== '' && !line.startsWith('#')))
    .filter((lines) => lines.length > 0)
    .map(([first = '', ...lines]) => {
      const [, who = '', how = '$', command = ''] = /^(\w+)([$&=]) ?(.*)$/.exec(first) ?? []
      const exit = /^\[exit (\d+)\]$/.exec(lines.at(-1) ?? '')
      return {
        who,
        how: how as Block['how'],
        command,
        lines: exit === null ? lines : lines.slice(0, -1),
        exit: Number(exit?.[1] ?? 0),
      }
    })
}

function start(command: string, env: NodeJS.ProcessEnv) {
  // `pamctl` is this checkout's; the rest is a shell's to read.
  const child = spawn('sh', ['-c', `pamctl() { "$PAMCTL_NODE" "$PAMCTL_ROOT/bin/pamctl.js" "$@"; }; ${command}`], {
    env: { ...process.env, PAMCTL_NODE: process.execPath, PAMCTL_ROOT: ROOT, NO_COLOR: '1', LC_ALL: 'C.UTF-8', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let wake: () => void = () => {}
  const hear = (text: string): void => {
    output += text
    wake()
  }
  child.stdout.setEncoding('utf8').on('data', hear)
  child.stderr.setEncoding('utf8').on('data', hear)
  const ended = new Promise<{ code: number | null; output: string }>((resolve) =>
    child.on('close', (code) => resolve({ code, output })),
  )
  return {
    checked: 0,
    ended,
    output: () => output,
    async until(lines: number): Promise<void> {
      while (output.split('\n').length <= lines && child.exitCode === null)
        await new Promise<void>((resolve) => (wake = resolve))
    },
  }
}

const substitute = (text: string, variables: Record<string, string>): string =>
  text.replace(/\{\{(\w+)\}\}/g, (whole, name: string) => variables[name] ?? whole)

function match(command: string, output: string, lines: readonly string[], variables: Record<string, string>): void {
  const names: string[] = []
  const body = lines
    .map((line) => (line === '…' ? '(?:.*\\n)*?' : `${toPattern(line, variables, names)}[ \\t]*\\n`))
    .join('')
  const found = new RegExp(`^${body}$`).exec(output.replace(/\n\n+/g, '\n').replace(/^\n/, ''))
  if (found === null) throw new Error(`${command}\n--- expected\n${lines.join('\n')}\n--- printed\n${output}`)
  names.forEach((name, index) => (variables[name] ??= found[index + 1] ?? ''))
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
