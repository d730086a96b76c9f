import { spawn } from 'node:child_process'

/** What a program printed, on both streams together. */
export interface ProgramOutput {
  readonly exitCode: number | undefined
  readonly text: string
}

/** Runs a program without input until it ends or the signal aborts; undefined where there is none of that name. */
export function runProgram(
  program: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<ProgramOutput | undefined> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: environment })
    let text = ''
    const read = (chunk: string): void => {
      if (text.length < MAX_OUTPUT) text += chunk
    }
    child.stdout.setEncoding('utf8').on('data', read)
    child.stderr.setEncoding('utf8').on('data', read)
    // What it started itself may keep its streams open: nothing waits for these.
    const stop = (): void => {
      child.kill('SIGKILL')
      child.stdout.destroy()
      child.stderr.destroy()
      child.unref()
      resolve({ exitCode: undefined, text })
    }
    signal.addEventListener('abort', stop)
    child.on('error', () => {
      signal.removeEventListener('abort', stop)
      resolve(undefined)
    })
    child.on('close', (code) => {
      signal.removeEventListener('abort', stop)
      resolve({ exitCode: code ?? undefined, text })
    })
  })
}

const MAX_OUTPUT = 10_000
