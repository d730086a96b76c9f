import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InvalidArgumentError, Option } from 'commander'
import type { RecordedEvent } from '../../recording/event.ts'
import { readRecording } from '../../recording/replay.ts'
import { publicKeyFromPem, verifyRecording, type Verification } from '../../recording/verify.ts'
import { looksLikeId } from '../../shared/id.ts'
import { UsageError } from '../../shared/errors.ts'
import { jsonOption, type AddCommand } from '../command.ts'
import type { CliContext } from '../context.ts'
import { Exit } from '../exit-codes.ts'
import { describeEvent } from '../output/timeline.ts'

/** `pamctl replay ID|FILE`: what happened in a session. */
export const replay: AddCommand = (program, run) => {
  program
    .command('replay <session-or-file>')
    .description('show what happened in a session')
    .addOption(new Option('--speed <factor>', 'play in time, 1 is as it was').argParser(speed))
    .addOption(jsonOption())
    .action(
      run(async (context: CliContext, source: string, options: { speed?: number; json?: boolean }) => {
        const { file, cleanUp } = await fetchRecord(context, source)
        try {
          for await (const event of readRecording(file)) {
            if (options.speed !== undefined) await pause(event, options.speed)
            if (options.json) context.io.print(JSON.stringify(event))
            else for (const line of describeEvent(event)) context.io.print(line)
          }
        } finally {
          cleanUp()
        }
      }),
    )
}

/** `pamctl export ID`: the record as a file, to keep or to verify. */
export const exportRecord: AddCommand = (program, run) => {
  program
    .command('export <session>')
    .description('save the record of a session as a file')
    .option('--output <file>', 'where to; the session’s id with .pamrec where left out')
    .action(
      run(async ({ io, client }: CliContext, id: string, options: { output?: string }) => {
        const api = await client()
        const session = await api.sessions.get(id)
        const file = options.output ?? `${session.id}.pamrec`
        const bytes = Buffer.from(await api.sessions.recording(session.id))
        try {
          writeFileSync(file, bytes, { flag: 'wx', mode: 0o600 })
        } catch (error) {
          throw new UsageError(
            `${file} cannot be written (${(error as NodeJS.ErrnoException).code})`,
            'nothing is overwritten: give another --output',
          )
        }
        io.print(file)
      }),
    )
}

/** `pamctl verify FILE… --key FILE`: whether records are what the gateway wrote. Needs no gateway. */
export const verify: AddCommand = (program, run) => {
  program
    .command('verify <files...>')
    .description('check records against the public key of the gateway, offline')
    .requiredOption('--key <file>', 'the public key of the gateway (gateway.pub)')
    .addOption(jsonOption())
    .action(
      run(async ({ io }: CliContext, files: readonly string[], options: { key: string; json?: boolean }) => {
        const keys = readKeys(options.key)
        const results: { file: string; result: Verification }[] = []
        for (const file of files) {
          if (!existsSync(file)) throw new UsageError(`${file} does not exist`)
          const result = await verifyRecording(file, keys)
          results.push({ file, result })
          if (!options.json) io.print(`${file}: ${describeVerification(result)}`)
        }
        if (options.json) io.json(results.map(({ file, result }) => ({ file, ...result })))
        if (results.some(({ result }) => result.status === 'invalid' || result.status === 'open')) throw new Exit(1)
      }),
    )
}

function describeVerification(result: Verification): string {
  switch (result.status) {
    case 'sealed':
      return `valid: ${result.session}, ${result.events} events, sealed ${result.seal.at} with key ${result.seal.key}`
    case 'recovered':
      return `recovered: ${result.session}, ${result.events} events, closed after the gateway was stopped; events after the last whole one are lost`
    case 'open':
      return `not sealed: ${result.session ?? 'no session'}, ${result.events} events; the session is open, or the gateway was stopped`
    case 'invalid':
      return `INVALID: line ${result.line} ${result.reason}`
  }
}

/** A file may hold several keys, one after the other. */
function readKeys(file: string) {
  try {
    const blocks = readFileSync(file, 'utf8').match(/-----BEGIN PUBLIC KEY-----[\s\S]*?-----END PUBLIC KEY-----/g) ?? []
    if (blocks.length === 0) throw new Error('no public key in it')
    return blocks.map(publicKeyFromPem)
  } catch (error) {
    throw new UsageError(`--key ${file}: ${(error as Error).message}`, 'expected a PEM file such as gateway.pub')
  }
}

async function fetchRecord({ client }: CliContext, source: string): Promise<{ file: string; cleanUp: () => void }> {
  if (!looksLikeId(source, ['ses'])) {
    if (!existsSync(source)) throw new UsageError(`${source} is neither a session nor a file`)
    return { file: source, cleanUp: () => {} }
  }
  const api = await client()
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-'))
  const file = join(directory, 'record')
  writeFileSync(file, Buffer.from(await api.sessions.recording(source)), { mode: 0o600 })
  return { file, cleanUp: () => rmSync(directory, { recursive: true, force: true }) }
}

let playedUntil = 0
async function pause(event: RecordedEvent, factor: number): Promise<void> {
  const wait = Math.min((event.ms - playedUntil) / factor, LONGEST_PAUSE)
  playedUntil = event.ms
  if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
}

function speed(text: string): number {
  const value = Number(text)
  if (!(value > 0 && value <= 1000)) throw new InvalidArgumentError('expected a number above 0')
  return value
}

const LONGEST_PAUSE = 5000
