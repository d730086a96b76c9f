import { spawn } from 'node:child_process'
import { Terminal } from '@xterm/headless'
import { hasProgram } from '../../src/demo/programs.ts'
import { join } from 'node:path'
import { ROOT } from './run.ts'

/** util-linux' script(1) gives a program a terminal of its own. */
export const SCRIPT = process.platform === 'linux' && hasProgram('script')

export interface OnTerminal {
  /** All the bytes that were sent to the terminal so far. */
  output(): string
  type(text: string): void
  readonly closed: Promise<number | null>
}

/** pamctl with a terminal as its three streams; `after` is more of a shell command, such as a pipe. */
export function pamctlOnTerminal(
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  after = '',
  columns = 100,
): OnTerminal {
  const command = [process.execPath, join(ROOT, 'bin', 'pamctl.js'), ...args].map((word) => `'${word}'`).join(' ')
  const env: NodeJS.ProcessEnv = { ...process.env, TERM: 'xterm-256color', ...environment }
  for (const [name, value] of Object.entries({ NO_COLOR: undefined, FORCE_COLOR: undefined, ...environment }))
    if (value === undefined) delete env[name]
  const child = spawn('script', ['-qfec', `stty cols ${columns} rows 30; ${command}${after}`, '/dev/null'], {
    env,
    stdio: 'pipe',
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stdin.on('error', () => {})
  return {
    output: () => output,
    type: (text) => void child.stdin.write(text),
    closed: new Promise((resolve) => child.on('close', resolve)),
  }
}

/** The lines that somebody sees at the end, and whether they see the cursor. */
export async function screenOf(output: string): Promise<{ lines: string[]; cursor: boolean }> {
  const terminal = new Terminal({ cols: 100, rows: 30, allowProposedApi: true })
  await new Promise<void>((resolve) => terminal.write(output, resolve))
  const { active } = terminal.buffer
  const lines = Array.from({ length: active.length }, (_, row) => active.getLine(row)?.translateToString(true) ?? '')
  return {
    lines: lines.filter((line) => line !== ''),
    cursor: output.lastIndexOf('\u001b[?25h') >= output.lastIndexOf('\u001b[?25l'),
  }
}
