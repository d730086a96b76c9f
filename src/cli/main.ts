import { errorCode, fileProblem } from '../shared/file-problem.ts'
import { httpCall } from '../shared/http-call.ts'
import { run } from './run.ts'

/** `pamctl`: one run in a process of its own, whose exit code it sets. */
export async function main(args: readonly string[]): Promise<void> {
  // A pipe that closes early (`pamctl sessions | head`) is no failure.
  process.stdout.on('error', (error) => {
    if (errorCode(error) === 'EPIPE') process.exit(0)
    process.stderr.write(`pamctl: ${fileProblem('the output', error, 'written')}\n`, () => process.exit(1))
  })
  // A terminal that was closed takes no more notes: what the command still has to do goes on.
  process.stderr.on('error', () => {})
  const { exitCode, endsNow } = await run(args, {
    environment: process.env,
    streams: process,
    now: Date.now,
    httpCall,
  })
  if (exitCode !== 0) process.exitCode = exitCode
  // Once all that was printed has been taken: a pipe may be slow.
  if (endsNow) process.stdout.write('', () => process.exit())
}
